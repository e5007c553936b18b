"""Names what went wrong, from the trace of the failing execution, in plain words.

Three tasks of a reader: who saw what, who changed it meanwhile, and what came of it. A *lost update* is a read, another
task's write and then the reader's own write of one location; *check-then-act* is the same with any other access
last; otherwise the failure is explained by the last two accesses whose order could have been another one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pytest_conc.model.failure import Finding
from pytest_conc.model.findings import ConcurrencyError
from pytest_conc.model.operation import READ, WRITE, Step

Triple = tuple[Step, Step, Step]


def finding_of(execution: Any, steps: Sequence[Step]) -> Finding:
    """The finding that explains a failing execution."""
    error = execution.error
    if isinstance(error, ConcurrencyError):
        return Finding(type(error).__name__, str(error))
    for kind, completes, describe in _PATTERNS:
        for triple in _interrupted(steps, completes):
            return Finding(kind, describe(*triple), triple)
    return _order_violation(execution, steps)


def _interrupted(steps: Sequence[Step], completes: Callable[[Step, Step], bool]) -> Iterator[Triple]:
    """A read, the next write of that location by another task, and the reader's step that completes it."""
    for index, read in enumerate(steps):
        if read.kind != READ:
            continue
        later = next((at for at in range(index + 1, len(steps)) if _overwrites(steps[at], read)), None)
        if later is None or steps[later].task == read.task:
            continue
        for mine in steps[later + 1 :]:
            if mine.task == read.task and completes(mine, read):
                yield read, steps[later], mine
                break


def _overwrites(step: Step, read: Step) -> bool:
    return step.kind == WRITE and step.resource == read.resource


def _writes_it_too(mine: Step, read: Step) -> bool:
    return _overwrites(mine, read)


def _goes_on(mine: Step, read: Step) -> bool:
    return mine.kind in (READ, WRITE)


def _lost_update(read: Step, theirs: Step, mine: Step) -> str:
    return (
        f"{read.task} read {read.resource}{_with(' = ', read.after)} at {read.site} before {theirs.task} wrote"
        f"{_with(' ', theirs.after, ' it')} at {theirs.site}; its own write of{_with(' ', mine.after, ' it')} at "
        f"{mine.site} then overwrote that update. Read and write belong together: hold one lock around both."
    )


def _check_then_act(read: Step, theirs: Step, mine: Step) -> str:
    return (
        f"{read.task} read {read.resource}{_with(' = ', read.after)} at {read.site}, then {theirs.task} changed it"
        f"{_with(' to ', theirs.after)} at {theirs.site}, and {read.task} went on at {mine.site} with what it had "
        "seen. What was checked and what depends on it belong together: hold one lock around both."
    )


_PATTERNS = (("LostUpdate", _writes_it_too, _lost_update), ("CheckThenAct", _goes_on, _check_then_act))


def _order_violation(execution: Any, steps: Sequence[Step]) -> Finding:
    name = execution.failed_task.label()
    pair = _last_conflict(steps)
    if pair is None:
        last = next((step for step in reversed(steps) if step.task == name and step.kind == READ), None)
        if last is not None:
            return Finding(
                "OrderViolation",
                f"{name} read {last.resource} at {last.site} before any other task wrote it. Nothing makes it wait for "
                "one that does: join it, or wait for an Event or a queue.",
                (last,),
            )
        return Finding("Failure", f"{type(execution.error).__name__} in {name}; no order of shared accesses led to it")
    first, second = pair
    return Finding(
        "OrderViolation",
        f"{second.task} {_did(second)} at {second.site} after {first.task} {_did(first)} at {first.site}. Nothing "
        "makes the two happen in the order that the program expects: let one wait for the other (join, Event, queue).",
        pair,
    )


def _last_conflict(steps: Sequence[Step]) -> tuple[Step, Step] | None:
    """The last two accesses to one location by different tasks, one of them a write."""
    for late in range(len(steps) - 1, 0, -1):
        second = steps[late]
        if second.kind not in (READ, WRITE):
            continue
        for first in reversed(steps[:late]):
            if _same_place(first, second) and first.task != second.task and WRITE in (first.kind, second.kind):
                return first, second
    return None


def _same_place(first: Step, second: Step) -> bool:
    if first.kind not in (READ, WRITE):
        return False
    return first.resource == second.resource or first.resource.partition("[")[0] == second.resource.partition("[")[0]


def _did(step: Step) -> str:
    if step.kind == READ:
        return f"read {step.resource}{_with(' = ', step.after)}"
    return f"wrote {step.resource}{_with(' = ', step.after)}"


def _with(sign: str, text: str | None, otherwise: str = "") -> str:
    return otherwise if text is None else f"{sign}{text}"
