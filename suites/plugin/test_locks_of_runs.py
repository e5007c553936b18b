"""Locks in real runs: who waits in vain, who only has not been let run yet, and who holds what."""

import threading
import time
from queue import SimpleQueue
from types import SimpleNamespace

import pytest

from pytest_conc import Deadlock
from pytest_conc.stressing.delays import NoDelays
from pytest_conc.stressing.guarded import Guarded
from pytest_conc.stressing.member import Member, Wait


def busy_until_ended(target, *all_arguments):
    """Goes on and on while the threads live, so that a deadlock of theirs is not one of all members."""
    threads = [threading.Thread(target=target, args=arguments) for arguments in all_arguments]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        time.sleep(0.001)


def waits_for(resource):
    member = Member(SimpleNamespace(), threading.current_thread())
    member.wait = Wait(resource, None)
    return member


@pytest.mark.parametrize("kind", [threading.Lock, threading.RLock])
def test_who_waits_for_a_lock_is_stuck_until_it_is_given_back(kind):
    lock = kind()
    member = waits_for(lock)
    with lock:
        assert member.is_stuck()
    assert not member.is_stuck()


def test_who_waits_for_a_queue_is_stuck_until_something_is_put():
    queue = SimpleQueue()
    member = waits_for(queue)
    assert member.is_stuck()
    queue.put(1)
    assert not member.is_stuck()


def test_a_reentrant_lock_given_back_once_of_two_times_is_still_held():
    one, other, both = threading.RLock(), threading.RLock(), threading.Barrier(2)

    def take(first, second):
        with first:
            with first:
                pass
            both.wait()
            with second:
                pass

    with Guarded(NoDelays(), 60.0).on_guard() as guarded:
        error = guarded.run(lambda: busy_until_ended(take, (one, other), (other, one)))
    assert type(error) is Deadlock and str(error).count("which Thread-") == 2, error


def test_who_waits_for_a_condition_does_not_hold_its_lock_and_then_holds_it_as_often_as_before():
    held = []

    def wait(run, condition):
        with condition, condition:
            condition.wait(5)
            held.append(times(run))
        held.append(times(run))

    def notify(run, condition):
        while not condition._waiters:
            time.sleep(0.001)
        with condition:
            held.append(times(run))
            condition.notify()

    with Guarded(NoDelays(), 60.0).on_guard() as guarded, guarded.running() as run:
        condition = threading.Condition()
        busy_until_ended(lambda target: target(run, condition), (wait,), (notify,))
    assert held == [1, 2, 0]


def times(run):
    """How often the only lock of the run is held."""
    return sum(holding.times for holding in run.holders.values())
