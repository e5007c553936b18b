"""Queues: how threads hand things to each other without a lock of their own.

`queue.Queue` is a deque with one lock and three conditions ("not empty", "not full", "all done"): no pipe, that is
what `multiprocessing.Queue` adds. First in, first out; `LifoQueue` is last in, first out; `PriorityQueue` gives the
smallest entry first. Without an argument there is no bound: the 3 in `Queue(3)` is no default but the bound that
was asked for. `put` on a full queue and `get` on an empty one wait, for ever if nobody comes.

`qsize()`, `empty()` and `full()` are snapshots: true when they were taken, perhaps no longer when you read them.
`block` and `timeout` may be given together; only with `block=False` the timeout is ignored.
"""

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


@pytest.mark.parametrize(("kind", "order"), [
    (queue.Queue, ["20", "40", "30"]),
    (queue.LifoQueue, ["30", "40", "20"]),
    (queue.PriorityQueue, ["20", "30", "40"]),
])  # fmt: skip
def test_the_kind_of_queue_decides_what_comes_out_first(kind, order):
    """First in, first out; last in, first out; smallest first."""
    jobs = kind()
    for job in ("20", "40", "30"):
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
    numbered.put((1, 0, {"name": "lin"}))  # two dictionaries could not be compared: a running number stands before
    numbered.put((1, 1, {"name": "rui"}))
    assert numbered.get()[2] == {"name": "lin"}


@interleave(finds=Deadlock)
def test_the_fourth_item_waits_for_ever_in_a_queue_of_three():
    """Nobody takes anything out, so put() never returns."""
    buns = queue.Queue(3)
    for number in range(4):
        buns.put(number)


@interleave
def test_with_somebody_who_eats_all_items_find_room():
    """put() waits until there is room."""
    buns, eaten = queue.Queue(3), []

    def eat_four():
        for _ in range(4):
            eaten.append(buns.get())

    guest = threading.Thread(target=eat_four)
    guest.start()
    for number in range(4):
        buns.put(number)
    guest.join()
    assert eaten == [0, 1, 2, 3]


@interleave(executions=100)
def test_a_put_that_does_not_want_to_wait_fails_instead():
    """At once with block=False (put_nowait), whatever the timeout, or after timeout seconds, here virtual ones."""
    buns = queue.Queue(1)
    buns.put("first")
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
    try:
        buns.get_nowait()
    except queue.Empty:
        return


@interleave(finds=Starved)
def test_not_empty_is_no_promise_that_get_will_find_something():
    """Two see the last bun, one gets it, the other waits for ever."""
    buns = queue.Queue()
    buns.put("last")
    together((eat_the_last_bun, buns), (eat_the_last_bun, buns))


@interleave
def test_get_nowait_looks_and_takes_in_one_step():
    """The answer and the bun come together."""
    buns = queue.Queue()
    buns.put("last")
    together((try_to_eat, buns), (try_to_eat, buns))
    assert buns.qsize() == 0


def kitchen(cooks, guests, sentinels, cooks_first=True):
    """Each cook makes four buns in four seconds, guests eat until they get None; returns what was eaten, sorted."""
    buns, eaten = queue.Queue(20), []

    def cook(name):
        for number in range(4):
            buns.put((name, number))
            time.sleep(1)

    def guest():
        while (bun := buns.get()) is not None:
            eaten.append(bun)

    cooking = [threading.Thread(target=cook, args=(name,)) for name in range(cooks)]
    eating = [threading.Thread(target=guest) for _ in range(guests)]
    for thread in cooking + eating:
        thread.start()
    for thread in cooking if cooks_first else []:
        thread.join()
    for _ in range(sentinels):
        buns.put(None)
    for thread in cooking + eating:
        thread.join()
    return sorted(eaten)


@interleave(finds=Starved)
def test_a_guest_who_is_not_told_that_this_was_all_waits_for_ever():
    """A consumer cannot know how much the producers will make."""
    kitchen(cooks=1, guests=1, sentinels=0)


@interleave
def test_none_at_the_end_sends_the_guest_home():
    """A sentinel: an item that means "no more"."""
    assert len(kitchen(cooks=1, guests=1, sentinels=1)) == 4


@interleave(finds=Starved)
def test_two_guests_and_one_sentinel_leave_one_guest_waiting():
    """Who gets it goes home, and the other one waits."""
    kitchen(cooks=1, guests=2, sentinels=1)


@interleave(executions=200)
def test_as_many_sentinels_as_guests_are_enough():
    """At least as many, not more, as older texts say. Four cooks make 16 buns in four seconds of virtual time."""
    before = time.monotonic()
    assert len(kitchen(cooks=4, guests=2, sentinels=2)) == 16
    assert time.monotonic() - before == 4


@interleave(finds=AssertionError)
def test_sentinels_that_overtake_the_cooks_leave_buns_uneaten():
    """Before the first None is put, all cooks must be joined: the guests go home at once, and the buns are left."""
    assert len(kitchen(cooks=1, guests=2, sentinels=2, cooks_first=False)) == 4


def eat_one(buns, say_so):
    """Takes one; join() waits for task_done(), not for get()."""
    buns.get()
    if say_so:
        buns.task_done()


@interleave(finds=Deadlock)
def test_join_waits_for_ever_without_task_done():
    """The queue is empty, but nobody has said that the work on its item is done."""
    buns = queue.Queue()
    buns.put("bun")
    threading.Thread(target=eat_one, args=(buns, False)).start()
    buns.join()


@interleave
def test_join_returns_when_task_done_was_called_for_each_item():
    """So the main thread knows that all is done while workers still run. Once too often raises ValueError."""
    buns = queue.Queue()
    buns.put("bun")
    together((eat_one, buns, True), (buns.join,))
    with pytest.raises(ValueError, match="too many times"):
        buns.task_done()


def cook(orders):
    """Works until there are no more orders."""
    while orders.get() is not None:
        pass


def close(orders, cooks):
    """Exercise: all cooks should go home. Mend this function, and take `finds=` away from the test below."""
    if not orders.full():
        orders.put_nowait(None)


@interleave(finds=Starved)
def test_exercise_closing_time():
    """Two cooks wait for orders, and only one learns that there are none any more."""
    orders = queue.Queue(1)
    together((cook, orders), (cook, orders), (close, orders, 2))
