"""Names what went wrong, from the trace of the failing execution, in plain words."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pytest_conc.model.findings import ConcurrencyError, Finding
from pytest_conc.model.operation import READ, WRITE, Step


def finding_of(execution: Any, steps: Sequence[Step]) -> Finding:
    """The finding that explains a failing execution."""
    error = execution.error
    if isinstance(error, ConcurrencyError):
        return Finding(type(error).__name__, str(error))
    for pattern in (_lost_update, _check_then_act):
        for finding in pattern(steps):
            return finding
    name = execution.failed_task.label() if execution.failed_task is not None else "a task"
    return Finding("OrderViolation", f"{type(error).__name__} in {name}: the operations were performed in an order "
                                     "that the program does not expect")


def _interrupted_reads(steps: Sequence[Step]) -> Iterator[tuple[int, int]]:
    """Pairs of a read and the next write of the same location by another task, before the reader's next write."""
    for index, step in enumerate(steps):
        if step.kind == READ:
            for later in range(index + 1, len(steps)):
                other = steps[later]
                if other.resource == step.resource and other.kind == WRITE:
                    if other.task != step.task:
                        yield index, later
                    break


def _lost_update(steps: Sequence[Step]) -> Iterator[Finding]:
    for first, second in _interrupted_reads(steps):
        read, theirs = steps[first], steps[second]
        for mine in steps[second + 1:]:
            if mine.task == read.task and mine.resource == read.resource:
                if mine.kind == WRITE:
                    yield Finding("LostUpdate", (
                        f"{read.task} read {read.resource}{_value(read.after)} at {read.site} before {theirs.task} wrote"
                        f"{_text(theirs.after)} at {theirs.site}; its own write of{_text(mine.after)} at {mine.site} then "
                        "overwrote that update. Read and write belong together: hold one lock around both."),
                        (read, theirs, mine))
                break


def _check_then_act(steps: Sequence[Step]) -> Iterator[Finding]:
    for first, second in _interrupted_reads(steps):
        read, theirs = steps[first], steps[second]
        for mine in steps[second + 1:]:
            if mine.task == read.task and mine.kind in (READ, WRITE):
                yield Finding("CheckThenAct", (
                    f"{read.task} read {read.resource}{_value(read.after)} at {read.site}, then {theirs.task} changed it"
                    f"{_to(theirs.after)} at {theirs.site}, and {read.task} went on at {mine.site} with what it had seen. "
                    "What was checked and what depends on it belong together: hold one lock around both."),
                    (read, theirs, mine))
                break


def _value(text: str | None) -> str:
    return "" if text is None else f" = {text}"


def _text(text: str | None) -> str:
    return " it" if text is None else f" {text}"


def _to(text: str | None) -> str:
    return "" if text is None else f" to {text}"
