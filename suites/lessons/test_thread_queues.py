"""Queues: how threads hand things to each other without a lock of their own.

`queue.Queue` is a deque with one lock and three conditions ("not empty", "not full", "all done"): no pipe, that is
what `multiprocessing.Queue` adds. First in, first out; `LifoQueue` is last in, first out; `PriorityQueue` gives the
smallest entry first. Without an argument there is no bound: the 3 in `Queue(3)` is no default but the bound that
was asked for. `put` on a full queue and `get` on an empty one wait, for ever if nobody comes.

`qsize()`, `empty()` and `full()` are snapshots: true when they were taken, perhaps no longer when you read them.
"""

import contextlib
import queue
import threading
import time

import pytest

from pytest_conc import Deadlock, Starved, interleave


def together(*calls):
    """Starts one thread for each call, a function and its arguments, and waits for all."""
    threads = [threading.Thread(target=function, args=arguments) for function, *arguments in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def full_queue(item):
    """A queue of one with the item in it."""
    items = queue.Queue(1)
    items.put(item)
    return items


def test_the_kind_of_queue_decides_what_comes_out_first():
    """First in, first out; last in, first out; smallest first."""
    for kind, order in ((queue.Queue, [2, 4, 3]), (queue.LifoQueue, [3, 4, 2]), (queue.PriorityQueue, [2, 3, 4])):
        jobs = kind()
        for job in (2, 4, 3):
            jobs.put(job)
        assert [jobs.get() for _ in range(3)] == order


def test_priorities_must_be_comparable_and_text_compares_as_text():
    """'100' comes before '20'; numbers and text do not mix; with equal priorities the next element decides."""
    jobs = queue.PriorityQueue()
    jobs.put(("20", "b"))
    jobs.put(("100", "a"))
    assert jobs.get() == ("100", "a")
    with pytest.raises(TypeError):
        jobs.put((20, "b"))
    numbered = queue.PriorityQueue()
    numbered.put((1, 1, {"name": "rui"}))  # two dictionaries cannot be compared: a running number stands before them
    numbered.put((1, 0, {"name": "lin"}))
    assert numbered.get()[2] == {"name": "lin"}


def cook_four(buns):
    """Puts four buns into the queue."""
    for number in range(4):
        buns.put(number)


@interleave(finds=Deadlock)
def test_the_fourth_bun_waits_for_ever_in_a_queue_of_three():
    """Nobody takes anything out, so put() never returns."""
    cook_four(queue.Queue(3))


@interleave
def test_with_somebody_who_eats_all_buns_find_room():
    """put() waits until there is room."""
    buns, eaten = queue.Queue(3), []
    together((cook_four, buns), (lambda: eaten.extend(buns.get() for _ in range(4)),))
    assert eaten == [0, 1, 2, 3]


@interleave(executions=100)
def test_a_put_that_does_not_want_to_wait_fails_instead():
    """`block=False` (put_nowait) fails at once and ignores a timeout; without it, after so many (virtual) seconds."""
    buns = full_queue("first")
    for arguments, seconds in (({"block": False, "timeout": 5}, 0), ({"timeout": 5}, 5)):
        before = time.monotonic()
        with pytest.raises(queue.Full):
            buns.put("second", **arguments)
        assert time.monotonic() - before == seconds


def eat_the_last_bun(buns):
    """Looks, then takes: a check and an act."""
    if not buns.empty():
        buns.get()


def try_to_eat(buns):
    """Takes, and hears if there was none."""
    with contextlib.suppress(queue.Empty):
        buns.get_nowait()


@interleave(finds=Starved)
def test_not_empty_is_no_promise_that_get_will_find_something():
    """Two see the last bun, one gets it, the other waits for ever."""
    buns = full_queue("last bun")
    together((eat_the_last_bun, buns), (eat_the_last_bun, buns))


@interleave
def test_get_nowait_looks_and_takes_in_one_step():
    """The answer and the bun come together."""
    buns = full_queue("last bun")
    together((try_to_eat, buns), (try_to_eat, buns))
    assert buns.qsize() == 0


def kitchen(cooks, guests, sentinels, join_cooks=True, each=1):
    """Each cook makes a bun a second, guests eat until they get None; returns how many buns were eaten."""
    buns, eaten = queue.Queue(20), []

    def cook():
        for number in range(each):
            buns.put(number)
            time.sleep(1)

    def guest():
        while (bun := buns.get()) is not None:
            eaten.append(bun)

    cooking = [threading.Thread(target=cook) for _ in range(cooks)]
    eating = [threading.Thread(target=guest) for _ in range(guests)]
    for thread in cooking + eating:
        thread.start()
    for thread in cooking if join_cooks else []:
        thread.join()
    for _ in range(sentinels):
        buns.put(None)
    for thread in cooking + eating:
        thread.join()
    return len(eaten)


@pytest.mark.parametrize("sentinels", [0, 1])
@interleave(finds=Starved)
def test_two_guests_who_are_not_both_told_that_this_was_all_wait_for_ever(sentinels):
    """A consumer cannot know how much there will be: each needs an item that means "no more", a sentinel."""
    kitchen(cooks=1, guests=2, sentinels=sentinels)


@pytest.mark.parametrize("sentinels", [2, 3])
@pytest.mark.parametrize("cooks", [1, 4])
@interleave(executions=200)
def test_as_many_sentinels_as_guests_are_enough(cooks, sentinels):
    """At least as many; more do no harm. A cook makes 4 buns (not 10) in 4 virtual seconds, and so do four cooks."""
    before = time.monotonic()
    assert kitchen(cooks=cooks, guests=2, sentinels=sentinels, each=4) == 4 * cooks
    assert time.monotonic() - before == 4


@interleave(finds=AssertionError)
def test_sentinels_that_overtake_the_cook_leave_a_bun_uneaten():
    """The cooks must be joined before the first None is put, or the guests go home too early."""
    assert kitchen(cooks=1, guests=2, sentinels=2, join_cooks=False) == 1


def guests_of_a_cook_who_tells(cooks):
    """Each cook makes one bun and puts a None after it; one guest eats until None comes. Returns what was eaten."""
    buns, eaten = queue.Queue(), []

    def cook(name):
        buns.put(name)
        buns.put(None)

    def guest():
        while True:
            bun = buns.get()
            if bun is None:  # look before you eat: the None is not for eating
                break
            eaten.append(bun)

    together(*((cook, name) for name in range(cooks)), (guest,))
    return eaten


@interleave
def test_a_single_cook_can_tell_the_guest_that_this_was_all():
    """One producer, one consumer: nothing comes after the producer's own None, because a queue keeps the order."""
    assert guests_of_a_cook_who_tells(cooks=1) == [0]


@interleave(finds=AssertionError)
def test_one_of_two_cooks_cannot_know_that_this_was_all():
    """The guest goes home at the first None, and the other cook's bun gets cold. Join all cooks, then say it."""
    assert len(guests_of_a_cook_who_tells(cooks=2)) == 2


@interleave(finds=AssertionError)
def test_an_empty_queue_does_not_mean_that_this_was_all():
    """`if buns.empty(): break` instead of None: empty is also what a queue is before the cook has begun."""
    buns, eaten = queue.Queue(), []

    def guest():
        while not buns.empty():
            eaten.append(buns.get())

    together((cook_four, buns), (guest,))
    assert eaten == [0, 1, 2, 3]


def eat_one(buns, say_so):
    """Takes one; join() waits for task_done(), not for get()."""
    buns.get()
    if say_so:
        buns.task_done()


@interleave(finds=Deadlock)
def test_join_waits_for_ever_without_task_done():
    """The queue is empty, but nobody has said that the work on its item is done."""
    buns = full_queue("bun")
    threading.Thread(target=eat_one, args=(buns, False)).start()
    buns.join()


@interleave
def test_join_returns_when_task_done_was_called_for_each_item():
    """So the main thread knows that all is done while workers still run. Once too often raises ValueError."""
    buns = full_queue("bun")
    together((eat_one, buns, True), (buns.join,))
    with pytest.raises(ValueError, match="too many times"):
        buns.task_done()


def close(buns, guests):
    """Exercise: all guests should go home. Mend this function, and take `finds=` away from the test below."""
    if not buns.full():
        buns.put_nowait(None)


@interleave(finds=Starved)
def test_exercise_closing_time():
    """Two guests wait for a bun, and only one learns that there are none any more."""
    buns = queue.Queue(1)
    together((eat_one, buns, False), (eat_one, buns, False), (close, buns, 2))
