"""Runs one execution after the other of one program: the ground on which an exploration stands."""

from __future__ import annotations

import gc
import random
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from pytest_conc.controlled import DEFAULTS, PATCHES
from pytest_conc.controlled.patching import DefaultsPatch, applied
from pytest_conc.execution.fingerprints import Fingerprints
from pytest_conc.execution.hosts import Host, host_named
from pytest_conc.execution.learned import Learned
from pytest_conc.execution.recorder import Recorder
from pytest_conc.execution.scheduler import Execution
from pytest_conc.execution.watchdog import Watchdog
from pytest_conc.instrument.functions import all_functions
from pytest_conc.instrument.instrumentation import REWRITTEN, Instrumentation
from pytest_conc.model.settings import Settings
from pytest_conc.strategies.protocol import Strategy

COLLECT_EVERY: Final = 256
KEPT: Final = 4


class Runner:
    """Runs a program under one schedule after the other, with everything patched that has to be.

    A program that has a method `shown()` is told which execution is the one that is reported.
    """

    def __init__(self, program: Callable[[], Any], settings: Settings, host: Host, watchdog: Watchdog) -> None:
        self.program = program
        self.settings = settings
        self.learned = Learned()
        self.fingerprints = Fingerprints()
        self._host = host
        self._watchdog = watchdog
        self._since_collection = 0
        self._recent: deque[Execution] = deque()

    def run(self, strategy: Strategy, show: bool = False) -> Execution:
        """One execution, to be looked at until four more have run. With `show` it writes down places and values."""
        execution = Execution(self.settings, strategy, self._host, self.learned, Recorder() if show else None)
        random.seed(self.settings.seed)
        undrawn = random.getstate() if show else None
        self._watchdog.execution = execution
        try:
            execution.run(self.program)
        finally:
            self._watchdog.execution = None
        execution.drew = execution.drew or (show and random.getstate() != undrawn)
        if self._watchdog.interrupted:
            raise KeyboardInterrupt
        self._recent.append(execution)
        if len(self._recent) > KEPT:
            self._recent.popleft().dispose()
        self._since_collection += 1
        if self._since_collection >= COLLECT_EVERY:
            self._since_collection = 0
            gc.collect(0)
        return execution

    def report_this(self) -> None:
        """The execution that has just ended is the one that is reported."""
        getattr(self.program, "shown", _nothing)()


def _nothing() -> None:
    """What a program does that need not know which execution is reported."""


@contextmanager
def runner(program: Callable[[], Any], settings: Settings, modules: Any) -> Iterator[Runner]:
    """A runner for this program; everything it patched is back in its place afterwards."""
    functions = all_functions()
    instrumentation = Instrumentation(modules, settings.preemption == "gil", REWRITTEN, functions)
    host = host_named(settings.host)
    with ExitStack() as stack:
        stack.callback(host.close)
        stack.callback(random.setstate, random.getstate())
        stack.enter_context(applied([instrumentation, *PATCHES, DefaultsPatch(DEFAULTS, functions)]))
        stack.enter_context(_without_collection())
        watchdog = stack.enter_context(Watchdog(settings.hang_after).watching())
        made = Runner(program, settings, host, watchdog)
        stack.callback(made.learned.forget)
        stack.callback(made.fingerprints.forget)
        yield made


@contextmanager
def _without_collection() -> Iterator[None]:
    """Automatic collection off: it would run finalizers at moments that depend on what else was allocated.

    What exists already is frozen, so that the collections between executions only look at what these have made.
    """
    enabled = gc.isenabled()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        if enabled:
            gc.enable()
