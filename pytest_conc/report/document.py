"""The document that the reports hold: the tool, the session and the records of its tests."""

from __future__ import annotations

import json
import platform
import sys
import sysconfig
from importlib.metadata import version
from typing import Final

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


def document(session: Record, tests: list[Record], ran_once: list[Record], stressed: list[Record]) -> Record:
    """The whole document; its schema is docs/reference/json.md."""
    tool = {"name": "pytest-conc", "version": version("pytest-conc")}
    return {
        "schema": SCHEMA,
        "tool": tool,
        "session": session,
        "tests": tests,
        "stressed": stressed,
        "ran_once": ran_once,
    }


def as_json(made: Record) -> str:
    """The document as JSON, in ASCII: a text that is no valid Unicode still gives a valid document."""
    return json.dumps(made, indent=1, allow_nan=False) + "\n"
