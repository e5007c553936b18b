"""The fixture `greenlets`: the interface of threads and processes, on gevent."""

import pytest

gevent = pytest.importorskip("gevent", reason="needs gevent: pip install 'pytest-conc[gevent]'")

from pytest_conc import Deadlock, UncontrolledBlocking  # noqa: E402

HEAD = """
import gevent
def fail():
    gevent.sleep(0)
    raise AssertionError("lost")
"""


@pytest.fixture
def run(pytester):
    def run(text, *options):
        pytester.makepyfile(HEAD + text)
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", "-W", "error", *options, timeout=60)

    return run


def test_result_is_what_the_target_returned_or_raised(greenlets):
    assert greenlets.start(int, "7").result() == 7
    with pytest.raises(ValueError):
        greenlets.start(int, "x").result()


def test_a_handle_has_the_interface_of_a_task(greenlets):
    handle = greenlets.start(gevent.sleep, 99, name="sleeper", daemon=True)
    assert (handle.name, handle.daemon, handle.is_alive()) == ("sleeper", True, True)
    handle.join(0.01)
    with pytest.raises(TimeoutError, match="sleeper is still running"):
        handle.result(0.01)
    handle.kill()
    assert not handle.is_alive()


def test_together_returns_the_results_in_order(greenlets):
    assert greenlets.together((int, "1"), (int, "2"), copies=2) == [1, 1, 2, 2]


@pytest.mark.parametrize("options", [("-n2",)], ids=["xdist"])
def test_only_the_guilty_test_fails(run, options):
    result = run(
        """
def test_raises(greenlets):
    greenlets.start(fail)
def test_leaks(greenlets):
    def work():
        gevent.sleep(99)
    greenlets.start(work, name="worker")
def test_innocent(greenlets):
    assert greenlets.start(int).result() == 0
def test_daemon(greenlets):
    greenlets.start(gevent.sleep, 99, daemon=True)
""",
        *options,
    )
    result.assert_outcomes(failed=2, passed=2)
    result.stdout.fnmatch_lines_random(
        [
            "E*AssertionError: lost",
            "LeakedTask: worker (work) is still running at the end of the test, at *.py:10: gevent.sleep(99)",
        ]
    )


def test_a_greenlet_that_nothing_can_wake_is_a_deadlock(greenlets):
    greenlets.hang_after = 0
    with pytest.raises(Deadlock, match="nothing is left that could wake it"):
        greenlets.start(gevent.event.Event().wait, daemon=True).join()


def test_join_without_a_time_limit_is_bounded(greenlets):
    greenlets.hang_after = 0.05
    with pytest.raises(UncontrolledBlocking, match=r"did not end within 0\.05 seconds"):
        greenlets.start(gevent.sleep, 99).join()


def test_without_gevent_the_test_fails_with_what_to_install(run):
    result = run("""
import importlib.util
import pytest
@pytest.fixture(autouse=True)
def without(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
def test_fixture(greenlets):
    pass
def test_queue(shared_queue):
    shared_queue(kind="greenlet")
""")
    result.assert_outcomes(failed=1, errors=1)
    result.stdout.fnmatch_lines_random(
        [
            "the fixture greenlets needs gevent, which is not installed: pip install 'pytest-conc[gevent]'",
            "shared_queue(kind='greenlet') needs gevent*",
        ]
    )


def test_an_explored_test_is_refused_and_sent_to_stress(run):
    result = run("""
from pytest_conc import interleave
@interleave
def test_it(greenlets):
    pass
""")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["Refused: the fixture greenlets cannot be explored*@stress*"])


def test_a_session_without_greenlets_does_not_import_gevent(pytester):
    pytester.makepyfile("import sys\ndef test_it(threads):\n    assert 'gevent' not in sys.modules")
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)
