"""Failing schedules are kept in pytest's cache, tried first next time, and forgotten when they pass."""

import json

import pytest

COUNTER = """
import threading
from pytest_conc import interleave

class Counter:
    value = 0
    lock = threading.Lock()

    def increment(self):
        self.value += 1

    def increment_with_lock(self):
        with self.lock:
            self.value += 1

@interleave{options}
def test_counter():
    counter = Counter()
    threads = [threading.Thread(target=counter.{method}) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.value == 2
"""


def counter(method="increment", options=""):
    return COUNTER.format(method=method, options=options)


def kept(pytester):
    path = pytester.path / ".pytest_cache/v/conc/failing"
    return json.loads(path.read_text()) if path.exists() else None


def run(pytester, *arguments):
    return pytester.runpytest_subprocess("-p", "no:randomly", *arguments)


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_a_failing_schedule_is_tried_first_the_next_time(pytester, workers):
    pytester.makepyfile(counter())
    first = run(pytester, *workers)
    first.assert_outcomes(failed=1)
    first.stdout.fnmatch_lines("LostUpdate: AssertionError in execution *, minimised to 1 preemption")
    stored = kept(pytester)
    assert list(stored) == ["test_a_failing_schedule_is_tried_first_the_next_time.py::test_counter"]
    second = run(pytester, *workers)
    second.assert_outcomes(failed=1)
    second.stdout.fnmatch_lines("LostUpdate: AssertionError in a schedule that failed before, minimised to 1 pre*")
    assert kept(pytester) == stored


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_a_schedule_that_passes_is_dropped(pytester, workers):
    path = pytester.makepyfile(test_it=counter())
    run(pytester).assert_outcomes(failed=1)
    path.write_text(counter("increment_with_lock"))
    run(pytester, *workers).assert_outcomes(passed=1)
    assert kept(pytester) == {}


def test_stored_schedules_shift_neither_seeds_nor_counts(pytester):
    fixed = counter("increment_with_lock", "(strategy='random', executions=50)")
    path = pytester.makepyfile(test_it=fixed)
    alone = [line for line in run(pytester, "-v").outlines if "executions passed" in line]
    path.write_text(counter())
    run(pytester).assert_outcomes(failed=1)
    path.write_text(fixed)
    after = [line for line in run(pytester, "-v").outlines if "executions passed" in line]
    assert alone == after
    assert "50 executions passed" in alone[0]


def test_a_lesson_that_has_been_mended_says_so(pytester):
    path = pytester.makepyfile(test_it=counter(options="(finds=AssertionError)"))
    run(pytester).assert_outcomes(passed=1)
    assert kept(pytester)
    path.write_text(counter("increment_with_lock", "(finds=AssertionError)"))
    result = run(pytester)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines("*It used to be found by schedules that pass now*take finds= away*")


def test_an_unreadable_store_is_no_obstacle(pytester):
    pytester.makepyfile(counter())
    path = pytester.path / ".pytest_cache/v/conc/failing"
    path.parent.mkdir(parents=True)
    for content in (
        '["no", "table"]',
        '{"x": 3, "test_an_unreadable_store_is_no_obstacle.py::test_counter": ["c2.?", 7]}',
    ):
        path.write_text(content)
        result = run(pytester)
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines("*in execution *, minimised to 1 preemption")


def test_schedules_of_another_timing_are_left_alone(pytester):
    path = pytester.makepyfile(test_it=counter(options="(timing='any')"))
    run(pytester).assert_outcomes(failed=1)
    stored = kept(pytester)
    path.write_text(counter("increment_with_lock"))
    run(pytester).assert_outcomes(passed=1)
    assert kept(pytester) == stored


def test_a_replay_does_not_touch_the_store(pytester):
    path = pytester.makepyfile(test_it=counter())
    run(pytester).assert_outcomes(failed=1)
    stored = kept(pytester)
    token = stored["test_it.py::test_counter"][0]
    path.write_text(counter("increment_with_lock"))
    run(pytester, "test_it.py::test_counter", "--conc-replay", token)
    assert kept(pytester) == stored


def changed_for_the_worse(pytester):
    """A failing test with a token, whose line was rewritten so that it always fails."""
    path = pytester.makepyfile(test_it=counter())
    run(pytester).assert_outcomes(failed=1)
    (token,) = kept(pytester)["test_it.py::test_counter"]
    path.write_text(counter().replace("self.value += 1", "self.value = 1"))
    return token


def test_a_schedule_that_fails_in_spite_of_what_has_changed_is_minimised_and_kept_anew(pytester):
    token = changed_for_the_worse(pytester)
    result = run(pytester)
    result.stdout.fnmatch_lines("*in a schedule that failed before, minimised to no preemption")
    assert kept(pytester)["test_it.py::test_counter"] != [token]


def test_a_replay_that_fails_says_what_of_the_token_could_not_be_followed(pytester):
    token = changed_for_the_worse(pytester)
    result = run(pytester, "test_it.py::test_counter", "--conc-replay", token)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*under the schedule of the token", "The code has changed since: 1 of * switches of the token could not be *"]
    )


def test_nothing_is_kept_without_the_cache_and_for_passing_tests(pytester):
    pytester.makepyfile(test_fails=counter(), test_passes=counter("increment_with_lock"))
    run(pytester, "test_fails.py", "-p", "no:cacheprovider").assert_outcomes(failed=1)
    run(pytester, "test_passes.py").assert_outcomes(passed=1)
    assert kept(pytester) is None


RANDOM = """
import random
import threading
from pytest_conc import interleave

@interleave
def test_two_numbers():
    seen = []
    def draw():
        seen.append(random.randrange(1000))
    threads = [threading.Thread(target=draw) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert random.random() < 0.4, random.random()
"""


def test_a_token_carries_the_seed_of_the_random_numbers_that_were_drawn(pytester):
    pytester.makepyfile(test_it=RANDOM)
    sessions = (run(pytester, f"--conc-seed={seed}", "--cache-clear") for seed in range(1, 30))
    first = next(session for session in sessions if session.ret == pytest.ExitCode.TESTS_FAILED)
    value = next(line for line in first.outlines if line.startswith("E   ") and "assert" in line)
    command = next(line for line in first.outlines if line.startswith("replay: "))
    again = run(pytester, "test_it.py::test_two_numbers", "--conc-replay", command.split()[-1])
    assert value in again.outlines  # though this session has the seed 0
