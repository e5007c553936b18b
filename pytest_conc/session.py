"""Explores one pytest test: its settings, its body with fresh fixtures as a program, its verdict and its report."""

from __future__ import annotations

import bdb
import inspect
import json
import shlex
import unittest
from contextlib import suppress
from types import ModuleType
from typing import Any

import pytest
from _pytest.outcomes import Failed

from pytest_conc.capture import Captured
from pytest_conc.exploration.exploration import Exploration
from pytest_conc.exploration.explore import explore_with, replay_with
from pytest_conc.fixtures.fresh import FreshFixtures
from pytest_conc.instrument.watch import watched_modules
from pytest_conc.model.failure import Failure
from pytest_conc.model.findings import ConcurrencyError, ReplayDiverged
from pytest_conc.model.settings import Settings, WrongUse
from pytest_conc.options import base_id, settings_for, wants_reports
from pytest_conc.report.colour import SECTION
from pytest_conc.report.columns import report
from pytest_conc.store import STORE


def prepare(item: pytest.Item) -> Explored | str:
    """What will explore this test, or the reason why it runs once. Fails the test if its mark cannot work."""
    reason = _why_not(item)
    if reason is not None:
        if item.get_closest_marker("conc_interleave") is None:
            return reason
        pytest.fail(f"{item.nodeid} cannot be explored: {reason}", pytrace=False)
    assert isinstance(item, pytest.Function)
    try:
        return Explored(item, settings_for(item))
    except WrongUse as error:
        message = f"interleave of {item.nodeid}: {error}"
    pytest.fail(message, pytrace=False)


def _why_not(item: pytest.Item) -> str | None:
    if not isinstance(item, pytest.Function):
        return f"it is a {type(item).__name__}, and only test functions and methods can be explored"
    function = inspect.unwrap(item.obj)
    if item.cls is not None and issubclass(item.cls, unittest.TestCase):
        return "it is a method of a unittest.TestCase; make it a function, or a method of a plain class"
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        return "it is an async test, which cannot be explored yet; explore a plain function that uses threads"
    if inspect.isgeneratorfunction(function):
        return "it is a generator (it has a yield), which pytest would not run either; return instead of yield"
    return None


class _Told(Failed):
    """Fails the test with a message that is all there is to see: no frame has anything to do with it."""


