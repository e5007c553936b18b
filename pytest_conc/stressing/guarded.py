"""One program, run for real under guard: what its helpers do wrong is its own failure, and it ends."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from pytest_conc.controlled.patching import Patch, applied
from pytest_conc.execution import process_tree
from pytest_conc.execution.tracebacks import with_others, without_ours
from pytest_conc.model.findings import Abort
from pytest_conc.stressing.delays import Delays
from pytest_conc.stressing.guard import GUARDS
from pytest_conc.stressing.in_child import InChild
from pytest_conc.stressing.judge import judge
from pytest_conc.stressing.places import Places
from pytest_conc.stressing.run import Run
from pytest_conc.stressing.settings import Told
from pytest_conc.stressing.watch import Watch

PATIENCE: Final = 3.0  # seconds that the end of a run may take


class Guarded:
    """Runs programs under guard, with the functions hooked that `instrumentation` is for.

    `told` is what children of the runs are told; without it they run as they are.
    """

    def __init__(
        self,
        delays: Delays,
        hang_after: float,
        instrumentation: Patch | None = None,
        told: Told | None = None,
    ) -> None:
        self._told = told
        self._delays = delays
        self._places = Places()
        self._watch = Watch(hang_after)
        self._patience = min(hang_after or PATIENCE, PATIENCE)
        self._instrumentation = instrumentation
        self.count = 0
        self.hung = False

    @contextmanager
    def on_guard(self, switch_interval: float | None = None) -> Iterator[Guarded]:
        """Patches what has to be, for the runs inside of the block; the interpreter then switches more often."""
        with ExitStack() as stack:
            stack.enter_context(applied(GUARDS))
            stack.enter_context(process_tree.adopting_orphans())
            stack.enter_context(self._watch.watching())
            if self._instrumentation is not None:
                stack.enter_context(applied([self._instrumentation]))
            if switch_interval is not None:
                stack.callback(sys.setswitchinterval, sys.getswitchinterval())
                sys.setswitchinterval(switch_interval)
            yield self

    def run(self, program: Callable[[], Any]) -> BaseException | None:
        """Calls the program; returns what it, or a helper of it, has failed with. KeyboardInterrupt is raised."""
        __tracebackhide__ = True
        try:
            with self.running():
                program()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return error.with_traceback(without_ours(error.__traceback__))
        return None

    @contextmanager
    def running(self) -> Iterator[Run]:
        """A block that is one run: raises what it, or a helper that it has started, has failed with."""
        __tracebackhide__ = True
        self.count += 1
        run = Run(self.count, self._delays, self._places, self._instrumentation is not None, self._told)
        run.in_child = InChild()
        self._watch.run = run
        error: BaseException | None = None
        try:
            with run:
                yield run
        except Abort:  # also from a signal that came a moment too late
            pass
        except BaseException as raised:
            error = raised
        self._watch.run = None
        failure = self._failure(run, error, judge(run, self._patience))
        self._delays.end(failure is not None)
        if failure is not None:
            raise failure

    def _failure(self, run: Run, error: BaseException | None, helpers: BaseException | None) -> BaseException | None:
        if isinstance(error, KeyboardInterrupt):
            return error
        if run.aborted is not None:
            self.hung = True
            return run.aborted
        if error is None or helpers is None:
            return error or helpers
        return with_others(error, [helpers])
