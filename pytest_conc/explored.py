"""Explores one pytest test: its settings, its body with fresh fixtures as a program, its verdict and its report."""

from __future__ import annotations

import bdb
import json
import sys
from typing import Any, Final

import pytest

from pytest_conc.body import ENDS, Body, Told, modules_of, why_not
from pytest_conc.exploration.exploration import Exploration
from pytest_conc.exploration.explore import explore_with, replay_with
from pytest_conc.model.failure import Failure
from pytest_conc.model.findings import ConcurrencyError, ReplayDiverged
from pytest_conc.model.settings import Settings, WrongUse
from pytest_conc.options import DEBUGGED, OF_REPLAYS, settings_for, wants_reports
from pytest_conc.report.colour import SECTION
from pytest_conc.report.columns import report
from pytest_conc.store import STORE

DEBUGGERS: Final = frozenset({"pydevd", "debugpy"})


def prepare(item: pytest.Item) -> Explored | str:
    """What will explore this test, or the reason why it runs once. Fails the test if its mark cannot work."""
    reason = why_not(item)
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


class Explored:
    """One test that is explored."""

    phases = ("call",)  # whose reports it adds to

    def __init__(self, item: pytest.Function, settings: Settings) -> None:
        self._item = item
        self._settings = settings
        self._body = Body(item)
        self._exploration: Exploration | None = None
        self._failure: Failure | None = None
        self._record: dict[str, Any] = {}
        self._name = self._body.name
        self._replays = item.config.getoption("conc_replay") is not None

    def run(self) -> None:
        """Explores; returns if the test passes, raises what makes it fail."""
        __tracebackhide__ = True
        modules = modules_of(self._item, self._settings.targets, "interleave")
        token, problem = self._item.config.getoption("conc_replay"), ""
        try:
            with self._body.captured:
                if token is not None:
                    self._failure = replay_with(
                        self._body, token, self._settings, self._name, modules, ends_with=ENDS, once=self._is_debugged
                    )
                else:
                    stored = self._item.config.stash[STORE].tokens(self._name)
                    self._exploration = explore_with(
                        self._body,
                        self._settings,
                        self._name,
                        modules,
                        ends_with=ENDS,
                        tokens=stored,
                        once_if_alone=self._item.get_closest_marker("conc_interleave") is None,
                    )
                    self._failure = self._exploration.failure
        except (WrongUse, ReplayDiverged) as error:
            problem = f"{type(error).__name__}: {error}" if isinstance(error, ReplayDiverged) else str(error)
        except bdb.BdbQuit:
            pytest.exit("the debugger was left")
        if problem:
            raise Told(problem, pytrace=False)
        if wants_reports(self._item.config):
            self._record = self._recorded()  # now: raising the error adds frames of ours to its traceback
        self._judge(replaying=token is not None)

    def _is_debugged(self) -> bool:
        """Whether somebody looks at this test in a debugger, and wants to see the one schedule only."""
        return self._item.config.stash.get(DEBUGGED, False) or not DEBUGGERS.isdisjoint(sys.modules)

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
                raise Told(f"finds={names}, but it was not found: {exploration}.\n{remedy}", pytrace=False)
            return
        if not (finds and isinstance(self._failure.error, finds)):
            raise self._failure.error

    def add_to(self, made: pytest.TestReport, call: pytest.CallInfo[None]) -> None:
        """Adds the interleaving to a failed report, and the verdict to every one."""
        error = call.excinfo.value if call.excinfo is not None else None
        failure, text = self._failure, ""
        if isinstance(error, Told):
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
            self._item.user_properties.extend(_properties(self._exploration))
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
        return self._body.command(f"--conc-replay {failure.token}", OF_REPLAYS)


def _properties(exploration: Exploration) -> list[tuple[str, object]]:
    """What the file of --junitxml says about an exploration."""
    return [
        ("conc_verdict", str(exploration)),
        ("conc_executions", exploration.executions),
        ("conc_classes", exploration.classes),
        ("conc_exhaustive", exploration.exhaustive),
    ]
