"""What came before a deadlock: the operations of others without which nobody would have to wait for ever.

The error says who waits for what. The steps say why nobody can give it any more: a lock was taken in another order, a
notification came before the wait for it, or the item that should have ended one more task was the last one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from pytest_conc.model.failure import Finding
from pytest_conc.model.findings import ConcurrencyError, DataRace, Deadlock
from pytest_conc.model.operation import Step
from pytest_conc.model.words import in_past

_TAKES = ("acquire", "try-acquire", "wake", "try-wake")


def stall(error: ConcurrencyError, steps: Sequence[Step]) -> Finding:
    """The finding of an error of our own: its text, and for a deadlock what came before it."""
    kind = type(error).__name__
    if isinstance(error, DataRace):
        return Finding(kind, str(error), tuple(steps[index] for index in error.operations))
    if not isinstance(error, Deadlock):
        return Finding(kind, str(error))
    causes = [cause for waits in error.pending for cause in _cause(waits, steps)]
    remarks = dict.fromkeys(remark for _, remark in causes if remark)
    return Finding(kind, "\n".join([str(error), *remarks]), tuple(dict.fromkeys(step for step, _ in causes)))


def _cause(waits: Step, steps: Sequence[Step]) -> Iterator[tuple[Step, str]]:
    """Of an operation that cannot be performed, the one that prevents it, and what is to be said about that."""
    explain = _CAUSES.get(waits.kind)
    return iter(()) if explain is None else explain(waits, steps)


def _held(waits: Step, steps: Sequence[Step]) -> Iterator[tuple[Step, str]]:
    taken = next((step for step in reversed(steps) if step.key == waits.key and step.kind in _TAKES), None)
    if taken is not None:
        yield taken, ""


def _missed(waits: Step, steps: Sequence[Step]) -> Iterator[tuple[Step, str]]:
    """The last notification or setting of what is waited for, which came too early."""
    early = next((step for step in reversed(steps) if step.key == waits.key and step.kind in ("notify", "set")), None)
    wait = next((step for step in reversed(steps) if step.number == waits.number), None)
    if early is not None and wait is not None and early.number != waits.number:
        yield early, f"{early.task} {in_past(early)}{_at(early)}, before {waits.task} waited{_at(wait)}."


def _taken_by_others(waits: Step, steps: Sequence[Step]) -> Iterator[tuple[Step, str]]:
    """Who got the last item; None is what ends a consumer, by custom."""
    last = next((step for step in reversed(steps) if step.key == waits.key and step.kind == "get"), None)
    if last is None:
        return
    ends = last.after == "None"
    puts = sum(step.key == waits.key and step.kind == "put" and step.after == "None" for step in steps)
    said = f"The last item of {last.resource}, {last.after}, went to {last.task}{_at(last)}"
    count = "one None was put" if puts == 1 else f"{puts} were put"
    yield last, f"{said}; a None ends one consumer, and {count}: put one for each." if ends and puts else f"{said}."


def _at(step: Step) -> str:
    return f" at {step.site}" if step.line else ""


_CAUSES: dict[str, Callable[[Step, Sequence[Step]], Iterator[tuple[Step, str]]]] = {
    "acquire": _held,
    "wake": _missed,
    "wait for": _missed,
    "get": _taken_by_others,
}
