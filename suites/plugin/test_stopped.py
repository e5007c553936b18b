"""Time that nobody could watch: who stops pytest with Ctrl-Z, or closes the laptop, does not find that it hangs."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pytest_conc.controlled import originals
from pytest_conc.execution.watched_time import LOOKS, WatchedTime

STOPPED = 2.5  # seconds; more than any of the limits below
TESTS = {
    "stressed": "@stress(runs=1, hang_after=2)\ndef test_x():\n    at_work()\n    spend(time.sleep)",
    "explored": "@interleave(executions=1, hang_after=2)\ndef test_x():\n    at_work()\n    spend(for_real)",
    "a thread": "def test_x(threads):\n    threads.start(work).result()",
    "a process": "def test_x(processes):\n    processes.start(work).result()",
    "greenlets": "@stress(runs=1, hang_after=2, gevent=True)\ndef test_x():\n    at_work()\n    spend(time.sleep)",
}
HEAD = """
import pathlib, select, time
from pytest_conc import interleave, stress
def at_work():
    pathlib.Path("at work").touch()
def for_real(seconds):
    select.select([], [], [], seconds)
def spend(sleep):
    for _ in range(16):
        sleep(0.05)
def work():
    at_work()
    spend(time.sleep)
"""


def test_a_gap_counts_for_a_few_looks(monkeypatch):
    at = [100.0]
    monkeypatch.setattr(originals, "monotonic", lambda: at[0])
    clock, seen = WatchedTime(0.1), []
    for gap in (0.1, 0.25, 3600.0, 0.0):
        at[0] += gap
        seen.append(clock.now())
    assert seen == pytest.approx([0.1, 0.35, 0.35 + LOOKS * 0.1, 0.35 + LOOKS * 0.1])


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs SIGSTOP, which Windows has not")
@pytest.mark.parametrize("kind", TESTS)
def test_a_session_that_was_stopped_goes_on_where_it_was(pytester, kind):
    if kind == "greenlets":
        pytest.importorskip("gevent", reason="needs gevent: pip install -e '.[gevent]'")
    pytester.makepyfile(HEAD + TESTS[kind])
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    command += [] if "hang_after" in TESTS[kind] else ["--conc-hang-after=2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as session:
        while not Path("at work").exists() and session.poll() is None:
            time.sleep(0.05)
        time.sleep(0.25)  # until whoever watches has begun to
        os.killpg(session.pid, signal.SIGSTOP)
        time.sleep(STOPPED)
        os.killpg(session.pid, signal.SIGCONT)
        said = session.stdout.read()
    assert "1 passed" in said, said
