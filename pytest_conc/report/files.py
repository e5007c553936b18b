"""The files that `--conc-json` and `--conc-html` ask for: one document a session, written by the controller alone."""

from __future__ import annotations

import json
import platform
import sys
import sysconfig
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import pytest

from pytest_conc.report.record import Record

SCHEMA: Final = 1


def session_record(seed: int | None) -> Record:
    """With what the session was run."""
    return {
        "seed": seed,
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        "platform": sys.platform,
    }


def document(session: Record, tests: list[Record], ran_once: list[Record]) -> Record:
    """The whole document; its schema is docs/reference/json.md."""
    tool = {"name": "pytest-conc", "version": version("pytest-conc")}
    return {"schema": SCHEMA, "tool": tool, "session": session, "tests": tests, "ran_once": ran_once}


def test_record(report: Any) -> Record:
    """The record of a test from the report of its call phase, which may come from a worker."""
    record: Record = json.loads(report.conc["record"])
    return {"id": report.nodeid, "outcome": outcome_of(report), "duration": report.duration, **record}


def outcome_of(report: Any) -> str:
    """passed, failed, skipped, xfailed or xpassed."""
    if hasattr(report, "wasxfail"):
        return "xpassed" if report.passed else "xfailed"
    return str(report.outcome)


class ReportFiles:
    """A plugin that collects the reports of explored tests and writes the files when the session ends."""

    def __init__(self, paths: Mapping[str, Path], seed: int) -> None:
        self._paths = paths
        self._seed = seed
        self._tests: list[tuple[int, Record]] = []
        self._ran_once: list[Record] = []
        self._lines: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keeps the record of an explored test."""
        if hasattr(report, "conc_ran_once"):
            self._ran_once.append({"id": report.nodeid, "reason": report.conc_ran_once})
        elif "record" in getattr(report, "conc", {}):
            self._tests.append((report.conc["position"], test_record(report)))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Writes what there is, also if the session was interrupted."""
        self._tests.sort(key=lambda pair: pair[0])
        tests = [record for _, record in self._tests]
        made = document(session_record(self._seed), tests, self._ran_once)
        for kind, path in self._paths.items():
            try:
                path.write_text(_WRITERS[kind](made), encoding="utf-8")
            except OSError as error:
                problem = f"the {kind} report could not be written: {path}: {error.strerror}"
                print(f"conc: {problem}", file=sys.stderr)  # noqa: T201 - there may be no terminal reporter
                session.exitstatus = session.exitstatus or pytest.ExitCode.INTERNAL_ERROR
            else:
                self._lines.append(f"conc: {kind} report of {_tests(len(tests))}: {path}")

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Says where the files are."""
        for line in self._lines:
            terminalreporter.write_line(line)


def _tests(count: int) -> str:
    return f"{count} explored test{'' if count == 1 else 's'}"


def as_json(made: Record) -> str:
    """The document as JSON, in ASCII: a text that is no valid Unicode stays a valid document."""
    return json.dumps(made, indent=1, allow_nan=False) + "\n"


def _as_page(made: Record) -> str:
    from pytest_conc.report.page import page

    return page(made)


_WRITERS: Final = {"json": as_json, "html": _as_page}
