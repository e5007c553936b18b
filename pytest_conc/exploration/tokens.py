"""From an execution to the recipe that a token is written from, and back."""

from __future__ import annotations

from typing import Any, Final

from pytest_conc.exploration.runner import Runner
from pytest_conc.model.schedule import Recipe, Schedule, Switch, schedule_of
from pytest_conc.model.settings import Settings
from pytest_conc.strategies.follow import Follow, Noting
from pytest_conc.strategies.replay import Replay

MOST: Final = 3


def noting(run: Runner, schedule: Schedule) -> Noting:
    """A strategy that follows the schedule and notes its switches."""
    return Noting(Replay(schedule), run.fingerprints.of)


def following(run: Runner, recipe: Recipe) -> Follow | Replay:
    """The strategy that does what a recipe says."""
    if recipe.schedule is not None:
        return Replay(recipe.schedule)
    return Follow(recipe.switches, run.fingerprints.of)


def followed_schedule(execution: Any) -> Schedule:
    """The schedule that an execution has really followed."""
    return schedule_of(task.number for task, _, _ in execution.trace)


def recipe_of(execution: Any, schedule: Schedule, settings: Settings) -> Recipe:
    """What is needed to repeat an execution with exactly this schedule."""
    seed = settings.seed if execution.drew else None
    return Recipe((), settings.timing, settings.preemption, seed, schedule)


def lasting(run: Runner, recipe: Recipe, switches: list[Switch]) -> Recipe:
    """The recipe with switches instead of its schedule, if these really lead to the same execution; else as it is."""
    made = recipe._replace(switches=tuple(switches), schedule=None)
    again = run.run(following(run, made))
    return made if followed_schedule(again) == recipe.schedule else recipe


def misfit(strategy: Follow | Replay, execution: Any) -> str:
    """What of a token could not be followed, in words; "" if it fitted."""
    if isinstance(strategy, Replay):
        return "" if strategy.followed else "its schedule, which counts operations, does not fit"
    missed = [_missed(switch, came, execution) for switch, came in strategy.missed.items()]
    if not missed:
        return ""
    more = [f"{len(missed) - MOST} more"] if len(missed) > MOST else []
    return (
        f"{len(missed)} of {len(strategy.switches)} switches of the token could not be followed: "
        f"{'; '.join([*missed[:MOST], *more])}"
    )


def _missed(switch: Switch, came: bool, execution: Any) -> str:
    left, chosen = _name(switch.left, execution), _name(switch.chosen, execution)
    if came:
        return f"{chosen} could not go on where {left} was to be left"
    return f"the operation of {left} before which {chosen} was to go on did not come"


def _name(number: int, execution: Any) -> str:
    known = execution.tasks
    return known[number].label() if number < len(known) else f"task {number}"
