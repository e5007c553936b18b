"""`explore` and `replay`: what they count, find, minimise and repeat, and what they say to wrong use."""

import re
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest

from pytest_conc import Deadlock, explore
from suites.classics import models, peers

ROOT = Path(__file__).resolve().parents[2]
SMALL = [name for name, expected in models.EXPECTED.items() if expected.classes and expected.classes <= 32]


def test_every_execution_counts_as_one_outcome():
    exploration = explore(models.PROGRAMS["lazy01"], executions=50, seed=1, keep_going=True, strategy="surw")
    assert exploration.executions == 50
    assert exploration.outcomes.total() == 50
    assert set(exploration.outcomes) == models.EXPECTED["lazy01"].outcomes


def test_a_return_value_that_cannot_be_hashed_is_counted_by_its_repr():
    assert explore(lambda: [1], executions=2).outcomes == {"[1]": 2}


def test_an_exploration_stops_at_its_first_failure():
    exploration = explore(peers.PROGRAMS["increment"][0], executions=1000, seed=1)
    assert exploration.failure.execution == exploration.executions < 1000
    assert exploration.outcomes["AssertionError"] == 1


def test_raise_if_failed_raises_the_error_of_the_program():
    exploration = explore(peers.PROGRAMS["increment"][0], seed=1)
    with pytest.raises(AssertionError) as raised:
        exploration.raise_if_failed()
    assert raised.value is exploration.failure.error


@pytest.mark.parametrize("strategy", ["auto", "random", "pct"])
@pytest.mark.parametrize("name", ["increment", "two_preemptions", "condition_if"])
def test_a_shorter_exploration_is_a_prefix_of_a_longer_one(strategy, name):
    program = peers.PROGRAMS[name][0]
    options = {"strategy": strategy, "seed": 7, "keep_going": True}
    ends = [explore(program, executions=number, **options) for number in (1, 7, 20, 21, 60)]
    for shorter, longer in pairwise(ends):
        assert shorter.outcomes <= longer.outcomes
        assert shorter.classes <= longer.classes
        if shorter.failure is not None:
            assert shorter.failure.token == longer.failure.token
            assert shorter.failure.execution == longer.failure.execution


@pytest.mark.parametrize("strategy", ["random", "pct"])
def test_another_seed_explores_something_else(strategy):
    found = {
        explore(models.PROGRAMS["sections_3x2"], executions=20, seed=seed, strategy=strategy).classes
        for seed in range(12)
    }
    assert len(found) > 1


IN_A_NEW_PROCESS = """
import sys
from pytest_conc import explore
from suites.classics import models, peers
for host in sys.argv[1:]:
    for name in ("singleton", "two_preemptions", "lock_order", "three_by_two"):
        exploration = explore(peers.PROGRAMS[name][0], executions=200, seed=5, host=host, strategy="random")
        print(name, exploration.failure.token, exploration.executions, exploration.classes)
        for step in exploration.failure.trace:
            print(*step)
    for name in ("sections_3x2", "token_ring"):
        exploration = explore(models.PROGRAMS[name], executions=60, seed=5, host=host, keep_going=True)
        print(name, exploration.classes, sorted(exploration.outcomes.items(), key=repr))
    print("-" * 9)
"""


def in_a_new_process(code, *arguments):
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return without_addresses(done.stdout)


def without_addresses(text):
    return re.sub(r"0x[0-9a-f]+|at 0x.*?>|[0-9a-f]{2,}>", "", text)


def test_the_same_seed_gives_the_same_traces_in_two_processes_and_on_both_hosts(monkeypatch):
    monkeypatch.setenv("PYTHONHASHSEED", "1")
    both = in_a_new_process(IN_A_NEW_PROCESS, "greenlets", "threads")
    monkeypatch.setenv("PYTHONHASHSEED", "2")
    again = in_a_new_process(IN_A_NEW_PROCESS, "greenlets")
    on_greenlets, on_threads, rest = both.split("-" * 9 + "\n")
    assert not rest
    assert on_greenlets == on_threads
    assert on_greenlets == again.split("-" * 9)[0]


RARE = {("bluetooth", "random"), ("readers_5", "random")}  # have a class that a random walk hardly ever meets


@pytest.mark.parametrize("strategy", ["random", "auto"])
@pytest.mark.parametrize("name", SMALL)
def test_all_classes_of_a_small_program_are_seen_and_no_more(name, strategy):
    expected = models.EXPECTED[name]
    exploration = explore(models.PROGRAMS[name], executions=3000, seed=2, strategy=strategy, keep_going=True)
    if (name, strategy) not in RARE:
        assert exploration.classes == expected.classes
    assert exploration.classes <= expected.classes
    assert set(exploration.outcomes) <= expected.outcomes


@pytest.mark.parametrize("name", [name for name in models.EXPECTED if name not in SMALL])
def test_no_class_or_outcome_too_many_is_seen_in_a_large_program(name):
    expected = models.EXPECTED[name]
    exploration = explore(models.PROGRAMS[name], executions=300, seed=3, keep_going=True)
    assert exploration.classes <= (expected.classes or 300)
    assert set(exploration.outcomes) <= expected.outcomes


