"""Programs rewritten from a collection for teaching and for tools, most of them by students. Facts are of the suites,
the text is our own.

`PROGRAMS` maps a name to (buggy, fixed), two callables without arguments; `HOW` says as what `buggy` fails in some
interleaving. No interleaving of `fixed` fails. Standard library only.

* ConTest: Eytani, Havelund, Stoller, Ur, "Towards a Framework and a Benchmark for Testing Tools for Multi-threaded
  Programs", Concurrency and Computation 2007. All but the last one.
* CalFuzzer: Sen, "Race Directed Random Testing of Concurrent Programs", PLDI 2008. `contains_all`.
"""

import threading
from contextlib import nullcontext

from suites.classics.pairs import Shared, pair, together


def airline(fixed):
    """Agents look whether there are seats left, sell one, and only then count it: the flight is oversold."""
    flight, lock = Shared(sold=0), threading.Lock()

    def sell():
        if flight.sold < 2:
            flight.sold += 1

    def sell_locked():
        with lock:
            sell()

    together(*[sell_locked if fixed else sell] * 3)
    assert flight.sold <= 2


def pingpong(fixed):
    """A player is taken away from the table while another one still plays with it."""
    table, lock = Shared(player=Shared(score=0)), threading.Lock()

    def play():
        with lock:
            player = table.player
            if player is not None:
                player.score += 1

    def play_unlocked():
        if table.player is not None:
            table.player.score += 1

    def leave():
        with lock:
            table.player = None

    together(play if fixed else play_unlocked, leave)


def allocationvector(fixed):
    """A block is found free and marked as taken in two sections of one lock: two tasks get the same one."""
    taken, lock, got = [False, False], threading.Lock(), []

    def find():
        with lock:
            return taken.index(False)

    def mark(block):
        with lock:
            assert not taken[block], "allocated twice"
            taken[block] = True

    def allocate():
        block = find()
        mark(block)
        got.append(block)

    def allocate_at_once():
        with lock:
            block = taken.index(False)
            taken[block] = True

    together(*[allocate_at_once if fixed else allocate] * 2)


def accounts(fixed):
    """Each transfer locks the account it takes from, not the one it adds to."""
    balances, locks, both = [10, 10, 10], [threading.Lock() for _ in range(3)], threading.Lock()

    def transfer(source):
        with both if fixed else locks[source]:
            balances[source] = balances[source] - 1
            balances[(source + 1) % 3] = balances[(source + 1) % 3] + 1

    together(lambda: transfer(0), lambda: transfer(1))
    assert sum(balances) == 30, balances


def bubblesort(fixed):
    """Neighbours are compared and swapped by tasks that overlap in one element: a number gets lost."""
    numbers, lock = [3, 2, 1], threading.Lock()

    def order(left):
        if numbers[left] > numbers[left + 1]:
            numbers[left], numbers[left + 1] = numbers[left + 1], numbers[left]

    def order_locked(left):
        with lock:
            order(left)

    step = order_locked if fixed else order
    together(lambda: step(0), lambda: step(1))
    assert sorted(numbers) == [1, 2, 3], numbers


def readerswriters(fixed):
    """The first reader is counted before it has the writers' lock, so a second one comes in beside a writer."""
    state, gate, room = Shared(readers=0, writing=False), threading.Lock(), threading.Lock()

    def enter():
        with gate:
            state.readers += 1
            first = state.readers == 1
            if first and fixed:
                room.acquire()
        if first and not fixed:
            room.acquire()

    def leave():
        with gate:
            state.readers -= 1
            if state.readers == 0:
                room.release()

    def read():
        enter()
        assert not state.writing
        leave()

    def write():
        with room:
            state.writing = True
            state.writing = False

    together(write, read, read)


def losenotify(fixed):
    """The signal is given before anybody waits for it, and nobody remembers it."""
    shared, changed = Shared(ready=False), threading.Condition()

    def wait():
        with changed:
            if not (fixed and shared.ready):
                changed.wait()

    def notify():
        with changed:
            shared.ready = True
            changed.notify()

    together(wait, notify)


def contains_all(fixed):
    """`containsAll` of one synchronized collection goes through another one without the other's lock.

    CalFuzzer: the collections of JDK 1.4.2, ConcurrentModificationException.
    """
    first, second = {1: "a", 2: "b"}, {1: "a", 2: "b"}
    first_lock, second_lock = threading.Lock(), threading.Lock()

    def contains():
        with first_lock:
            with second_lock if fixed else nullcontext():
                for key in second:
                    assert key in first

    def remove():
        with second_lock:
            second.pop(2, None)

    together(contains, remove)


PROGRAMS = {
    program.__name__: pair(program)
    for program in (
        airline,
        pingpong,
        allocationvector,
        accounts,
        bubblesort,
        readerswriters,
        losenotify,
        contains_all,
    )
}

HOW = dict.fromkeys(PROGRAMS, ("AssertionError",)) | {
    "pingpong": ("AttributeError",),
    "losenotify": ("LostWakeup",),
    "contains_all": ("RuntimeError",),
}
