"""Isolation: a process has memory of its own, and talks to others through pipes, queues, files and signals.

A child begins with a copy (fork) or with a fresh interpreter that imports the module (spawn, forkserver). Whatever it
changes in its variables afterwards, nobody else sees. So what a child finds out has to be *sent*: this is called
inter-process communication (IPC), and in Python it is mostly a `multiprocessing.Queue`. What is sent is copied.

Each process has a number, its *pid*: `os.getpid()` in the process itself, `child.pid` in its parent. The number of the
parent is `multiprocessing.parent_process().pid`. `os.getppid()` often says the same, and not always: with the start
method forkserver (the default on Linux since Python 3.14) a child's parent for the operating system is the server.
"""

import multiprocessing
import os
import signal
from multiprocessing import Process, Queue

import pytest

from pytest_conc import ProcessExit, stress

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")

stock = 100


def sell():
    """Changes a global variable: that of the process it runs in."""
    global stock
    stock -= 1


def run(target, *arguments):
    """Runs the target in a process, and waits for its end."""
    child = Process(target=target, args=arguments)
    child.start()
    child.join()
    return child


@stress(runs=2, finds=AssertionError)
def test_what_a_child_changes_its_parent_does_not_see():
    """The same line, the same name, and another variable. With a thread it would be 99."""
    before = stock
    run(sell)
    assert stock == before - 1


def sell_and_tell(left):
    """Sends what it has found out."""
    sell()
    left.put(stock)


@stress(runs=2)
def test_what_a_child_sends_its_parent_receives():
    """The queue is given to the child as an argument, and carries the number, not the variable."""
    left = Queue()
    child = Process(target=sell_and_tell, args=(left,))
    child.start()
    assert left.get() == stock - 1
    child.join()


def append(names):
    """Changes the list it was given."""
    names.append("rui")


@stress(runs=2, finds=AssertionError)
def test_an_argument_is_a_copy():
    """A list that a child has changed is still empty here."""
    names = []
    run(append, names)
    assert names == ["rui"]


def append_to_what_comes(names, back):
    """Takes a list, changes it, sends it back."""
    received = names.get()
    received.append("rui")
    back.put(received)


@stress(runs=2)
def test_what_goes_through_a_queue_is_a_copy():
    """Sent, changed, sent back: the changed one is another list."""
    names, back, mine = Queue(), Queue(), ["lin"]
    child = Process(target=append_to_what_comes, args=(names, back))
    child.start()
    names.put(mine)
    assert (back.get(), mine) == (["lin", "rui"], ["lin"])
    child.join()


def greet(connection):
    """Sends three greetings, and answers one."""
    for _ in range(3):
        connection.send("hello hello")
    connection.send(connection.recv().upper())


@stress(runs=2)
def test_a_pipe_connects_two():
    """Each end can send and receive. A process queue is a pipe with locks, for many."""
    here, there = multiprocessing.Pipe()
    child = Process(target=greet, args=(there,))
    child.start()
    here.send("goodbye")
    assert [here.recv() for _ in range(4)] == ["hello hello"] * 3 + ["GOODBYE"]
    child.join()


def tell_numbers(told):
    """Own number, number of the parent in two ways."""
    told.put((os.getpid(), os.getppid(), multiprocessing.parent_process().pid))


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_who_is_who(method):
    """`getppid()` is the main process only where that has started the child; `parent_process()` is right everywhere."""
    context = multiprocessing.get_context(method)
    told = context.SimpleQueue()
    child = context.Process(target=tell_numbers, args=(told,))
    child.start()
    own, parent, started_by = told.get()
    child.join()
    assert (own, started_by) == (child.pid, os.getpid())
    assert own != os.getpid()
    assert (parent == os.getpid()) is (method != "forkserver")


def crash():
    """Ends without a word, as it does when the memory of the computer is used up."""
    os.kill(os.getpid(), signal.SIGKILL)


@stress(runs=2)
def test_a_crash_of_a_child_is_a_number_for_its_parent():
    """Nothing of the memory of others is touched (but see the lessons on locks, pools and queues)."""
    assert run(crash).exitcode == -signal.SIGKILL


@stress(runs=2, finds=ProcessExit)
def test_a_crash_that_nobody_looks_at_is_easily_missed():
    """join() says nothing. Here the test itself finds out; elsewhere look at `exitcode`."""
    run(crash)


def half_a_message(connection, size):
    """Dies in the middle of a message: its length was sent, and a part of it."""
    os.write(connection.fileno(), size.to_bytes(4, "big") + b"x")
    os.kill(os.getpid(), signal.SIGKILL)


@stress(runs=2)
def test_a_message_of_a_dead_process_may_be_broken():
    """Who reads gets an error at best. Older texts say that a crash touches nobody else: it does not touch memory."""
    here, there = multiprocessing.Pipe(duplex=False)
    child = Process(target=half_a_message, args=(there, 100))
    child.start()
    child.join()
    there.close()
    with pytest.raises(OSError, match="end of file during message"):
        here.recv()
    assert child.exitcode == -signal.SIGKILL


def add_up(numbers, total):
    """Meant to give the sum to its caller."""
    total["sum"] = sum(numbers)


@stress(runs=2, finds=KeyError)
def test_exercise_the_sum_that_does_not_come_back():
    """Exercise: with a thread this works. Send the sum through a queue, and take `finds=` away."""
    total = {}
    run(add_up, [1, 2, 3], total)
    assert total["sum"] == 6
