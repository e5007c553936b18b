"""What other schedules say about a failure: with which swap it passes, and where it fails all the same."""

from __future__ import annotations

from typing import Final

from pytest_conc.model.failure import Failure
from pytest_conc.model.operation import Step
from pytest_conc.model.words import in_short

MOST_CALLERS: Final = 4


def said_by_others(failure: Failure) -> list[str]:
    """One sentence or two for each thing that other schedules tell."""
    swapped = [] if failure.swap is None else [_swapped(*failure.swap)]
    return [*swapped, *_elsewhere(failure), *_with_gil(failure)]


def _swapped(first: Step, second: Step) -> str:
    return f"It passes if {_does(second)} before {_does(first)}."


def _does(step: Step) -> str:
    place = f" at {step.site}" if step.line else ""
    callers = f" (called at {', '.join(step.stack[1:MOST_CALLERS])})" if len(step.stack) > 1 else ""
    return f"{step.task} {in_short(step)}{place}{callers}"


def _elsewhere(failure: Failure) -> list[str]:
    if failure.everywhere:
        ran = f"all {failure.elsewhere} interleaving classes were run" if failure.elsewhere > 1 else "there is only one"
        return [f"It fails in every schedule: {ran}."]
    if failure.elsewhere and failure.finding.kind != "Failure":
        return [f"It failed in each of {failure.elsewhere} other schedules, too: no luck is needed."]
    return []


def _with_gil(failure: Failure) -> list[str]:
    if failure.with_gil is None:
        return []
    if failure.with_gil:
        return ["It also happens where only CPython with the GIL can switch."]
    return ["Not found where only CPython with the GIL switches; but the language allows it, and builds without do it."]
