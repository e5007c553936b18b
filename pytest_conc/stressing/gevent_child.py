"""`@stress(gevent=True)`: a test in a child interpreter that gevent has patched before anything else was imported.

`gevent.monkey.patch_all()` changes a whole interpreter, and has to come before whoever keeps a lock, a socket or a
function that it replaces. So neither the session nor any other test is touched: the child runs a pytest session of its
own with the same command line for the one test, and sends its reports, which then stand for those of the test here:
its error with introspection, its sections, its durations.

The child says all the time that it is alive. It sees by itself that nothing happens any more (`greenlets.Watch`); one
that says nothing, because it holds the interpreter lock, say, is ended from here, with all that it has started.
"""

from __future__ import annotations

import contextlib
import importlib.util
import marshal
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest

from pytest_conc.execution.watched_time import WatchedTime

PATCHED: Final = "conc_patched"  # what a child finds in its workerinput
MARGIN: Final = 5.0  # seconds that the child has to tell what is wrong, after it should have noticed
LOOK_AGAIN: Final = 0.5
START: Final = 60.0  # seconds until the child has imported what the test needs
_MISSING: Final = "stress(gevent=True) needs gevent, which is not installed: pip install 'pytest-conc[gevent]'"
_PROGRAM: Final = """
import marshal, sys, warnings
request = marshal.load(open(sys.argv.pop(), "rb"))
sys.path[:] = request["path"]
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from gevent import monkey
    monkey.patch_all()
from _pytest.config import _prepareconfig
try:
    config = _prepareconfig(request["args"], None)
except Exception as error:
    sys.exit(f"the session cannot begin: {error}")
from pytest_conc.stressing.gevent_session import main
main(config, request)
"""  # pytest comes before our own modules, or it would warn that it cannot rewrite their assertions


def is_patched(config: pytest.Config) -> bool:
    """Whether this is the session of such a child."""
    return PATCHED in getattr(config, "workerinput", {})


