"""Fixtures that clean, start threads or fail, in an explored test."""

from pathlib import Path

import pytest

RACE = """
import threading
import pytest
from pytest_conc import interleave

def together(*targets):
    threads = [threading.Thread(target=target) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""


@pytest.fixture
def run(pytester):
    """Runs a test file that begins with RACE; returns the result."""

    def run(text, *options):
        pytester.makepyfile(RACE + text)
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", "--conc-executions=5", *options)

    return run


def test_usefixtures_and_autouse_are_renewed(run):
    run("""
items = []
@pytest.fixture(autouse=True)
def clean():
    items.clear()
@pytest.fixture
def filled(clean):
    items.append(0)
@pytest.mark.usefixtures("filled")
@interleave
def test_x():
    together(lambda: items.append(1))
    assert items == [0, 1]
""").assert_outcomes(passed=1)


def test_a_thread_of_a_fixture_is_a_task_and_may_end_in_its_teardown(run):
    run("""
import queue
@pytest.fixture
def server():
    jobs, done = queue.Queue(), []
    def serve():
        for job in iter(jobs.get, None):
            done.append(job)
    thread = threading.Thread(target=serve)
    thread.start()
    yield jobs, done
    jobs.put(None)
    thread.join()
    assert done == [1, 2]
@interleave
def test_x(server):
    jobs, done = server
    jobs.put(1)
    jobs.put(2)
    assert done in ([], [1], [1, 2])
""").assert_outcomes(passed=1)


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_fixture_that_fails_fails_the_test_with_its_own_error(run, where):
    body = "raise OSError('broken')\n    yield" if where == "before" else "yield\n    raise OSError('broken')"
    result = run(f"""
@pytest.fixture
def bad():
    {body}
@interleave
def test_x(bad):
    together(int)
""")
    outcomes = result.parseoutcomes()
    assert outcomes.get("failed", 0) + outcomes.get("errors", 0) == 1
    result.stdout.fnmatch_lines(["*OSError: broken*"])


def test_the_other_fixtures_are_torn_down_when_one_fails_to(run):
    run("""
log = []
@pytest.fixture
def first():
    log.append("up")
    yield
    log.append("down")
@pytest.fixture
def second(first):
    yield
    raise OSError("broken")
@interleave
def test_x(second):
    together(int)
def test_log():
    assert log.count("up") == log.count("down") > 0
""").assert_outcomes(failed=1, passed=1)


def test_together_raises_the_first_error_and_tells_of_the_others(threads):
    def fail(name):
        raise ValueError(name)

    with pytest.raises(ValueError, match="one") as raised:
        threads.together((fail, "one"), (fail, "two"))
    line = f"{Path(__file__).name}:{fail.__code__.co_firstlineno + 1}"
    assert [note.partition(" raised")[2] for note in raised.value.__notes__] == [f" as well: ValueError: two ({line})"]
