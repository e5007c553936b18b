"""Locks between processes: files, devices and shared memory belong to all, and need the same care as with threads.

Processes share no variables, but what lies outside of them: a file, a terminal, a database, a `multiprocessing.Value`.
Reading, changing and writing it is three steps, and another process may come in between. `multiprocessing.Lock()` is
one lock for all processes it is given to; `acquire()` takes it, `release()` gives it back, `with lock:` does both.
It makes the work inside serial again, so hold it for what belongs together, and for nothing else.

It must be *given* to the children, as an argument. A `threading.Lock` is no help: each process has one of its own.
A process that ends does not give back what it holds: older texts say that a crash touches nobody else, and with a
lock it touches everybody who waits for it.
"""

import multiprocessing
import os
import signal
import threading
import time
from multiprocessing import Lock, Process

import pytest

from pytest_conc import Deadlock, UncontrolledBlocking, stress

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
NEVER_ENDS = Deadlock, UncontrolledBlocking  # how the report calls it, as far as it can see into the child
NAP = 0.01


def in_processes(target, *arguments, copies=3):
    """Starts processes with the target, and waits for all."""
    children = [Process(target=target, args=(*arguments, number), daemon=True) for number in range(copies)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0] * copies


def visit(book, lock, number):
    """Writes into the visitors' book on coming and on going."""
    with lock:
        add_line(book, f"{number} comes")
        time.sleep(NAP)
        add_line(book, f"{number} goes")


def add_line(book, line):
    with book.open("a") as file:
        file.write(line + "\n")


class NoLock:
    """Lets everybody in."""

    def __enter__(self):
        pass

    def __exit__(self, *error):
        pass


def visitors(book, lock):
    """Who came and who went, as pairs of lines."""
    in_processes(visit, book, lock)
    lines = [line.split()[0] for line in book.read_text().splitlines()]
    return list(zip(lines[::2], lines[1::2], strict=True))


@stress(runs=5, finds=AssertionError)
def test_without_a_lock_somebody_comes_before_the_other_has_gone(tmp_path):
    """Each line is whole; what belongs together is not."""
    assert all(coming == going for coming, going in visitors(tmp_path / "book", NoLock()))


@stress(runs=5)
def test_with_a_lock_everybody_comes_and_goes_alone(tmp_path):
    """One after the other, in whichever order."""
    assert all(coming == going for coming, going in visitors(tmp_path / "book", Lock()))


@stress(runs=5, finds=AssertionError)
def test_a_lock_for_threads_keeps_no_process_out(tmp_path):
    """A forked child has a copy of it; a spawned one cannot even be given it (`cannot pickle '_thread.lock'`)."""
    fork = multiprocessing.get_context("fork")
    book, lock = tmp_path / "book", threading.Lock()
    children = [fork.Process(target=visit, args=(book, lock, number)) for number in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    lines = [line.split()[0] for line in book.read_text().splitlines()]
    assert lines[::2] == lines[1::2]


def sell(stock, lock, number):
    """Reads the stock, thinks, writes one less."""
    with lock:
        left = int(stock.read_text())
        time.sleep(NAP)
        stock.write_text(str(left - 1))


@stress(runs=5, finds=AssertionError)
def test_a_number_in_a_file_loses_updates_like_one_in_memory(tmp_path):
    """Three sales, and 98 or 99 are left."""
    (tmp_path / "stock").write_text("100")
    in_processes(sell, tmp_path / "stock", NoLock())
    assert (tmp_path / "stock").read_text() == "97"


@stress(runs=5)
def test_with_a_lock_three_sales_are_three(tmp_path):
    """The lock belongs around reading *and* writing."""
    (tmp_path / "stock").write_text("100")
    in_processes(sell, tmp_path / "stock", Lock())
    assert (tmp_path / "stock").read_text() == "97"


def count(number, lock, _):
    """Adds 2000, one at a time."""
    for _ in range(2000):
        with lock:
            number.value += 1


@stress(runs=10, finds=AssertionError)
def test_a_shared_value_has_a_lock_and_does_not_use_it_for_adding():
    """Reading `value` is locked, writing it is locked, and between the two somebody else comes."""
    number = multiprocessing.Value("i", 0)
    in_processes(count, number, NoLock())
    assert number.value == 6000


@stress(runs=3)
def test_get_lock_makes_adding_one_step():
    """`with number.get_lock():` around the line."""
    number = multiprocessing.Value("i", 0)
    in_processes(count, number, number.get_lock())
    assert number.value == 6000


def die_inside(lock):
    """Is killed while it holds the lock: no `with` and no `finally` helps."""
    lock.acquire()
    os.kill(os.getpid(), signal.SIGKILL)


def lock_of_the_dead():
    """A lock that a process held when it died."""
    lock = Lock()
    child = Process(target=die_inside, args=(lock,))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    return lock


@stress(runs=1, finds=NEVER_ENDS, hang_after=0.5)
def test_the_lock_of_a_dead_process_is_never_given_back():
    """Its memory is gone, its lock is not: all others wait for ever."""
    lock_of_the_dead().acquire()


@stress(runs=2)
def test_a_time_limit_tells_that_something_is_wrong():
    """`acquire(timeout=…)` says False when nobody has given the lock back in time."""
    assert not lock_of_the_dead().acquire(timeout=NAP)


def forgetful(lock):
    """Gives the lock back only if all goes well."""
    lock.acquire()
    if int("7") > 6:
        return
    lock.release()


@stress(runs=1, finds=NEVER_ENDS, hang_after=0.5)
def test_a_lock_that_is_not_given_back_stops_all_others():
    """A `return` or an exception between acquire() and release() is enough. `with lock:` cannot forget."""
    lock = Lock()
    for _ in range(2):
        child = Process(target=forgetful, args=(lock,), daemon=True)
        child.start()
        child.join()


def withdraw(account, lock, number):
    """Looks whether there is enough, and takes it."""
    with lock:
        balance = int(account.read_text())
    if balance >= 70:
        time.sleep(NAP)
        with lock:
            account.write_text(str(int(account.read_text()) - 70))


@stress(runs=5, finds=AssertionError)
def test_exercise_an_account_is_overdrawn_in_spite_of_its_lock(tmp_path):
    """Exercise: every access is locked, and still two take 70 out of 100. Mend it, and take `finds=` away."""
    (tmp_path / "account").write_text("100")
    in_processes(withdraw, tmp_path / "account", Lock(), copies=2)
    assert int((tmp_path / "account").read_text()) >= 0
