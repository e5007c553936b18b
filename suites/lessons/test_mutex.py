"""Mutual exclusion: three threads take one from n = 100, and 97 should be left.

Each thread reads n, sleeps, and writes what it read minus one. A thread that reads while another one sleeps has
missed the other's update, and overwrites it: two or three threads together then count as one, and 98 or 99 is left.
A lock around reading and writing makes the others wait until the update is complete, whatever the order.

Older texts say that the result "may be 99". It may be 97, 98 or 99; with a sleep as long as this one it is nearly
always 99, because all threads read before the first one writes. Under `timing="virtual"` it is always 99, since
time only goes on when nobody has anything left to do; `timing="any"` lets a sleep end at any moment and shows all.
"""

import threading
import time

from pytest_conc import explore, interleave

n = 100
lock = threading.Lock()


def take_one():
    """Reads, sleeps, writes: the sleep only makes the gap between read and write easy to hit."""
    global n
    seen = n
    time.sleep(1)
    n = seen - 1


def take_one_locked():
    """The same as one critical section."""
    with lock:
        take_one()


def three_threads(target):
    """Starts with 100, lets three threads run the target, and returns what is left."""
    global n
    n = 100
    threads = [threading.Thread(target=target) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return n


@interleave(finds=AssertionError)
def test_without_a_lock_updates_are_lost():
    """Passes because some interleaving fails: run it with --conc-show to see how an update is lost."""
    assert three_threads(take_one) == 97


@interleave
def test_with_a_lock_nothing_is_lost():
    """Holds in every schedule that is tried: the lock makes reading and writing one step for everybody else."""
    assert three_threads(take_one_locked) == 97


@interleave(timing="any")
def test_with_a_lock_nothing_is_lost_whenever_sleeps_end():
    """A sleep is no synchronisation, and the lock does not need it to be one."""
    assert three_threads(take_one_locked) == 97


def test_with_a_full_second_of_sleep_the_result_is_always_99():
    """In virtual time all three read before the first one wakes up, in every interleaving."""
    assert set(explore(lambda: three_threads(take_one), keep_going=True).outcomes) == {99}


def test_if_sleeps_may_end_at_any_moment_the_result_is_97_98_or_99():
    """97 is what happens when they run one after the other: the luck that hides the race in most test runs."""
    exploration = explore(lambda: three_threads(take_one), keep_going=True, timing="any")
    assert set(exploration.outcomes) == {97, 98, 99}


def take_one_from_shared(counter):
    """Exercise: mend this function, and take `finds=` away from the test below."""
    counter["left"] = counter["left"] - 1


@interleave(finds=AssertionError)
def test_exercise_two_threads_and_a_dictionary():
    """No sleep is needed: between reading and writing another thread may run, if only once in a million times."""
    counter = {"left": 100}
    threads = [threading.Thread(target=take_one_from_shared, args=(counter,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter["left"] == 98
