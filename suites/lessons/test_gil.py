"""The global interpreter lock: what it protects, and what it does not.

In CPython a thread holds the GIL while it runs bytecode that needs it, and lets go when it waits (a sleep, a lock, a
socket) or runs C code that can do without. A thread that only computes is asked to give way every 5 ms
(`sys.setswitchinterval`). So the interpreter's own data stays whole: two threads that append to a list both
arrive. Your data is made of several steps, and a switch between two of them is exactly what the GIL allows.

Where can a switch happen? The language says: anywhere. CPython since 3.10 looks for a reason to switch only when a
function begins, after a call, and at the end of a round of a loop: an implementation detail, gone in the
free-threaded builds (3.13 and later), which have no GIL. `preemption="any"` explores what the language allows,
`preemption="gil"` only what this CPython can do today.

Older texts: the GIL is not in "Python" but in CPython and PyPy (IPython is a shell on top of CPython), Ruby has one,
too; and no garbage-collection thread fights with yours: the collector runs in the thread that triggers it.
"""

import dis
import threading

import pytest

from pytest_conc import explore, interleave

lock = threading.Lock()
n = 0
log = ()


def together(*calls):
    """Starts one thread for each call, a function and its arguments, and waits for all."""
    threads = [threading.Thread(target=function, args=arguments) for function, *arguments in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def add_one():
    """One line, several instructions."""
    global n
    n += 1


def count_to_two(add):
    """Two threads add one to n = 0; returns n."""
    global n
    n = 0
    together((add,), (add,))
    return n


def test_adding_one_is_three_steps():
    """Read n, add, write n: two threads can both have read before one of them writes."""
    steps = [step.opname for step in dis.get_instructions(add_one)]
    assert steps.index("LOAD_GLOBAL") < steps.index("BINARY_OP") < steps.index("STORE_GLOBAL")


@interleave(finds=AssertionError)
def test_adding_one_loses_an_update_where_the_language_allows_it():
    """What free-threaded builds, other interpreters and older CPythons do."""
    assert count_to_two(add_one) == 2


@interleave(preemption="gil")
def test_adding_one_never_loses_an_update_with_the_gil_of_today():
    """No call and no loop between read and write, so no switch: luck of the implementation, and no promise."""
    assert count_to_two(add_one) == 2


def one_more(value):
    """The smallest function there is."""
    return value + 1


def add_one_by_a_call():
    """The same sum, but a call stands between reading and writing."""
    global n
    n = one_more(n)


@interleave(finds=AssertionError, preemption="gil")
def test_a_call_between_read_and_write_loses_an_update_in_spite_of_the_gil():
    """Why `n += 1` without a lock is wrong all the same: move the sum into a function and the luck is over."""
    assert count_to_two(add_one_by_a_call) == 2


def add_one_locked():
    """Right wherever a switch may happen."""
    with lock:
        add_one_by_a_call()


@pytest.mark.parametrize("preemption", ["any", "gil"])
def test_with_a_lock_of_your_own_nothing_is_lost(preemption):
    """The GIL protects the interpreter; this lock protects n."""
    assert set(explore(lambda: count_to_two(add_one_locked), preemption=preemption).outcomes) == {2}


@interleave
def test_single_operations_of_lists_and_dictionaries_are_whole():
    """Appending is one step in C, also in free-threaded builds, where each list and dictionary has a small lock."""
    guests, rooms = [], {}

    def arrive(name):
        guests.append(name)
        rooms[name] = "booked"

    together((arrive, "lin"), (arrive, "rui"))
    assert sorted(guests) == sorted(rooms) == ["lin", "rui"]


def test_a_thread_that_computes_does_not_keep_the_others_out():
    """Rounds of two loops that only compute alternate: at the end of each round another thread may go on."""

    def compute(name):
        global log
        for _ in range(2):
            log += (name,)

    def program():
        global log
        log = ()
        together((compute, "a"), (compute, "b"))
        return "".join(log)

    orders = set(explore(program, preemption="gil", keep_going=True).outcomes)
    assert orders == {"aabb", "abab", "abba", "baab", "baba", "bbaa"}


class Room:
    """A room that can be booked once."""

    def __init__(self):
        self.guests = []

    def is_free(self):
        return not self.guests

    def book(self, guest):
        if self.is_free():
            self.guests.append(guest)


class LockedRoom(Room):
    """The same with looking and booking as one critical section."""

    def __init__(self):
        super().__init__()
        self.lock = threading.Lock()

    def book(self, guest):
        with self.lock:
            super().book(guest)


@interleave(finds=AssertionError, preemption="gil")
def test_two_guests_get_one_room_in_spite_of_the_gil():
    """Check, then act: what was true when it was checked need not be true any more when it is acted on."""
    room = Room()
    together((room.book, "lin"), (room.book, "rui"))
    assert len(room.guests) == 1


@interleave
def test_with_a_lock_one_guest_gets_the_room():
    """The lock holds with the GIL and without it."""
    room = LockedRoom()
    together((room.book, "lin"), (room.book, "rui"))
    assert len(room.guests) == 1


class Menu:
    """Exercise: mend `dish`, so that each dish is cooked once, and take `finds=` away from the test below."""

    def __init__(self):
        self.cooked = []
        self.ready = {}

    def cook(self, name):
        self.cooked.append(name)
        return f"hot {name}"

    def dish(self, name):
        if name not in self.ready:
            self.ready[name] = self.cook(name)
        return self.ready[name]


@interleave(finds=AssertionError, preemption="gil")
def test_exercise_a_dish_that_is_cooked_twice():
    """A cache that is filled at first use is a check and an act."""
    menu = Menu()
    together((menu.dish, "soup"), (menu.dish, "soup"))
    assert menu.cooked == ["soup"]
