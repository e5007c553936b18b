"""Names what went wrong, from the trace of the failing execution, in plain words.

Three questions of a reader: who saw what, who changed it meanwhile, and what came of it. A *lost update* is a write
by a task whose last read of that location was before another task's write; *check-then-act* is a read, another task's
write to the same place, and anything that the reader does afterwards; otherwise the failure is explained by the last
two operations on one resource whose order could have been another one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pytest_conc.model.failure import Failure, Finding
from pytest_conc.model.findings import ConcurrencyError
from pytest_conc.model.operation import MODES, NOTHING, READ, READS, WRITE, Step
from pytest_conc.model.words import in_past

Triple = tuple[Step, Step, Step]
_LOCKING = frozenset({"acquire", "release", "wait", "wake", "try-wake", "notify"})


def finding_of(execution: Any, steps: Sequence[Step]) -> Finding:
    """The finding that explains a failing execution."""
    error = execution.error
    if isinstance(error, ConcurrencyError):
        return Finding(type(error).__name__, str(error))
    for kind, find, describe in _PATTERNS:
        for triple in find(steps):
            given_up = _waits_between(steps, triple)
            return Finding(kind, describe(*triple) if given_up is None else _woken(*triple, given_up), triple)
    return _order_violation(execution, steps)


def _waits_between(steps: Sequence[Step], triple: Triple) -> Step | None:
    """The wait by which the task that looked gave its lock up before it acted."""
    read, _, mine = triple
    between = steps[steps.index(read) : steps.index(mine)]
    return next((step for step in between if step.kind == "wait" and step.task == mine.task), None)


def overlap(one: Step, other: Step) -> bool:
    """Whether two accesses touch the same location, or one an item and the other the whole of a container."""
    mine, theirs = one.key, other.key
    return mine == theirs or mine == theirs.partition("[")[0] or theirs == mine.partition("[")[0]


def _lost_updates(steps: Sequence[Step]) -> Iterator[Triple]:
    for index, mine in enumerate(steps):
        if mine.kind != WRITE or mine.after is None:
            continue
        for earlier in range(index - 1, -1, -1):
            if steps[earlier].task == mine.task and steps[earlier].key == mine.key:
                if steps[earlier].kind == READ:
                    between = steps[earlier + 1 : index]
                    yield from ((steps[earlier], step, mine) for step in between if _assigns(step, mine))
                break


def _assigns(step: Step, mine: Step) -> bool:
    return step.kind == WRITE and step.key == mine.key and step.task != mine.task


def _checks_then_acts(steps: Sequence[Step]) -> Iterator[Triple]:
    for index, read in enumerate(steps):
        if read.kind != READ:
            continue
        later = next((at for at in range(index + 1, len(steps)) if _overwrites(steps[at], read)), None)
        if later is None or steps[later].task == read.task:
            continue
        acts = [step for step in steps[later + 1 :] if step.task == read.task and step.kind in (READ, WRITE)]
        mine = [step for step in acts if not step.internal]
        if mine:  # what it wrote says more than what else it read
            yield read, steps[later], next((step for step in mine if step.kind == WRITE), mine[0])


def _overwrites(step: Step, read: Step) -> bool:
    return step.kind == WRITE and overlap(step, read)


def _lost_update(read: Step, theirs: Step, mine: Step) -> str:
    return (
        f"{read.task} {in_past(read)} at {read.site} before {theirs.task} wrote"
        f"{_with(' ', theirs.after, ' it')} at {theirs.site}; its own write of{_with(' ', mine.after, ' it')} at "
        f"{mine.site} then overwrote that update. Read and write belong together: hold one lock around both."
    )


def _check_then_act(read: Step, theirs: Step, mine: Step) -> str:
    return (
        f"{read.task} {in_past(read)} at {read.site}, then {theirs.task} changed it"
        f"{_with(' to ', theirs.after)} at {theirs.site}, and {read.task} went on at {mine.site} with what it had "
        "seen. What was checked and what depends on it belong together: hold one lock around both."
    )


def _woken(read: Step, theirs: Step, mine: Step, wait: Step) -> str:
    return (
        f"{read.task} {in_past(read)} at {read.site} and gave its lock up in the wait at {wait.site}; meanwhile "
        f"{theirs.task} {in_past(theirs)} at {theirs.site}, and {mine.task} went on at {mine.site} with what it had "
        "seen. To be woken says nothing about the state: look again after each wait (`while not ready: "
        "condition.wait()`, or `condition.wait_for(...)`)."
    )


_PATTERNS: tuple[tuple[str, Callable[[Sequence[Step]], Iterator[Triple]], Callable[[Step, Step, Step], str]], ...] = (
    ("LostUpdate", _lost_updates, _lost_update),
    ("CheckThenAct", _checks_then_acts, _check_then_act),
)


def _order_violation(execution: Any, steps: Sequence[Step]) -> Finding:
    name = execution.failed_task.label()
    pair = _last_conflict(steps, name) or _last_conflict(steps)
    if pair is not None:
        first, second = pair
        return Finding(
            "OrderViolation",
            f"{second.task} {in_past(second)}{_at(second)} after {first.task} {in_past(first)}{_at(first)}. Nothing "
            "makes the two happen in the order that the program expects: let one wait for the other (join, Event, "
            "queue), or hold a lock around what belongs together.",
            pair,
        )
    last = next((step for step in reversed(steps) if step.task == name and step.kind == READ), None)
    if last is not None and name != "main":
        return Finding(
            "OrderViolation",
            f"{name} {in_past(last)} at {last.site} before any other task wrote it. Nothing makes it wait for "
            "one that does: join it, or wait for an Event or a queue.",
            (last,),
        )
    return _too_early(execution, steps) or Finding(
        "Failure",
        f"{type(execution.error).__name__} in {name}, and nothing that another task has done plays a part in it.",
    )


def in_every_order(failure: Failure) -> Finding:
    """The finding of a failure that no order of accesses explains, since every schedule has it."""
    return Finding(
        "Failure",
        f"{type(failure.error).__name__} in each of {failure.elsewhere} other schedules, too: it is no race, as far as "
        "can be seen. Look at the code, and at what the test expects.",
    )


def _too_early(execution: Any, steps: Sequence[Step]) -> Finding | None:
    """Where the failing task went on while others that it has started were not over."""
    name = execution.failed_task.label()
    over = {task for task, kind, _ in execution.trace if kind == "exit"}
    begun = {task for task, kind, _ in execution.trace if kind == "begin"}
    left = [task for task in execution.tasks[1:] if task not in over and task is not execution.failed_task]
    if not left:
        return None
    started = execution.recorder.started
    others = ", ".join(f"{task.label()}, started at {started[task.number]}" for task in left)
    state = "was not over" if begun.intersection(left) else "had not begun"
    mine = [step for step in steps if step.task == name and step.kind == READ and step.line]
    last = next((step for step in reversed(mine) if "#" not in step.resource), None)  # the others have no name
    did = f"{in_past(last)} at {last.site}" if last is not None else f"raised {type(execution.error).__name__}"
    return Finding(
        "OrderViolation",
        f"{name} {did} when {others}, {state if len(left) == 1 else state.replace('was', 'were')}. A task that is "
        "started runs at some later time: wait for what it does (join, an Event, a queue, a result).",
        () if last is None else (last,),
    )


def _last_conflict(steps: Sequence[Step], task: str | None = None) -> tuple[Step, Step] | None:
    """The last two operations of different tasks, one of them that task, on one resource that are not both reads."""
    for late in range(len(steps) - 1, 0, -1):
        for first in reversed(steps[:late]):
            if _conflict(first, steps[late]) and task in (None, first.task, steps[late].task):
                return first, steps[late]
    return None


def _counts(step: Step) -> bool:
    if MODES.get(step.kind, NOTHING) == NOTHING or step.kind in _LOCKING:
        return False
    return not step.internal or step.kind == "exit"


def _conflict(first: Step, second: Step) -> bool:
    if first.task == second.task or not (_counts(first) and _counts(second)) or not overlap(first, second):
        return False
    return MODES[first.kind] != READS or MODES[second.kind] != READS


def _at(step: Step) -> str:
    return f" at {step.site}" if step.line else ""


def _with(sign: str, text: str | None, otherwise: str = "") -> str:
    return otherwise if text is None else f"{sign}{text}"
