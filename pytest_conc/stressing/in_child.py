"""Sleep points and delays in child processes.

A forked child has inherited everything: rewritten functions, injected sleeps, the run it belongs to. A spawned one
starts from nothing, so it is told which sleeps are injected and how its accesses are delayed, and rewrites its own
modules. In both, delays are drawn at random: what threads of the parent have learned from each other says nothing
about processes, which only meet in what they share outside.
"""

from __future__ import annotations

import os
from _thread import get_ident
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from pytest_conc.model.current import CONTESTED, MEMBERS, POINTS
from pytest_conc.stressing.settings import Told


class InChild:
    """Makes the context manager inside of which a child calls its target. What it needs is found when it is sent."""

    def __call__(self) -> AbstractContextManager[None]:
        """In a forked child, which has this very object."""
        member = MEMBERS.get(get_ident())
        if member is not None:
            member.execution.continue_in_child()
        return nullcontext()

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        member = MEMBERS.get(get_ident())
        run = None if member is None else member.execution
        told = None if run is None else run.told
        return Sent, (dict(POINTS), [] if run is None else list(run.locations.injections), told)


class Sent:
    """The same in a spawned child."""

    def __init__(self, points: dict[str, Any], injections: list[Any], told: Told | None) -> None:
        self._points = points
        self._injections = injections
        self._told = told

    def __call__(self) -> AbstractContextManager[None]:
        POINTS.update(self._points)
        if self._told is None or not (self._told.delays or self._injections):
            return nullcontext()
        return _hooked(self._told, self._injections)


@contextmanager
def _hooked(told: Told, injections: list[Any]) -> Iterator[None]:
    """A block in which accesses to shared state are seen, and threads belong to a run of their own."""
    from pytest_conc.controlled.patching import applied
    from pytest_conc.instrument.instrumentation import Instrumentation
    from pytest_conc.instrument.watch import watched_modules
    from pytest_conc.stressing.delays import OFTEN, NoDelays, RandomDelays
    from pytest_conc.stressing.guard import GUARDS
    from pytest_conc.stressing.places import Places
    from pytest_conc.stressing.run import Run

    modules = watched_modules(told.root, told.targets)
    delays = RandomDelays(told.seed ^ os.getpid(), OFTEN) if told.delays else NoDelays()
    run = Run(1, delays, Places(), True)
    with applied([*GUARDS, Instrumentation(modules, False, {})]), run:
        for injection in injections:
            run.inject(injection)
        CONTESTED[get_ident()] = run.main
        yield
    troubles = run.troubles.uncollected()
    if troubles:
        raise troubles[0].error
