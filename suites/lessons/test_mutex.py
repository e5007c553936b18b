"""Mutual exclusion: three threads take one from n = 100, and 97 should be left.

Each thread reads n, sleeps, and writes what it read minus one. A thread that reads while another one sleeps has
missed the other's update, and overwrites it: two or three threads together then count as one, and 98 or 99 is left.
A lock around reading and writing makes the others wait until the update is complete, whatever the order.

Older texts say that the result "may be 99". It may be 97, 98 or 99; with a sleep as long as this one it is nearly
always 99, because all threads read before the first one writes. Under `timing="virtual"` it is always 99, since
time only goes on when nobody has anything left to do; `timing="any"` lets a sleep end at any moment and shows all.

`lock.acquire()` waits until the lock is free and takes it, `lock.release()` gives it back. `with lock:` does both, and
gives it back also when something goes wrong in between. A lock protects nothing by itself: it works because everybody
who touches the data takes *the same* lock first. And whoever takes two locks can wait for ever: see the deadlocks.
"""

import itertools
import threading
import time

import pytest

from pytest_conc import Deadlock, explore, interleave

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


@pytest.mark.parametrize(("target", "seconds"), [(take_one, 1), (take_one_locked, 3)])
@interleave(executions=100)
def test_the_lock_makes_the_threads_wait_for_each_other(target, seconds):
    """Three seconds instead of one: keep sleeping, computing and printing out of a lock if you can."""
    before = time.monotonic()
    three_threads(target)
    assert time.monotonic() - before == seconds


def visits(locked):
    """Three guests say when they come and when they go; returns what was heard, in order."""
    heard = []

    def visit(guest):
        heard.append(f"{guest} came")
        heard.append(f"{guest} left")

    def visit_alone(guest):
        with lock:
            visit(guest)

    threads = [threading.Thread(target=visit_alone if locked else visit, args=(guest,)) for guest in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return tuple(heard)


@interleave(finds=AssertionError)
def test_without_a_lock_one_may_come_before_the_other_has_left():
    """Each guest's two lines are in order; nothing keeps the lines of another guest out of the middle."""
    heard = visits(locked=False)
    assert [line.split()[1] for line in heard] == ["came", "left"] * 3


def test_with_a_lock_each_leaves_before_the_next_one_comes():
    """But who is first, second and third is still open: a lock keeps things together, it makes no order."""
    expected = {
        tuple(f"{guest} {verb}" for guest in order for verb in ("came", "left"))
        for order in itertools.permutations(range(3))
    }
    assert set(explore(lambda: visits(locked=True), keep_going=True).outcomes) == expected


def take_one_with_a_lock_of_its_own():
    """Looks right: there is a lock around everything. But each call makes a new one, so nobody waits for anybody."""
    with threading.Lock():
        take_one()


@interleave(finds=AssertionError)
def test_a_lock_that_nobody_shares_protects_nothing():
    """All who touch the data must take the same lock: make it where the data is made."""
    assert three_threads(take_one_with_a_lock_of_its_own) == 97


class Purse:
    """Money with a lock, and a number that says which purse it is."""

    def __init__(self, coins, number=0):
        self.lock = threading.Lock()
        self.coins = coins
        self.number = number

    def pay_by_hand(self, coins):
        """acquire and release: the release is never reached if something is raised in between."""
        self.lock.acquire()
        if coins > self.coins:
            raise ValueError("not enough coins")
        self.coins -= coins
        self.lock.release()

    def pay(self, coins):
        """`with` gives the lock back, whatever happens."""
        with self.lock:
            if coins > self.coins:
                raise ValueError("not enough coins")
            self.coins -= coins


def buy_twice(pay):
    """One buys for 2 coins, the other one tries to buy for 5 and is told that it is too much."""

    def try_to_pay(coins):
        with pytest.raises(ValueError):
            pay(coins)

    threads = [threading.Thread(target=try_to_pay, args=(5,)), threading.Thread(target=pay, args=(2,))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@interleave(finds=Deadlock)
def test_a_lock_that_is_not_given_back_stops_everybody_else():
    """If the one who cannot pay is first, the other one waits for ever for a lock that nobody will release."""
    buy_twice(Purse(coins=3).pay_by_hand)


@interleave
def test_with_gives_the_lock_back_even_after_an_exception():
    """`try: … finally: lock.release()` does the same in more lines."""
    purse = Purse(coins=3)
    buy_twice(purse.pay)
    assert purse.coins == 1


def move(source, target, coins):
    """Takes the lock of the giver, then that of the taker: two locks, in an order that depends on the arguments."""
    with source.lock:
        with target.lock:
            source.coins -= coins
            target.coins += coins


def move_in_one_order(source, target, coins):
    """Takes the same two locks, the one of the purse with the smaller number always first."""
    first, second = sorted((source, target), key=lambda purse: purse.number)
    with first.lock:
        with second.lock:
            source.coins -= coins
            target.coins += coins


def there_and_back(move):
    """Two purses; one thread moves coins there, another one moves coins back. Returns what is in them."""
    mine, yours = Purse(10, number=1), Purse(10, number=2)
    there = threading.Thread(target=move, args=(mine, yours, 3), name="there")
    back = threading.Thread(target=move, args=(yours, mine, 1), name="back")
    for thread in (there, back):
        thread.start()
    for thread in (there, back):
        thread.join()
    return mine.coins, yours.coins


@interleave(finds=Deadlock)
def test_two_locks_in_two_orders_can_wait_for_each_other():
    """Each has one lock and wants the other's. Run it with --conc-show: the report names who holds what, and where."""
    there_and_back(move)


@interleave
def test_two_locks_in_one_order_cannot():
    """Whoever has the first lock can get the second one, because nobody who has the second is waiting for the first."""
    assert there_and_back(move_in_one_order) == (8, 12)


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


class Fork:
    """A fork that one philosopher can hold at a time."""

    def __init__(self):
        self.lock = threading.Lock()


def eat(left, right):
    """Exercise: two philosophers share two forks. Mend this function, and take `finds=` away from the test below."""
    with left.lock:
        with right.lock:
            pass


@interleave(finds=Deadlock)
def test_exercise_two_philosophers_who_starve():
    """Each takes the fork on the left first; sitting opposite each other, one's left fork is the other's right one."""
    one, other = Fork(), Fork()
    threads = [threading.Thread(target=eat, args=forks) for forks in ((one, other), (other, one))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
