"""Loops that wait for another task end, soon and under every strategy; those that nobody ends are livelocks."""

import threading
import time

import pytest

from pytest_conc import Deadlock, Livelock, explore, replay
from pytest_conc.execution.spinning import spins

STRATEGIES = ("auto", "dpor", "bounded", "random", "pct", "pos", "surw", "urw", "fifo", "reversed", "round-robin")


class Flag:
    ready = False


def run(*targets):
    threads = [threading.Thread(target=target) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def polls_a_flag():
    flag = Flag()

    def wait():
        while not flag.ready:
            pass

    run(wait, lambda: setattr(flag, "ready", True))


def yields_and_polls():
    flag = Flag()

    def wait():
        while not flag.ready:
            time.sleep(0)

    run(wait, lambda: setattr(flag, "ready", True))


def polls_for_one_who_sleeps():
    flag = Flag()

    def wait():
        while not flag.ready:
            pass

    def rise():
        time.sleep(3600)
        flag.ready = True

    run(wait, rise)


def tries_a_lock():
    lock = threading.Lock()

    def hold():
        with lock:
            lock.locked()

    def grab():
        while not lock.acquire(blocking=False):
            pass
        lock.release()

    run(hold, grab)


def polls_a_thread():
    helper = threading.Thread(target=int)
    helper.start()

    def watch():
        while helper.is_alive():
            pass

    run(watch)


def two_poll_in_turns():
    turn = [0]

    def play(me):
        for _ in range(2):
            while turn[0] % 2 != me:
                pass
            turn[0] += 1

    run(lambda: play(0), lambda: play(1))
    assert turn[0] == 4


def counts_its_rounds():
    """Gives up by itself: nobody ever sets the flag."""
    flag = Flag()

    def wait():
        for _ in range(500):
            if flag.ready:
                break

    run(wait, wait)


ENDING = [
    polls_a_flag,
    yields_and_polls,
    polls_for_one_who_sleeps,
    tries_a_lock,
    polls_a_thread,
    two_poll_in_turns,
    counts_its_rounds,
]


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("program", ENDING)
def test_a_loop_that_waits_ends_under_every_strategy(program, strategy):
    exploration = explore(program, strategy=strategy, executions=30)
    assert exploration.failure is None, exploration


def test_a_wait_that_was_cut_short_is_no_proof_and_the_verdict_says_so():
    exploration = explore(polls_a_flag)
    assert exploration.ended_by == "exhausted"
    assert not exploration.exhaustive
    assert "a loop that waits was held after 50 operations until there was news" in str(exploration)
    assert "proved" not in str(exploration)


def test_a_failure_behind_a_loop_that_waits_is_found():
    def program():
        flag, seen = Flag(), []

        def wait():
            while not flag.ready:
                pass
            assert seen

        def rise():
            flag.ready = True
            seen.append(1)

        run(wait, rise)

    assert isinstance(explore(program).failure.error, AssertionError)


def test_a_loop_that_nobody_ends_is_a_livelock():
    def program():
        flag = Flag()

        def wait():
            while not flag.ready:
                pass

        run(wait)

    failure = explore(program, max_steps=500).failure
    assert isinstance(failure.error, Livelock)
    assert "nor within as many more in which every task had its turn" in str(failure.error)


class InStep:
    """Both tasks always at the same point: each finds the lock taken that it tries."""

    def begin(self, trace):
        self.trace = trace

    def choose(self, running, enabled):
        return min(enabled, key=lambda task: sum(each is task for each, _, _ in self.trace))


def give_way_to_each_other():
    left, right = threading.Lock(), threading.Lock()

    def grab(one, other):
        while True:
            with one:
                if other.acquire(blocking=False):
                    other.release()
                    return

    run(lambda: grab(left, right), lambda: grab(right, left))


def test_two_who_give_way_to_each_other_get_on_when_every_task_has_its_turn():
    exploration = explore(give_way_to_each_other, strategy=InStep(), executions=2, max_steps=300)
    assert exploration.failure is None
    assert exploration.notes == []


def test_who_gives_way_for_ever_is_a_livelock_in_the_replay_too():
    def program():
        box = [0, 0]

        def play(me):
            while True:
                box[me] += 1

        run(lambda: play(0), lambda: play(1))

    failure = explore(program, max_steps=300).failure
    assert isinstance(failure.error, Livelock)
    assert replay(program, failure.token, max_steps=300).trace == failure.trace


def polls_while(*targets):
    """Starts threads, and looks again and again whether they live."""
    threads = [threading.Thread(target=target) for target in targets]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        threads[0].join(0.1)


def test_a_livelock_says_who_waits_meanwhile():
    failure = explore(lambda: polls_while(threading.Event().wait), max_steps=300).failure
    assert isinstance(failure.error, Livelock)
    assert str(failure.error).endswith("Meanwhile:\n  Thread-1 (wait) waits for Event#1")


def test_who_waits_in_a_circle_is_in_a_deadlock_although_main_goes_on_polling():
    def program():
        left, right = threading.Lock(), threading.Lock()

        def take(first, second):
            with first, second:
                pass

        polls_while(lambda: take(left, right), lambda: take(right, left))

    failure = explore(program, max_steps=300).failure
    assert type(failure.error) is Deadlock and len(failure.error.waits) == 2
    lines = str(failure.error).splitlines()
    assert lines[0] == "some tasks cannot go on:" and "take the locks in the same order" in lines[3]
    again = replay(program, failure.token, max_steps=300)
    assert type(again.error) is Deadlock and again.trace == failure.trace


def operations(task, *kinds):
    return [(task, kind, Place()) for kind in kinds]


class Place:
    pass


def test_only_rounds_without_a_write_and_without_anything_new_count_as_spinning():
    task, flag = object(), Place()
    polling = [(task, "is_set", flag)] * 60
    assert spins(polling, task) is not None
    assert spins(polling[:40], task) is None
    assert spins([*polling, (task, "set", flag)], task) is None
    assert spins([*polling[:30], *operations(task, *["is_set"] * 30)], task) is None


def test_news_is_a_change_by_another_task_of_what_is_read():
    task, other, flag = object(), object(), Place()
    trace = [(task, "is_set", flag)] * 60
    news = spins(trace, task)
    assert not news(task)
    trace += [(task, "clear", Place()), (other, "is_set", flag), (other, "set", Place()), (other, "try-wait", flag)]
    assert not news(task)
    trace.append((other, "set", flag))
    assert news(task)
