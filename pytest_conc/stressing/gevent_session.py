"""The session of one test in a child interpreter that gevent has patched: see `gevent_child`.

The command line is that of the session that waits, so root directory, ini file, plugins and options are the same. The
configuration says that it is a worker's: what collects results and writes files leaves that to who started it.
"""

from __future__ import annotations

import atexit
import json
import os
import pickle
import sys
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from pytest_conc.stressing.greenlets import GUARD, Guard, Watch

_CHANGED: Final[Mapping[str, Any]] = {  # what is the business of the session outside
    "numprocesses": None,
    "maxprocesses": None,
    "dist": "no",
    "distload": False,
    "looponfail": False,
    "tx": [],
    "usepdb": False,
    "trace": False,
    "pyargs": False,
    "lf": False,
    "failedfirst": False,
    "newfirst": False,
    "cacheclear": False,
    "stepwise": False,
    "stepwise_skip": False,
    "stepwise_reset": False,
    "setupshow": False,
    "setuponly": False,
    "setupplan": False,
    "log_file": os.devnull,
    "xmlpath": None,
}


def main(config: pytest.Config, request: Mapping[str, Any]) -> None:
    """Runs the test, and ends the interpreter: greenlets that are left do not keep it."""
    folder = Path(request["folder"])
    sender = Sender(folder / "reports", request["node"].partition("::")[2])
    watch = Watch(folder, request["hang_after"], request["parent"])
    try:
        _change(config, request)
        config.stash[GUARD] = Guard(watch)
        config.pluginmanager.register(sender, "conc-sender")
        config.pluginmanager.register(watch, "conc-watch")
        config.hook.pytest_cmdline_main(config=config)
    except pytest.UsageError as error:
        sender.send("problem", f"the session in the child interpreter cannot begin: {error}")
    finally:
        sender.close()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _change(config: pytest.Config, request: Mapping[str, Any]) -> None:
    for name, value in _CHANGED.items():
        if hasattr(config.option, name):
            setattr(config.option, name, value)
    if config.pluginmanager.has_plugin("terminal"):  # its options are needed, and what it prints is not
        config.pluginmanager.unregister(name="terminal")
    config.option.basetemp = os.path.join(request["folder"], "basetemp")
    config.option.file_or_dir = [request["node"]]
    config.args[:] = [request["node"]]
    config.workerinput = dict(request["worker"])  # type: ignore[attr-defined]
    config.workeroutput = {}  # type: ignore[attr-defined]


class Sender:
    """A plugin that writes all reports down, one after the other."""

    def __init__(self, path: Path, name: str) -> None:
        self._file = path.open("wb")
        self._name = name
        self._config: Any = None

    def send(self, kind: str, data: object) -> None:
        """Adds one. What cannot be pickled goes as text."""
        try:
            made = pickle.dumps((kind, data))
        except Exception:
            made = pickle.dumps((kind, json.loads(json.dumps(data, default=str))))
        self._file.write(made)
        self._file.flush()

    def close(self) -> None:
        """Nothing more will come."""
        self._file.close()

    def pytest_configure(self, config: pytest.Config) -> None:
        """Keeps what turns a report into data."""
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Sends the report of a phase or of a subtest."""
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        self.send("report", data)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A test file that cannot be imported in this interpreter is a failure of its test."""
        if report.failed:
            self.send("problem", f"the test cannot be collected in the child interpreter:\n{report.longreprtext}")

    def pytest_internalerror(self, excrepr: object) -> None:
        """An error of pytest or of a plugin."""
        self.send("problem", f"internal error in the child interpreter:\n{excrepr}")

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Generator[None, None, None]:
        """The one test was selected already; nobody deselects it again."""
        chosen = [item for item in items if _name(item) == self._name]
        yield
        items[:] = chosen
        if not chosen:
            self.send("problem", f"{self._name} does not exist in the child interpreter")


def _name(item: pytest.Item) -> str:
    """The part of the id after the file."""
    places = (pytest.Session, pytest.Dir, pytest.File)
    return "::".join(node.name for node in item.listchain() if not isinstance(node, places))
