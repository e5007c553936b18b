"""The files that `--conc-json` and `--conc-html` ask for: one document a session, written by the controller alone."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from pytest_conc.report.document import as_json, document, session_record
from pytest_conc.report.page import page
from pytest_conc.report.rates import stressed_record, tallies
from pytest_conc.report.record import Record

_WRITTEN_AS: Final[Mapping[str, Callable[[Record], str]]] = {"json": as_json, "html": page}


class ReportFiles:
    """A plugin that collects the reports of explored tests and writes the files when the session ends."""

    def __init__(self, paths: Mapping[str, Path], seed: int) -> None:
        self._paths = paths
        self._seed = seed
        self._tests: list[tuple[int, Record]] = []
        self._ran_once: list[Record] = []
        self._stressed: list[Record] = []
        self._lines: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keeps the record of an explored test, and the numbers of a stressed one."""
        if hasattr(report, "conc_ran_once"):
            self._ran_once.append({"id": report.nodeid, "reason": report.conc_ran_once})
        elif "record" in getattr(report, "conc", {}):
            self._tests.append((report.conc["position"], _record(report)))
        if hasattr(report, "conc_stress"):
            self._stressed.append(report.conc_stress)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Writes what there is, also if the session was interrupted."""
        tests = [record for _, record in sorted(self._tests, key=lambda pair: pair[0])]
        stressed = [stressed_record(tally) for tally in tallies(self._stressed)]
        made = document(session_record(self._seed), tests, self._ran_once, stressed)
        for kind, path in self._paths.items():
            try:
                path.write_text(_WRITTEN_AS[kind](made), encoding="utf-8")
            except OSError as error:
                print(f"conc: {path} could not be written: {error.strerror}", file=sys.stderr)  # noqa: T201
                session.exitstatus = session.exitstatus or pytest.ExitCode.INTERNAL_ERROR
            else:
                self._lines.append(f"conc: {_counted(len(tests), len(stressed))} in {path}")

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Says where the files are."""
        for line in self._lines:
            terminalreporter.write_line(line)


def _counted(explored: int, stressed: int) -> str:
    counts = [(explored, "explored")] if explored or not stressed else []
    counts += [(stressed, "stressed")] if stressed else []
    return ", ".join(f"{count} {how} test{'' if count == 1 else 's'}" for count, how in counts)


def _record(report: Any) -> Record:
    """The record of a test from the report of its call phase, which may come from a worker."""
    record: Record = json.loads(report.conc["record"])
    return {"id": report.nodeid, "outcome": _outcome(report), "duration": report.duration, **record}


def _outcome(report: Any) -> str:
    """passed, failed, skipped, xfailed or xpassed."""
    if hasattr(report, "wasxfail"):
        return "xpassed" if report.passed else "xfailed"
    return str(report.outcome)
