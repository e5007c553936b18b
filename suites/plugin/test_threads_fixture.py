"""The fixture `threads` in real time: results, exceptions, leaks, and the end of the session."""

import threading

import pytest

from pytest_conc import UncontrolledBlocking

HEAD = """
import threading, time
import pytest
release = threading.Event()
def fail():
    raise AssertionError("lost")
def wait():
    threading.Event().wait()
def fail_later():
    time.sleep(0.8)
    raise AssertionError("late")
"""


@pytest.fixture
def run(pytester):
    def run(text, *options):
        pytester.makepyfile(HEAD + text)
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", "-W", "error", *options, timeout=60)

    return run


def test_a_handle_is_a_thread_with_a_result(threads):
    handle = threads.start(int, "7", name="worker", daemon=True)
    assert isinstance(handle, threading.Thread)
    assert (handle.result(), handle.name, handle.daemon, handle.is_alive()) == (7, "worker", True, False)


def test_a_handle_is_a_daemon_only_if_the_test_says_so(threads):
    handle = threads.start(lambda: threading.current_thread().daemon)
    assert (handle.daemon, handle.result(), handle.daemon) == (False, False, False)


@pytest.mark.parametrize("options", [("-n2",), ("--conc-hang-after=20",)], ids=["xdist", "guarded"])
def test_only_the_guilty_test_fails_and_the_session_ends_by_itself(run, options):
    result = run(
        """
def test_raises(threads):
    threads.start(fail)
def test_raises_after_its_test(threads):
    threads.start(fail_later)
def test_leaks(threads):
    threads.start(wait, name="waiter")
def test_innocent(threads):
    assert threads.start(int).result() == 0
def test_daemon(threads):
    threads.start(wait, daemon=True)
def test_daemon_raises(threads):
    threads.start(fail, daemon=True)
""",
        *options,
    )
    result.assert_outcomes(failed=4, passed=2)
    result.stdout.fnmatch_lines_random(
        [
            "E*AssertionError: lost",
            "*AssertionError: late",
            "LeakedTask: waiter (wait) is still running at the end of the test, in Event.wait, called at *.wait())",
        ]
    )


def test_an_exception_that_comes_while_a_leak_is_watched_is_told_with_the_leak(run):
    result = run("""
def test_it(threads):
    threads.start(fail_later, name="late")
""")
    result.stdout.fnmatch_lines(["*AssertionError: late", "*and LeakedTask: late (fail_later) is still running*"])


@pytest.mark.parametrize("options", [(), ("--conc-stress=1",)], ids=["once", "stressed"])
def test_each_helper_that_failed_is_told_with_its_name_and_its_place(run, options):
    text = """
def test_it(threads):
    threads.start(fail, name="one")
    threads.start(fail_later, name="two").join()
"""
    run(text, *options).stdout.fnmatch_lines(
        [
            "E * AssertionError: lost",
            "E * raised in one (fail)",
            "E * and AssertionError: late (*.py:10)",
            "E * raised in two (fail_later)",
        ]
    )


def test_a_leaked_thread_does_not_keep_the_interpreter_from_exiting(run):
    result = run("def test_leaks(threads):\n    threads.start(wait)")
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_join_without_a_time_limit_is_bounded(threads):
    threads.hang_after = 0.1
    go = threading.Event()
    handle = threads.start(go.wait, name="waiter")
    with pytest.raises(UncontrolledBlocking, match=r"waiter \(Event.wait\) did not end within 0.1 seconds; it is in "):
        handle.join()
    go.set()


def test_a_time_limit_of_ones_own_is_kept(threads):
    threads.hang_after = 0.01
    go = threading.Event()
    handle = threads.start(go.wait)
    handle.join(0.05)
    with pytest.raises(TimeoutError):
        handle.result(0.05)
    go.set()
    handle.result()