class GeventChild:
    """One test that runs in a child. Made at its set-up; in this process nothing of it is set up, called or torn down.

    `node` is the id of the test without a group of xdist; `seed` is the seed of the session.
    """

    phases = ("setup", "call", "teardown")  # whose reports it replaces

    def __init__(self, item: pytest.Item, node: str, seed: int, hang_after: float) -> None:
        self._item = item
        self._node = node
        self._seed = seed
        self._hang_after = hang_after
        self._reports: dict[str, pytest.TestReport] = {}
        self._problem = ""
        self._sections: list[tuple[str, str]] = []
        item.setup = self._set_up  # type: ignore[method-assign]

    def _set_up(self) -> None:
        """What pytest calls to set up the test: runs the child."""
        __tracebackhide__ = True
        if importlib.util.find_spec("gevent") is None:
            self._problem = _MISSING
        else:
            with _folder(self._item.config) as folder:
                self._run_child(folder)
        if not self._problem:
            self._end_like("setup")

    def run(self) -> None:
        """What stands for the call of the test: fails or skips it as the child has."""
        __tracebackhide__ = True
        if self._problem:
            pytest.fail(self._problem, pytrace=False)
        self._end_like("call")

    def _end_like(self, when: str) -> None:
        __tracebackhide__ = True
        report = self._reports.get(when)
        if report is None or report.passed:
            return
        if report.skipped:
            pytest.skip(str(report.longrepr))
        pytest.fail(f"{self._node} failed in its child interpreter", pytrace=False)

    def add_to(self, report: pytest.TestReport, call: pytest.CallInfo[None]) -> None:
        """Makes the report say what the report of the child says."""
        if self._problem and report.when == "call":
            report.longrepr = self._problem
            report.sections += self._sections
            return
        theirs = self._reports.get(report.when or "")
        if theirs is not None:
            kept = {"nodeid": report.nodeid, "location": report.location}
            report.__dict__.update(theirs.__dict__ | kept)

    # -- the child -------------------------------------------------------------------------------
    def _run_child(self, folder: Path) -> None:
        with (folder / "request").open("wb") as file:
            marshal.dump(self._request(folder), file)
        shows = self._item.config.getoption("capture") == "no"
        with contextlib.ExitStack() as stack:
            output = None if shows else stack.enter_context((folder / "output").open("wb"))
            process = subprocess.Popen(
                [sys.executable, *subprocess._args_from_interpreter_flags(), "-c", _PROGRAM, str(folder / "request")],  # type: ignore[attr-defined]
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self._item.config.invocation_params.dir,
                process_group=0,
            )
            try:
                silent = self._wait(process, folder / "alive")
            finally:
                _end(process)
        self._read(folder)
        self._problem = self._problem or self._what_went_wrong(process, folder, silent)

    def _request(self, folder: Path) -> dict[str, Any]:
        config = self._item.config
        worker = {**_worker_input(config), "conc_seed": self._seed, PATCHED: True}
        path, _, name = self._node.partition("::")
        return {
            "path": [str(entry) for entry in sys.path],
            "args": [str(arg) for arg in config.invocation_params.args],
            "node": f"{config.rootpath / path}::{name}",
            "folder": str(folder),
            "worker": _plain(worker),
            "hang_after": float(self._hang_after),
            "parent": os.getpid(),
        }

    def _wait(self, process: subprocess.Popen[bytes], alive: Path) -> bool:
        """Waits for the end of the child. Returns whether it says nothing any more, so that it has to be ended."""
        clock = WatchedTime(LOOK_AGAIN)
        seen, since, limit = 0, clock.now(), START
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(LOOK_AGAIN)
                return False
            told = alive.stat().st_mtime_ns if alive.exists() else 0
            now = clock.now()
            if told != seen:
                seen, since, limit = told, now, self._hang_after + MARGIN
            if self._hang_after and now - since > limit:
                return True

    def _read(self, folder: Path) -> None:
        """Takes over the reports; those of subtests are passed on at once."""
        config = self._item.config
        for kind, data in _sent(folder / "reports"):
            if kind == "problem":
                self._problem = self._problem or data
                continue
            report: Any = config.hook.pytest_report_from_serializable(config=config, data=data)
            if type(report) is pytest.TestReport:
                self._reports[report.when or ""] = report
            elif report is not None:
                self._item.ihook.pytest_runtest_logreport(report=report)

    def _what_went_wrong(self, process: subprocess.Popen[bytes], folder: Path, silent: bool) -> str:
        stuck = folder / "stuck"
        if stuck.exists():
            self._sections.append(("greenlets of the child interpreter", (folder / "greenlets").read_text()))
            return stuck.read_text()
        if silent:
            return (
                f"the child interpreter with gevent did not answer for {self._hang_after + MARGIN:g} s, and was ended"
            )
        if "teardown" in self._reports:
            return ""
        output = (folder / "output").read_text(errors="replace") if (folder / "output").exists() else ""
        return f"the child interpreter with gevent {_how_it_ended(process.returncode)}\n{output[-4000:]}".rstrip()


def _worker_input(config: pytest.Config) -> dict[str, Any]:
    """What tells plugins in the child that somebody else writes files and reports; they may add what they need."""
    if hasattr(config, "workerinput"):
        return dict(config.workerinput)
    topdir = os.path.normpath(config.invocation_params.dir)
    worker = {
        "workerid": "master",
        "cov_master_host": socket.gethostname(),
        "cov_master_topdir": topdir,
        "cov_master_rsync_roots": [],
    }
    node = SimpleNamespace(config=config, workerinput=worker, gateway=SimpleNamespace(id="master"))
    hook = getattr(config.hook, "pytest_configure_node", None)
    for plugin in hook.get_hookimpls() if hook is not None else ():
        with contextlib.suppress(Exception):  # one that needs more of xdist than there is
            plugin.function(*[node for _ in plugin.argnames])
    return worker


@contextlib.contextmanager
def _folder(config: pytest.Config) -> Iterator[Path]:
    """Where parent and child put what they tell each other; the child's temporary directories are kept as pytest's."""
    factory: Any = getattr(config, "_tmp_path_factory", None)
    if factory is not None:
        yield factory.mktemp("gevent")
        return
    with tempfile.TemporaryDirectory(prefix="pytest-conc-") as name:
        yield Path(name)


def _sent(path: Path) -> Iterator[tuple[str, Any]]:
    with contextlib.suppress(FileNotFoundError, EOFError), path.open("rb") as file:
        while True:
            yield pickle.load(file)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """What can be sent."""
    kept = {}
    for name, value in values.items():
        with contextlib.suppress(ValueError):
            marshal.dumps(value)
            kept[name] = value
    return kept


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the child and all that it has started, but for what has left its process group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _how_it_ended(code: int) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name} before its test was over"
    return f"ended with exit code {code} before its test was over"
