"""Helpers that fail unseen and tests that never end: the guilty test fails, no other one, and the session ends.

The tests are those of `silent.py` and `hang.py`. Plain pytest shows the first all green, and never ends the second.
"""

import importlib.util
import os
import xml.etree.ElementTree
from pathlib import Path

import psutil
import pytest

from suites.plugin import hang, silent

HERE = Path(__file__).parent
needs_gevent = importlib.util.find_spec("gevent") is not None
MODES = {
    "stressed": ["--conc-stress=1", "--conc-hang-after=1"],
    "stressed under xdist": ["--conc-stress=1", "--conc-hang-after=1", "-n2"],
    "on guard": ["--conc-hang-after=1"],
    "on guard under xdist": ["--conc-hang-after=1", "-n2"],
}

WHERE = {  # what a report of a hang has to say
    "test_lock_order": [
        "Deadlock",
        "a-then-b (take) waits for b at hang.py:",
        "which b-then-a (take) holds since hang.py:29",
    ],
    "test_second_lock_order": ["Deadlock", "b-then-a (take) waits for "],
    "test_third_lock_order": ["Deadlock", "b-then-a (take) waits for "],
    "test_lock_taken_twice": [
        "Deadlock",
        "main waits for lock at hang.py:",
        "which it holds itself since hang.py:",
        "RLock",
    ],
    "test_missing_sentinel": ["Starved", "(consume) waits in Queue.get at hang.py:", "as many sentinels as consumers"],
    "test_notify_before_wait": ["LostWakeup", "main waits in Condition.wait at hang.py:"],
    "test_full_queue_under_a_lock": [
        "Deadlock",
        "put (put) waits in Queue.put at",
        "waits for lock at",
        "which put (put)",
    ],
    "test_future_waits_for_its_own_pool": ["Deadlock", "waits in Future.result at hang.py:", "its own pool"],
    "test_child_waits_for_ever": ["Starved", "process stuck-child (pid ", "in take_from"],
    "test_leaks_a_thread": ["LeakedTask", "(wait_for) is still running", "in Event.wait, called at hang.py:"],
    "test_leaks_a_process": ["LeakedTask", "process Process-", "is still running"],
}


@pytest.fixture
def failures(pytester):
    """Runs one of the files in a session of its own; returns {failed test: its message}, after looking for orphans."""

    def failures(name, *options):
        pytester.makepyfile(**{name: (HERE / f"{name}.py").read_text()})
        result = pytester.runpytest_subprocess(
            f"{name}.py", "-p", "no:cacheprovider", "--junitxml=out.xml", *options, timeout=120
        )
        assert result.ret == pytest.ExitCode.TESTS_FAILED
        cases = xml.etree.ElementTree.parse("out.xml").iter("testcase")
        found = {case.get("name"): case for case in cases}
        assert not any(case.find("error") is not None for case in found.values()), "in the call phase"
        assert set(found) == {each for each in vars(silent if name == "silent" else hang) if each.startswith("test_")}
        assert orphans(pytester.path) == []
        return {test: case.find("failure").text for test, case in found.items() if case.find("failure") is not None}

    return failures


def orphans(path):
    """The processes that still work in that directory."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.cwd() == str(path):
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.mark.parametrize("mode", ["stressed under xdist", "on guard"])
def test_each_silent_failure_fails_its_own_test_and_no_other(failures, mode):
    failed = failures("silent", *MODES[mode])
    expected = {test.__name__ for test in silent.SILENT}
    assert set(failed) == expected - (set() if needs_gevent else {"test_greenlet_raises"})
    for test, message in failed.items():
        if test == "test_process_is_killed":
            assert "was ended by SIGKILL with exit code -9" in message
            assert "process Process-" in message
        elif test == "test_process_exits_with_three":
            assert "ended with exit code 3" in message
        else:
            assert "AssertionError: lost" in message
            assert "silent.py" in message
            assert "26" in message


@pytest.mark.parametrize("mode", ["stressed", "on guard under xdist"])
def test_each_hanging_test_fails_by_itself_and_the_session_ends(failures, mode):
    failed = failures("hang", *MODES[mode])
    assert set(failed) == set(WHERE)
    for test, words in WHERE.items():
        for word in words:
            assert word in failed[test], test
