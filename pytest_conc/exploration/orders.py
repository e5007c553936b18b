"""Order violations: two operations happened in an order that the program does not expect, and nothing prevents it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pytest_conc.exploration.swap import Pair
from pytest_conc.model.failure import Failure, Finding
from pytest_conc.model.operation import READ, WRITE, Step
from pytest_conc.model.words import in_past

_MENDED = (
    "Nothing makes them happen in the order that the program expects: let one wait for the other (join, Event, queue), "
    "or hold a lock around what belongs together."
)


def order_violation(steps: Sequence[Step], pair: Pair) -> Finding:
    """The finding of a failure that a swap pair explains: the first one came before the second one."""
    first, second = pair
    if first.kind == READ and second.kind == WRITE:
        earlier = [step for step in steps if step.kind == WRITE and step.task == second.task and step.key != second.key]
        published = next((step for step in earlier if _refers(step, second)), None)
        if published is not None:
            return Finding("OrderViolation", _published_early(published, first, second), (published, first))
        half = next((each for step in reversed(earlier) for each in _seen(steps, step, first)), None)
        if half is not None:
            return Finding("TornRead", _half_changed(*half, first, second), (*half, first))
    text = f"{first.task} {in_past(first)}{_at(first)} before {second.task} {in_past(second)}{_at(second)}. {_MENDED}"
    return Finding("OrderViolation", text, tuple(step for step in pair if any(step is each for each in steps)))


def _refers(publishing: Step, second: Step) -> bool:
    """Whether a write stores the object that the second one completes."""
    kind = second.key.partition("#")[0]
    return publishing.after is not None and publishing.after.startswith(f"<{kind}")


def _published_early(published: Step, first: Step, second: Step) -> str:
    return (
        f"{published.task} {in_past(published)}{_at(published)} before it wrote {second.resource}{_at(second)}, and in "
        f"between {first.task} {in_past(first)}{_at(first)}. Publish an object when it is complete: make all of it "
        "first, and store it where others can see it last."
    )


def _seen(steps: Sequence[Step], write: Step, first: Step) -> Iterator[tuple[Step, Step]]:
    """The write with a read that saw it, by the task that then read the other half."""
    start, stop = steps.index(write), steps.index(first)
    reads = (step for step in steps[start:stop] if (step.task, step.kind, step.key) == (first.task, READ, write.key))
    return ((write, step) for step in reads if not write.internal)


def _half_changed(write: Step, seen: Step, first: Step, second: Step) -> str:
    return (
        f"{first.task} {in_past(seen)}{_at(seen)}, as {write.task} had written it{_at(write)}, and {in_past(first)}"
        f"{_at(first)} before {second.task} {in_past(second)}{_at(second)}: it saw half of a change. What is changed "
        "together is read together: hold one lock around both writes, and around both reads."
    )


def unexplained(execution: Any, error: BaseException, steps: Sequence[Step]) -> Finding:
    """The finding of a failure that no pattern and no swap explains."""
    name = execution.failed_task.label()
    last = next((step for step in reversed(steps) if step.task == name and step.kind == READ), None)
    if last is not None and name != "main":
        return Finding(
            "OrderViolation",
            f"{name} {in_past(last)} at {last.site} before any other task wrote it. Nothing makes it wait for "
            "one that does: join it, or wait for an Event or a queue.",
            (last,),
        )
    return _too_early(execution, error, steps) or Finding(
        "Failure",
        f"{type(error).__name__} in {name}, and nothing that another task has done plays a part in it.",
    )


def in_every_order(failure: Failure) -> Finding:
    """The finding of a failure that no order of operations explains, since every schedule has it."""
    where = "every schedule" if failure.everywhere else f"each of {failure.elsewhere} other schedules, too"
    return _no_race(failure, f"in {where}: it is no race, as far as can be seen")


def in_every_serial_order(failure: Failure) -> Finding:
    """The finding of a failure that only a race prevents."""
    return _no_race(failure, "wherever no task is interrupted: it is no race that makes it fail, but one that hides it")


def in_some_orders(failure: Failure) -> Finding:
    """The finding of a failure that takes more than one swap to pass."""
    return Finding(
        "OrderViolation",
        f"{type(failure.error).__name__} in some schedules and not in others, and no two operations alone decide it: "
        f"the columns show who saw what. {_MENDED}",
    )


def _no_race(failure: Failure, where: str) -> Finding:
    error = type(failure.error).__name__
    return Finding("Failure", f"{error} {where}. Look at the code, and at what the test expects.")


def _too_early(execution: Any, error: BaseException, steps: Sequence[Step]) -> Finding | None:
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
    did = f"{in_past(last)} at {last.site}" if last is not None else f"raised {type(error).__name__}"
    return Finding(
        "OrderViolation",
        f"{name} {did} when {others}, {state if len(left) == 1 else state.replace('was', 'were')}. A task that is "
        "started runs at some later time: wait for what it does (join, an Event, a queue, a result).",
        () if last is None else (last,),
    )


def _at(step: Step) -> str:
    return f" at {step.site}" if step.line else ""
