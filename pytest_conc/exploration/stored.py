"""Failing schedules of earlier runs are tried first: a failure that is still there shows at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from pytest_conc.exploration.failures import explain, signature_of
from pytest_conc.exploration.runner import Runner, runner
from pytest_conc.exploration.tokens import followed_schedule, following
from pytest_conc.model.failure import Failure
from pytest_conc.model.schedule import Recipe, Schedule, read_token
from pytest_conc.model.settings import Settings, WrongUse
from pytest_conc.strategies.replay import Replay


def retried(
    program: Callable[[], Any], settings: Settings, name: str, modules: Sequence[ModuleType], tokens: Sequence[str]
) -> tuple[Failure | None, list[str]]:
    """The first failure that is still there, minimised anew, and the tokens before it that pass now.

    Each token has a runner of its own, so that nothing that is learned from it can shift the exploration after
    it. Tokens that were found under another `timing` or `preemption` are left alone.
    """
    passing: list[str] = []
    for token in tokens:
        recipe = _recipe_of(token, name)
        if recipe is not None and (recipe.timing, recipe.preemption) != (settings.timing, settings.preemption):
            continue
        failure = None if recipe is None else _again(program, settings, name, modules, recipe)
        if failure is not None:
            return failure, passing
        passing.append(token)
    return None, passing


def _recipe_of(token: str, name: str) -> Recipe | None:
    try:
        return read_token(token, name)
    except WrongUse:
        return None


def _again(
    program: Callable[[], Any], settings: Settings, name: str, modules: Sequence[ModuleType], recipe: Recipe
) -> Failure | None:
    if recipe.seed is not None:
        settings = settings.with_options({"seed": recipe.seed})
    with runner(program, settings, modules) as run:
        schedule = _failing(run, recipe)
        return None if schedule is None else explain(run, schedule, name, 0)


def _failing(run: Runner, recipe: Recipe) -> Schedule | None:
    """The schedule as it was really followed, if it fails twice in the same way."""
    first = run.run(following(run, recipe))
    followed = followed_schedule(first)
    if not isinstance(first.error, Exception) or signature_of(run.run(Replay(followed))) != signature_of(first):
        return None
    return followed
