"""What is noticed in executions that pass: data races, and locks that are taken in two orders.

Both show in nearly every order of a program that has them, so it is enough to look at a few executions: the first ones,
and then one each time their number has doubled. Only with `races="error"` every execution is looked at. What is found
is run once more with places and values, after all others, since the exploration would learn from that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from pytest_conc.exploration.data_races import data_races
from pytest_conc.exploration.lock_order import Nested, inversions
from pytest_conc.exploration.runner import Runner
from pytest_conc.exploration.steps import steps_of
from pytest_conc.exploration.tokens import followed_schedule
from pytest_conc.model.findings import DataRace
from pytest_conc.model.operation import Step
from pytest_conc.model.schedule import Schedule
from pytest_conc.model.words import in_past
from pytest_conc.strategies.replay import Replay

FIRST: Final = 4
MOST: Final = 3
MENDED: Final = "Hold one lock around each of them, or let one wait for the other (join, Event, queue)."


class Remarks:
    """The remarks of one exploration: what they are about is said once."""

    def __init__(self, run: Runner) -> None:
        self._run = run
        self._mode = run.settings.races
        self._met: set[Any] = set()
        self._schedules: list[Schedule] = []
        self._races: dict[Any, str] = {}
        self._orders: dict[Any, str] = {}

    def look(self, execution: Any, number: int) -> DataRace | None:
        """Looks at an execution that has passed; with `races="error"` returns the error that it should have been."""
        if self._mode == "off" or not (self._mode == "error" or number <= FIRST or not number & (number - 1)):
            return None
        found = [*data_races(execution), *((one.at, other.at) for one, other in inversions(execution))]
        new = {_ends(execution, *pair) for pair in found} - self._met
        if not new:
            return None
        self._met |= new
        self._schedules.append(followed_schedule(execution))
        return None if self._mode == "note" else self._tell(self._schedules.pop())

    def _tell(self, schedule: Schedule) -> DataRace | None:
        shown = self._run.run(Replay(schedule), show=True)
        steps, races = steps_of(shown), list(data_races(shown))
        for early, late in races:
            self._races.setdefault(_places(steps[early], steps[late]), unordered(steps[early], steps[late]))
        for one, other in inversions(shown):
            self._orders.setdefault(_places(steps[one.at], steps[other.at]), crossed(steps, one, other))
        if not races:
            return None
        early, late = races[0]
        error = DataRace(f"{unordered(steps[early], steps[late])}. {MENDED}")
        error.operations = races[0]
        return error

    def notes(self, proved: bool) -> list[str]:
        """The remarks for the verdict; a proof that nothing hangs is worth more than what could have."""
        for schedule in self._schedules:
            self._tell(schedule)
        orders = {} if proved else self._orders
        return [*_some(list(self._races.values()), "data race"), *_some(list(orders.values()), "lock order")]


def _ends(execution: Any, *indices: int) -> Any:
    """What two operations are, as far as it is known without places."""
    operations = (execution.trace[index] for index in indices)
    return tuple((task.path, kind, resource.key()) for task, kind, resource in operations)


def _places(one: Step, other: Step) -> Any:
    """What a remark is about: two places in the code, whoever comes first."""
    return frozenset((step.site, step.resource) for step in (one, other))


def _some(texts: Sequence[str], what: str) -> list[str]:
    more = len(texts) - MOST
    return [*texts[:MOST], *([f"{more} more {what if more == 1 else what + 's'}"] if more > 0 else [])]


def unordered(one: Step, other: Step) -> str:
    """A data race in words."""
    return f"data race: {_did(one)}, {_did(other)}, and nothing orders the two"


def crossed(steps: Sequence[Step], one: Nested, other: Nested) -> str:
    """Two orders of locks in words."""
    return f"locks in two orders: {_nested(steps, one)}, {_nested(steps, other)}: each can come to wait for the other"


def _nested(steps: Sequence[Step], nested: Nested) -> str:
    held, taken = steps[nested.since], steps[nested.at]
    return f"{_did(taken)} while it held {held.resource}, taken{_at(held)}"


def _did(step: Step) -> str:
    return f"{step.task} {in_past(step)}{_at(step)}"


def _at(step: Step) -> str:
    callers = f" (called at {', '.join(step.stack[1:])})" if len(step.stack) > 1 else ""
    return f" at {step.site}{callers}" if step.line else ""
