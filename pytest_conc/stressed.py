"""Runs one pytest test for real, again and again: its settings, its runs, how often and how it failed."""

from __future__ import annotations

import bdb
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from types import ModuleType
from typing import Any, Final

import pytest

from pytest_conc.body import ENDS, Body, Told, modules_of, why_not
from pytest_conc.instrument.instrumentation import REWRITTEN, Instrumentation
from pytest_conc.model.findings import ConcurrencyError
from pytest_conc.model.settings import WrongUse
from pytest_conc.options import (
    OF_REPLAYS,
    OF_STRESS,
    SEED,
    is_on,
    own_id,
    seed_again,
    settings_for,
    stress_settings_for,
)
from pytest_conc.report.stressed import stress_section
from pytest_conc.store import STORE
from pytest_conc.stressing.delays import Delays, NoDelays, RandomDelays
from pytest_conc.stressing.gevent_child import GeventChild, is_patched
from pytest_conc.stressing.guarded import Guarded
from pytest_conc.stressing.near_misses import NearMisses
from pytest_conc.stressing.outcomes import Outcomes
from pytest_conc.stressing.settings import StressSettings
from pytest_conc.stressing.settings import Told as ToldToChildren

SWITCH_INTERVAL: Final = 1e-5  # seconds, instead of 5 ms
SECTION: Final = "stress"
NEEDS_HOOKS: Final = "sleep_points"  # the fixture that can inject sleeps before accesses


def prepare(item: pytest.Item) -> Stressed | GeventChild | str:
    """What will run this test again and again, or the reason why it runs once. Fails it if its mark cannot work."""
    reason = why_not(item)
    if reason is not None:
        if item.get_closest_marker("conc_stress") is None:
            return reason
        pytest.fail(f"{item.nodeid} cannot be stressed: {reason}", pytrace=False)
    assert isinstance(item, pytest.Function)
    try:
        settings = stress_settings_for(item)
        if settings.gevent and not is_patched(item.config):
            return GeventChild(item, own_id(item), item.config.stash[SEED], settings.hang_after)
        return Stressed(item, settings)
    except WrongUse as error:
        message = f"stress of {item.nodeid}: {error}"
    pytest.fail(message, pytrace=False)


