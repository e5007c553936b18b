"""The swap pair of every classic and lesson that has one: swapped by hand, the test passes; the others fail everywhere.

By hand means: whoever is about to perform the first operation of the pair is held back until the second one is
performed, and everything else goes on as in the failing schedule.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import pytest

from pytest_conc import Failure, explore
from pytest_conc.exploration.explore import modules_for
from pytest_conc.exploration.runner import runner
from pytest_conc.exploration.steps import steps_of
from pytest_conc.model.settings import Settings
from pytest_conc.strategies import strategy_named
from suites.benchmarks.replays import PROGRAMS

LESSONS = Path(__file__).parents[1] / "lessons"
EVERYWHERE = {"peers global_counter", "peers sentinels"}


class ByHand:
    """Follows the steps of a failure, but for the task of the first operation of a swap pair, which waits."""

    asks_always = True

    def __init__(self, trace, first):
        self._order = [step.number for step in trace]
        self._from = next(index for index, step in enumerate(trace) if step is first)
        self._held = first.number
        self.released = False
        self._trace = ()
        self._left = []

    def begin(self, trace):
        self._trace, self._left = trace, list(self._order)

    def choose(self, running, enabled):
        able = [task for task in enabled if self.released or len(self._trace) < self._from or task.number != self._held]
        numbers = [task.number for task in able]
        wanted = next((number for number in self._left if number in numbers), None)
        if wanted is None:
            return running if running in able else (able or enabled)[0]
        self._left.remove(wanted)
        return able[numbers.index(wanted)]


def swapped(program, failure: Failure, settings: Settings):
    """Runs the program with the two operations swapped by hand, released after each one that may be the second."""
    first, second = failure.swap
    modules = modules_for(program, settings, os.getcwd())
    with runner(program, settings, modules) as run:
        waits = strategy_named(ByHand(failure.trace, first), 0)
        seen = steps_of(run.run(waits, show=True))
        after = [index for index, step in enumerate(seen) if is_same(step, second)]
        return [run.run(strategy_named(Until(failure.trace, first, index), 0)).error for index in after]


def is_same(step, other):
    return (step.number, step.kind, step.site, step.source) == (other.number, other.kind, other.site, other.source)


class Until(ByHand):
    """Holds the task back until so many operations are performed."""

    def __init__(self, trace, first, second):
        super().__init__(trace, first)
        self._second = second

    def choose(self, running, enabled):
        self.released = len(self._trace) > self._second
        return super().choose(running, enabled)


def check(program, failure, settings, name):
    if failure.swap is None:
        assert failure.elsewhere or not failure.token, name
        return
    assert None in swapped(program, failure, settings), f"{name}: {failure.swap}"


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_swap_pair_of_a_classic_makes_it_pass(name):
    for seed in range(2):
        failure = explore(PROGRAMS[name], seed=seed).failure
        assert (failure.swap is None) == failure.everywhere == (name in EVERYWHERE)
        check(PROGRAMS[name], failure, Settings(), name)


def lessons():
    """Every explored lesson that finds something and needs no fixtures, with the options of its mark."""
    for path in sorted(LESSONS.glob("test_*.py")):
        module = importlib.import_module(f"suites.lessons.{path.stem}")
        for name, test in vars(module).items():
            marks = [mark for mark in getattr(test, "pytestmark", ()) if mark.name == "conc_interleave"]
            if marks and "finds" in marks[0].kwargs and not test.__code__.co_argcount:
                yield pytest.param(test, marks[0].kwargs, id=f"{path.stem}-{name}")


@pytest.mark.parametrize(("test", "options"), list(lessons()))
def test_the_swap_pair_of_a_lesson_makes_it_pass(test, options):
    failure = explore(test, **options).failure
    check(test, failure, Settings().with_options(options), test.__name__)
