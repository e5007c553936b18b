"""Threads: several functions of one program at work at the same time, in one process, with all data shared.

`Thread(target=desk)` only makes an object. `start()` asks the operating system to run it, now or later; `join()`
waits until it is over. In between nothing is ordered, and a program that needs an order has to make one. Older texts
say that threads, being cheap, end before the main thread goes on: often they do, but no rule says so.

Names that have changed: `is_alive()` for `isAlive()` (gone since 3.9); `current_thread()`, `active_count()` and
`thread.name` for `currentThread()`, `activeCount()`, `getName()` and `setName()` (deprecated since 3.10).
"""

import itertools
import os
import threading
import time
from threading import Thread

import pytest

from pytest_conc import LeakedTask, explore, interleave


def open_the_desk(join):
    """Starts a thread, and returns what it has said when the main thread goes on."""
    said = []

    def desk():
        said.append("welcome")

    thread = Thread(target=desk)
    thread.start()
    if join:
        thread.join()
    heard = list(said)
    thread.join()
    return heard


@interleave(finds=AssertionError)
def test_without_join_the_work_may_not_be_done_yet():
    """The thread may run at once, later, or when it is too late: start() waits for nothing."""
    assert open_the_desk(join=False) == ["welcome"]


@interleave
def test_after_join_the_work_is_done():
    """What a thread did before it ended is seen by everybody who has joined it."""
    assert open_the_desk(join=True) == ["welcome"]


def desk():
    """A thread that is over nearly as soon as it has begun."""


@interleave
def test_a_thread_is_named_after_its_number_and_its_function():
    """`Thread-1 (desk)`, unless it is given a name; renaming changes the name of the thread, not of the process."""
    thread = Thread(target=desk)
    assert thread.name == "Thread-1 (desk)"
    thread.name = "lin"
    assert thread.name == "lin"


@interleave(finds=AssertionError)
def test_a_thread_is_not_always_alive_right_after_start():
    """A race with the end of the thread. With a body this short most real runs say False; older texts print True."""
    thread = Thread(target=desk)
    thread.start()
    alive = thread.is_alive()
    thread.join()
    assert alive


@interleave
def test_a_thread_that_waits_is_alive():
    """The Event keeps it from ending, so that the answer does not depend on luck."""
    go_home = threading.Event()
    thread = Thread(target=go_home.wait)
    thread.start()
    assert thread.is_alive()
    go_home.set()
    thread.join()


def test_how_many_threads_are_active_depends_on_how_many_have_ended():
    """`active_count()` is `len(enumerate())`, main thread included: here 1 to 3, a snapshot that is old at once."""

    def program():
        first, second = Thread(target=desk), Thread(target=desk)
        first.start()
        second.start()
        active = threading.active_count()
        first.join()
        second.join()
        return active

    assert set(explore(program, keep_going=True).outcomes) == {1, 2, 3}


@interleave
def test_all_threads_have_one_process_id_and_the_same_data():
    """Processes have an id and data of their own each; threads live in one process and see the same objects."""
    seen = {}

    def work(place):
        seen[place] = os.getpid()

    thread = Thread(target=work, args=("left",))
    thread.start()
    work("right")
    thread.join()
    assert seen == {"left": os.getpid(), "right": os.getpid()}


def five_greetings(join):
    """Five threads say their number, the main thread says "end"; returns what was heard, in order."""
    said = []

    def greet(number):
        said.append(number)

    threads = [Thread(target=greet, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads if join == "before the end" else []:
        thread.join()
    said.append("end")
    for thread in threads:
        thread.join()
    return tuple(said)


def test_five_threads_may_greet_in_any_of_120_orders():
    """Started as 0, 1, 2, 3, 4: that is only the most likely order."""
    orders = set(explore(lambda: five_greetings("before the end"), keep_going=True, executions=2000).outcomes)
    assert orders == {(*order, "end") for order in itertools.permutations(range(5))}


@interleave(finds=AssertionError)
def test_without_join_the_end_is_not_always_last():
    """That threads are cheap, and so finish before the main thread goes on, is true only of lucky runs."""
    assert five_greetings("after the end")[-1] == "end"


def work_and_join(join):
    """Five threads sleep for a second each; returns how many seconds that took together."""
    before = time.monotonic()
    threads = [Thread(target=time.sleep, args=(1,)) for _ in range(5)]
    for thread in threads:
        thread.start()
        if join == "in the loop":
            thread.join()
    for thread in threads:
        thread.join()
    return time.monotonic() - before


@interleave(executions=100)
def test_join_is_serial_inside_the_loop_and_parallel_after_it():
    """Inside, the second thread starts when the first is over. In virtual time: exact, and over in an instant."""
    assert work_and_join("in the loop") == 5
    assert work_and_join("after the loop") == 1


class Greeter(Thread):
    """The other way to say what a thread does: a subclass with its own run()."""

    def run(self):
        self.ran_in = threading.current_thread()


@interleave
def test_start_makes_a_new_thread_and_run_does_not():
    """Calling run() is a plain function call in the thread that calls: nothing happens at the same time."""
    started, called = Greeter(), Greeter()
    started.start()
    called.run()
    started.join()
    assert (started.ran_in, called.ran_in) == (started, threading.current_thread())


@interleave(finds=LeakedTask)
def test_a_thread_that_nobody_joins_outlives_the_test():
    """At its end Python waits for such threads; a test should not leave them to the tests that follow."""
    Thread(target=time.sleep, args=(60,)).start()


@interleave
def test_a_daemon_may_be_left_behind():
    """Python does not wait for daemons: they are cut off in the middle of their work, so give them none that counts."""
    Thread(target=time.sleep, args=(60,), daemon=True).start()


class Radio(Thread):
    """Plays until it is asked to stop. Nobody can end it from outside: only processes have terminate() and kill()."""

    def __init__(self):
        super().__init__()
        self.songs = 0
        self.asked_to_stop = threading.Event()

    def run(self):
        while not self.asked_to_stop.wait(timeout=3):
            self.songs += 1


@interleave(executions=100)
def test_a_thread_is_asked_to_stop_and_then_joined():
    """A song takes 3 virtual seconds; the thread looks at the Event after each, and ends by itself."""
    radio = Radio()
    radio.start()
    time.sleep(10)
    radio.asked_to_stop.set()
    radio.join()
    assert (radio.songs, radio.is_alive()) == (3, False)


@interleave
def test_a_thread_can_be_started_only_once():
    """For a second run make a second thread; is_alive() is False before the first and after it."""
    thread = Thread(target=desk)
    assert not thread.is_alive()
    thread.start()
    thread.join()
    assert not thread.is_alive()
    with pytest.raises(RuntimeError, match="once"):
        thread.start()


@interleave(finds=KeyError)
def test_exercise_a_reader_that_is_started_after_the_loader():
    """Exercise: started later is not run later. Make the reader wait, and take `finds=` away."""
    settings = {}
    loader = Thread(target=lambda: settings.update(colour="green"))
    reader = Thread(target=lambda: settings["colour"])
    for thread in (loader, reader):
        thread.start()
    for thread in (loader, reader):
        thread.join()