@pytest.mark.parametrize("name", ["increment", "own_threads", "lock_order", "singleton", "two_preemptions"])
def test_all_classes_of_a_failing_program_are_seen_and_no_more(name):
    exploration = explore(peers.PROGRAMS[name][0], executions=1500, seed=1, keep_going=True)
    assert exploration.classes == peers.CLASSES[name]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", list(peers.PREEMPTIONS))
def test_a_failure_is_minimised_to_the_fewest_preemptions(name, seed):
    failure = explore(peers.PROGRAMS[name][0], executions=1000, seed=seed).failure
    assert failure.preemptions == peers.PREEMPTIONS[name]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", ["account", "bluetooth", "deadlock01", "lazy01", "token_ring", "stringbuffer"])
def test_a_failing_model_is_minimised_to_the_fewest_preemptions(name, seed):
    failure = explore(models.PROGRAMS[name], executions=2000, seed=seed).failure
    assert failure.preemptions == models.EXPECTED[name].preemptions


@pytest.mark.parametrize("strategy", ["pos", "random", "reversed"])
@pytest.mark.parametrize("name", ["increment", "singleton", "three_by_two"])
def test_of_threads_that_are_alike_the_one_that_was_started_first_comes_first(name, strategy):
    for seed in range(4):
        failure = explore(peers.PROGRAMS[name][0], executions=1000, seed=seed, strategy=strategy).failure
        if failure is not None:
            tasks = [step.task for step in failure.trace if step.task != "main"]
            assert tasks[0].startswith("Thread-1"), (seed, failure)


REPLAY = """
import sys
from pytest_conc import replay
from suites.classics import peers
failure = replay(peers.PROGRAMS[sys.argv[1]][0], sys.argv[2], host=sys.argv[3])
print(type(failure.error).__name__, failure.token, failure.preemptions)
for step in failure.trace:
    print(*step)
"""


def test_the_values_of_a_trace_have_no_addresses():
    failure = explore(peers.PROGRAMS["lock_order"][0], seed=3).failure
    assert "0x" not in repr(failure.trace)


@pytest.mark.parametrize("host", ["greenlets", "threads"])
@pytest.mark.parametrize("name", ["increment", "lock_order", "two_preemptions", "condition_if", "sentinels"])
def test_a_token_gives_the_same_failure_in_a_new_process(name, host):
    found = explore(peers.PROGRAMS[name][0], executions=1000, seed=3).failure
    first, *rest = in_a_new_process(REPLAY, name, found.token, host).splitlines()
    assert first == f"{type(found.error).__name__} {found.token} {found.preemptions}"
    assert rest == [without_addresses(" ".join(map(str, step))) for step in found.trace]


def sleep_counter():
    """The lesson of the source: three threads read, sleep and write back."""
    state = models.State(n=100)

    def take():
        seen = state.n
        time.sleep(0.1)
        state.n = seen - 1

    models.together(take, take, take)
    return state.n


def test_a_sleep_is_like_a_synchronisation_in_virtual_time():
    exploration = explore(sleep_counter, seed=1)
    assert exploration.exhaustive
    assert set(exploration.outcomes) == {99}


def test_a_sleep_may_end_at_any_moment_with_any_timing():
    exploration = explore(sleep_counter, executions=3000, seed=1, timing="any", strategy="random")
    assert set(exploration.outcomes) == {97, 98, 99}
    assert exploration.classes == 36


def test_with_the_gil_an_increment_is_never_lost():
    explore(peers.PROGRAMS["increment"][0], executions=500, preemption="gil").raise_if_failed()


def test_with_the_gil_a_check_before_a_call_can_be_outdated():
    def program():
        state = models.State(n=0, made=0)

        def nothing():
            pass

        def make_once():
            if state.n == 0:
                nothing()
                state.n = 1
                state.made += 1

        models.together(make_once, make_once)
        assert state.made == 1

    assert isinstance(explore(program, executions=500, preemption="gil").failure.error, AssertionError)


def test_a_deadlock_says_who_holds_and_wants_what():
    failure = explore(peers.PROGRAMS["lock_order"][0], seed=1).failure
    assert isinstance(failure.error, Deadlock)
    assert str(failure.error).count("holds since") == 2
    assert str(failure.error).count("peers.py:") >= 4


def test_the_verdict_names_the_bound_that_ended_it():
    program = peers.PROGRAMS["increment"][1]
    assert "ended by seconds=0.05, after" in str(explore(program, executions=10**9, seconds=0.05, strategy="random"))
    assert "seconds" not in str(explore(program, executions=5, seconds=1000))


def test_a_failure_that_leaves_a_with_statement_is_explored_with_gil_switches():
    lock = threading.Lock()

    def get():
        for number in range(2):
            with lock:
                if number:
                    raise IndexError

    def program():
        thread = threading.Thread(target=get)
        thread.start()
        thread.join()

    assert isinstance(explore(program, preemption="gil").failure.error, IndexError)