class Explored:
    """One test that is explored."""

    def __init__(self, item: pytest.Function, settings: Settings) -> None:
        self._item = item
        self._settings = settings
        self._fresh = FreshFixtures(item)
        self._captured = Captured(item)
        self._exploration: Exploration | None = None
        self._failure: Failure | None = None
        self._record: dict[str, Any] = {}
        self._name = base_id(item)
        self._replays = item.config.getoption("conc_replay") is not None
        if self._fresh.needed:
            item.setup = self._fresh.set_up_the_rest  # type: ignore[method-assign]

    def run(self) -> None:
        """Explores; returns if the test passes, raises what makes it fail."""
        __tracebackhide__ = True
        modules = self._modules()
        token, problem = self._item.config.getoption("conc_replay"), ""
        try:
            with self._captured:
                if token is not None:
                    self._failure = replay_with(
                        self._program, token, self._settings, self._name, modules, ends_with=_ENDS
                    )
                else:
                    stored = self._item.config.stash[STORE].tokens(self._name)
                    self._exploration = explore_with(
                        self._program,
                        self._settings,
                        self._name,
                        modules,
                        ends_with=_ENDS,
                        tokens=stored,
                        once_if_alone=self._item.get_closest_marker("conc_interleave") is None,
                    )
                    self._failure = self._exploration.failure
        except (WrongUse, ReplayDiverged) as error:
            problem = f"{type(error).__name__}: {error}" if isinstance(error, ReplayDiverged) else str(error)
        except bdb.BdbQuit:
            pytest.exit("the debugger was left")
        if problem:
            raise _Told(problem, pytrace=False)
        if wants_reports(self._item.config):
            self._record = self._recorded()  # now: raising the error adds frames of ours to its traceback
        self._judge(replaying=token is not None)

    def _judge(self, replaying: bool) -> None:
        __tracebackhide__ = True
        exploration = self._exploration
        if exploration is not None and exploration.ended_with is not None:
            raise exploration.ended_with
        finds = self._settings.finds
        if self._failure is None:
            if finds and not replaying:
                names = " or ".join(each.__name__ for each in finds)
                mended = exploration is not None and exploration.outdated
                remedy = (
                    "It used to be found by schedules that pass now: if the code is mended, take finds= away"
                    if mended
                    else "If the code is mended, take finds= away; if not, raise executions"
                )
                raise _Told(f"finds={names}, but it was not found: {exploration}.\n{remedy}", pytrace=False)
            return
        if not (finds and isinstance(self._failure.error, finds)):
            raise self._failure.error

    def _modules(self) -> list[ModuleType]:
        problem, own = "", [self._item.module.__name__]
        try:
            found = watched_modules(str(self._item.config.rootpath), self._settings.targets, own)
        except WrongUse as error:
            problem = f"interleave of {self._name}: {error}"
        if problem:
            raise _Told(problem, pytrace=False)
        return found if self._item.module in found else [*found, self._item.module]

    def _program(self) -> Any:
        __tracebackhide__ = True
        self._captured.begin()
        if not self._fresh.needed:
            return self._call()
        try:
            self._fresh.set_up()
            self._call()
        except BaseException:
            with suppress(Exception):  # what the body raised is what matters
                self._fresh.finish()
            raise
        self._fresh.finish()

    def _call(self) -> None:
        __tracebackhide__ = True
        item = self._item
        arguments = {name: item.funcargs[name] for name in item._fixtureinfo.argnames}
        item.obj(**arguments)

    def add_to(self, made: pytest.TestReport, call: pytest.CallInfo[None]) -> None:
        """Adds the interleaving to a failed report, and the verdict to every one."""
        error = call.excinfo.value if call.excinfo is not None else None
        failure, text = self._failure, ""
        if isinstance(error, _Told):
            made.longrepr = str(error.msg)
        if failure is not None and error is failure.error:
            told = isinstance(error, ConcurrencyError)
            if told:
                made.longrepr = f"{type(error).__name__}: {error}"
            made.sections.append((SECTION, report(failure, self._command(failure), not told, self._replays)))
        elif failure is not None:
            text = report(failure, self._command(failure), True, self._replays)
        if self._exploration is not None and self._exploration.ended_by == "alone":
            made.conc_ran_once = "it starts no thread, so there is nothing to interleave"  # type: ignore[attr-defined]
            return
        if self._exploration is not None:
            found = [failure.token] if failure is not None and failure.token else []
            made.conc_schedules = self._name, found, self._exploration.outdated  # type: ignore[attr-defined]
        if self._exploration is None and failure is None and not self._item.config.getoption("conc_replay"):
            return
        made.conc = {  # type: ignore[attr-defined]
            "verdict": str(self._exploration) if self._exploration is not None else "replayed",
            "found": text,
            "watched": list(self._exploration.watched) if self._exploration is not None else [],
            **self._record,
        }

    def _recorded(self) -> dict[str, Any]:
        """The record of this test as text, which crosses to the controller whatever characters it has."""
        from pytest_conc.report.record import exploration_record, failure_record

        failure, item = self._failure, self._item
        record = {"test": self._name, **exploration_record(self._exploration, self._settings)}
        if failure is not None:
            expected = isinstance(failure.error, self._settings.finds)
            record["failure"] = failure_record(failure, self._command(failure), str(item.config.rootpath), expected)
        return {"record": json.dumps(record, allow_nan=False), "position": item.session.items.index(item)}

    def _command(self, failure: Failure) -> str:
        name = shlex.quote(self._name)
        quoted = name if name.startswith("'") else f"'{name}'"
        return f"pytest {quoted} --conc-replay {failure.token}"


_ENDS = (pytest.skip.Exception, pytest.xfail.Exception, pytest.exit.Exception, bdb.BdbQuit, WrongUse)