class Stressed:
    """One test that is run for real, again and again."""

    phases = ("call",)  # whose reports it adds to

    def __init__(self, item: pytest.Function, settings: StressSettings) -> None:
        self._item = item
        self._settings = settings
        self._body = Body(item)
        self._outcomes = Outcomes(str(item.config.rootpath))
        self._delays = self._delays_for(self._settings)
        self._ended_by = "runs"
        self._seconds = 0.0
        self._exploration = ""
        self._replay = ""

    def _delays_for(self, settings: StressSettings) -> Delays:
        if settings.delays == "off":
            return NoDelays()
        if settings.delays == "random" or settings.gevent:
            return RandomDelays(settings.seed)
        return NearMisses(settings.seed, self._item.config.stash[STORE].near_misses(self._body.name))

    def run(self) -> None:
        """Makes the runs; returns if the test passes, raises what makes it fail."""
        __tracebackhide__ = True
        began = monotonic()
        modules = modules_of(self._item, tuple(self._item.config.getini("conc_targets")), "stress")
        try:
            with self._body.captured:
                self._make_runs(modules)
                self._seconds = monotonic() - began
                if self._is_worth_exploring():
                    self._explore(modules)
        except bdb.BdbQuit:
            pytest.exit("the debugger was left")
        self._judge()

    def _make_runs(self, modules: list[ModuleType]) -> None:
        __tracebackhide__ = True
        settings = self._settings
        until = None if settings.seconds is None else monotonic() + settings.seconds
        with self._guard(modules).on_guard(SWITCH_INTERVAL) as guarded:
            while self._outcomes.runs < settings.runs:
                if until is not None and monotonic() > until and self._outcomes.runs:
                    self._ended_by = "seconds"
                    return
                error = guarded.run(self._body)
                if isinstance(error, ENDS):
                    raise error
                self._outcomes.count(error)
                if error is not None and self._ends_here(error, guarded.hung):
                    return

    def _guard(self, modules: list[ModuleType]) -> Any:
        """Who runs the body: where gevent has patched the interpreter, one that knows greenlets."""
        if self._settings.gevent:
            from pytest_conc.stressing.greenlets import GUARD

            return self._item.config.stash[GUARD].with_delays(self._delays)
        watches = self._delays.watches or NEEDS_HOOKS in self._item.fixturenames
        instrumentation = Instrumentation(modules, False, REWRITTEN) if watches else None
        told = _told(self._item, self._delays.watches, self._settings.seed)
        return Guarded(self._delays, self._settings.hang_after, instrumentation, told)

    def _ends_here(self, error: BaseException, hung: bool) -> bool:
        """Whether this failure is the end of the runs."""
        self._body.captured.keep()
        expected = isinstance(error, self._settings.finds)
        if hung:
            self._ended_by = "hang"
        elif not self._settings.keep_going:
            self._ended_by = "failure"
        elif self._item.config.getoption("maxfail", 0) == 1 and not expected:
            self._ended_by = "exit"
        return self._ended_by != "runs"

    def _is_worth_exploring(self) -> bool:
        """Whether somebody will read what an exploration says."""
        read = is_on(self._item.config, "show") or self._unexpected() is not None
        return self._outcomes.failed > 0 and read and not self._settings.gevent

    def _explore(self, modules: list[ModuleType]) -> None:
        from pytest_conc.stressing.also_explored import also_explored  # the engine, which a passing test does not need

        near_misses = self._delays if isinstance(self._delays, NearMisses) else NearMisses(0, {})
        self._exploration, failure = also_explored(
            self._body, self._body.name, modules, settings_for(self._item), self._outcomes.errors, near_misses, ENDS
        )
        if failure is not None and failure.token:
            self._replay = self._body.command(f"--conc-replay {failure.token}", OF_REPLAYS)

    def _unexpected(self) -> BaseException | None:
        return next((error for error in self._outcomes.errors if not isinstance(error, self._settings.finds)), None)

    def _judge(self) -> None:
        __tracebackhide__ = True
        unexpected, finds = self._unexpected(), self._settings.finds
        if unexpected is not None:
            raise unexpected
        if finds and not self._outcomes.failed:
            names = " or ".join(each.__name__ for each in finds)
            raise Told(
                f"finds={names}, but {self._outcomes.runs} runs passed.\n"
                "If the code is mended, take finds= away; if not, raise runs, or explore it with @interleave",
                pytrace=False,
            )

    def add_to(self, made: pytest.TestReport, call: pytest.CallInfo[None]) -> None:
        """Adds the numbers to the report, and to a failed one how it failed."""
        error = call.excinfo.value if call.excinfo is not None else None
        if isinstance(error, Told):
            made.longrepr = str(error.msg)
        elif isinstance(error, ConcurrencyError) and made.failed:
            made.longrepr = "\n".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())])
        if isinstance(error, ENDS) or not self._outcomes.runs:
            return
        slept = "points" if self._settings.gevent and self._settings.delays != "off" else self._settings.delays
        text = stress_section(self._outcomes, slept, self._places(), self._exploration, self._commands())
        if made.failed and not isinstance(error, Told):
            made.sections.append((SECTION, text))
        made.conc_stress = self._record(text)  # type: ignore[attr-defined]

    def _places(self) -> list[str]:
        return self._delays.places() if isinstance(self._delays, NearMisses) else []

    def _commands(self) -> str:
        return "\n".join([*([f"replay: {self._replay}"] if self._replay else []), f"again: {self._again()}"])

    def _again(self) -> str:
        """The command that makes the same runs; a step of pytest-repeat exists only with --count, so it has none."""
        return self._body.command(f"--conc-stress {self._settings.runs}{seed_again(self._item)}", OF_STRESS)

    def _record(self, text: str) -> dict[str, Any]:
        return {
            "test": self._body.name,
            "runs": self._outcomes.runs,
            "again": self._again(),
            "failed": self._outcomes.failed,
            "seconds": self._seconds,
            "ended_by": self._ended_by,
            "seed": self._settings.seed,
            "delays": self._settings.delays,
            "expected": bool(self._settings.finds),
            "groups": [group.record() for group in self._outcomes.groups],
            "found": text if self._outcomes.failed else "",
            "exploration": self._exploration,
            "learned": self._delays.learned() if isinstance(self._delays, NearMisses) else {},
        }


def _told(item: pytest.Function, delays: bool, seed: int) -> ToldToChildren:
    """What children of the runs are told."""
    targets = (*item.config.getini("conc_targets"), item.module.__name__)
    return ToldToChildren(str(item.config.rootpath), targets, delays, seed)


@contextmanager
def on_guard(item: pytest.Function, hang_after: float) -> Iterator[None]:
    """A block that calls a test once, for real and unchanged, but with its helpers under guard."""
    __tracebackhide__ = True
    points: Any = item.funcargs.get(NEEDS_HOOKS)
    instrumentation = None
    if points is not None:
        targets = tuple(item.config.getini("conc_targets"))
        instrumentation = Instrumentation(modules_of(item, targets, "sleep_points"), False, REWRITTEN)
    told = _told(item, False, 0)
    with Guarded(NoDelays(), hang_after, instrumentation, told).on_guard() as guarded, guarded.running() as run:
        if points is not None:
            points.attach(run)
        yield
