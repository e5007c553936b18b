"""Processes: several programs at work at the same time, each with memory of its own.

`Process(target=task)` (of the module `multiprocessing`; older texts write `multiprocess`) only makes an object.
`start()` asks the operating system for a process that runs the target; that takes a while, so the main process *mostly*
goes on first, and no rule says so. `join()` waits for its end. `terminate()` asks the operating system to end it, which
also takes a moment; only processes can be ended from outside, threads cannot.

Where children are not forked from their parent they import its main module, and whatever stands there outside of
`if __name__ == "__main__"` would run again in each of them: on Windows, on macOS since Python 3.8, on Linux since 3.14.
Write the guard everywhere.
"""

import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from multiprocessing import Process

import pytest

from pytest_conc import Deadlock, LeakedTask, UncontrolledBlocking, stress

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
NEVER_ENDS = Deadlock, UncontrolledBlocking  # how the report calls it, as far as it can see into the child
NAP = 0.05  # seconds; in most texts it is one


def write_a_file(path):
    """A task that takes a moment."""
    time.sleep(NAP)
    path.write_text("hello world")


@stress(runs=3, finds=FileNotFoundError)
def test_without_join_the_file_is_not_there_yet(tmp_path):
    """start() waits for nothing; the main process reads while the child is still at work."""
    writer = Process(target=write_a_file, args=(tmp_path / "a.txt",))
    writer.start()
    try:
        assert (tmp_path / "a.txt").read_text() == "hello world"
    finally:
        writer.join()


@stress(runs=3)
def test_after_join_the_file_is_there(tmp_path):
    """Files, unlike variables, belong to nobody: what the child has written, all can read."""
    writer = Process(target=write_a_file, args=(tmp_path / "a.txt",))
    writer.start()
    writer.join()
    assert (tmp_path / "a.txt").read_text() == "hello world"


def introduce(heard, name, age):
    """A task with arguments."""
    heard.put(f"{multiprocessing.current_process().name}: {name} is {age}")


@stress(runs=3)
def test_args_go_by_position_and_kwargs_by_name():
    """`args` is a tuple, so one argument alone needs its comma: `args=(1,)`."""
    heard = multiprocessing.SimpleQueue()
    child = Process(target=introduce, name="lin", args=(heard, "rui"), kwargs={"age": 18})
    child.start()
    child.join()
    assert heard.get() == "lin: rui is 18"


def test_a_process_without_a_name_is_numbered():
    """`Process-1`, `Process-2`, …: the name is for people, the operating system knows the number `pid` only."""
    first, second = Process(target=print), Process(target=print)
    assert [child.name.rpartition("-")[0] for child in (first, second)] == ["Process", "Process"]
    assert first.name != second.name
    assert first.pid is None  # there is no process before start()


def greet(number, said):
    """The first ones take longest."""
    time.sleep((4 - number) * NAP / 2)
    said.put(number)


def five_greetings():
    """Five processes say their number; returns the numbers in the order in which they were said."""
    said = multiprocessing.SimpleQueue()
    children = [Process(target=greet, args=(number, said)) for number in range(5)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    return [said.get() for _ in range(5)]


@stress(runs=3, finds=AssertionError)
def test_started_first_is_not_over_first():
    """Which process runs, and for how long, is decided by the operating system and by what there is to do."""
    assert five_greetings() == [0, 1, 2, 3, 4]


@stress(runs=3)
def test_after_all_joins_all_have_greeted():
    """In whichever order: who needs one has to make it."""
    assert sorted(five_greetings()) == [0, 1, 2, 3, 4]


def nap(times, number):
    """Sleeps, and tells when."""
    began = time.monotonic()
    time.sleep(NAP)
    times.put((number, began, time.monotonic()))


def five_naps(join):
    """Five processes sleep; returns (number, begin, end) of each, in the order of their numbers."""
    times = multiprocessing.SimpleQueue()
    children = [Process(target=nap, args=(times, number)) for number in range(5)]
    for child in children:
        child.start()
        if join == "in the loop":
            child.join()
    for child in children:
        child.join()
    return sorted(times.get() for _ in children)


@stress(runs=2)
def test_join_in_the_loop_lets_one_work_after_the_other():
    """The next child is not even started before the last one has ended: five naps take five times as long as one."""
    naps = five_naps("in the loop")
    assert all(end <= begin for (_, _, end), (_, begin, _) in itertools.pairwise(naps))
    assert naps[-1][2] - naps[0][1] >= 5 * NAP


def meet(everybody):
    """Waits until all have come."""
    everybody.wait()


def five_who_meet(join):
    """Each of five processes waits for the four others."""
    everybody = multiprocessing.Barrier(5)
    children = [Process(target=meet, args=(everybody,), daemon=True) for _ in range(5)]
    for child in children:
        child.start()
        if join == "in the loop":
            child.join()
    for child in children:
        child.join()


@stress(runs=1, finds=NEVER_ENDS, hang_after=0.5)
def test_who_joins_in_the_loop_waits_for_ever_for_one_who_waits_for_the_others():
    """They would have to be there at the same time; the report names the child and the line where it waits."""
    five_who_meet("in the loop")


@stress(runs=3)
def test_join_after_the_loop_lets_all_work_at_the_same_time():
    """All five meet, so all five were alive together."""
    five_who_meet("after the loop")


def sleep_long():
    """Would take a minute."""
    time.sleep(60)


@stress(runs=3, finds=AssertionError)
def test_a_terminated_process_may_still_be_alive():
    """terminate() sends a signal and returns; the end comes a moment later."""
    child = Process(target=sleep_long)
    child.start()
    child.terminate()
    alive = child.is_alive()
    child.join()
    assert not alive


@stress(runs=3)
def test_after_terminate_and_join_it_is_dead():
    """The exit code says which signal has ended it. The object can still be asked, the process is gone."""
    child = Process(target=sleep_long, name="lin")
    child.start()
    assert child.is_alive()
    child.terminate()
    child.join()
    assert (child.is_alive(), child.exitcode, child.name) == (False, -signal.SIGTERM, "lin")


def half(path):
    """Two steps that belong together."""
    path.write_text("half")
    time.sleep(60)
    path.write_text("all")


@stress(runs=3)
def test_a_terminated_process_leaves_half_done_work_behind(tmp_path):
    """No `finally` and no `with` of the child runs: end like this only who can be cut off anywhere."""
    path = tmp_path / "work"
    child = Process(target=half, args=(path,))
    child.start()
    while not (path.exists() and path.read_text()):
        time.sleep(0.005)
    child.terminate()
    child.join()
    assert path.read_text() == "half"


@stress(runs=1, finds=LeakedTask)
def test_a_process_that_nobody_joins_outlives_the_test():
    """At its end Python waits for such children; a test should not leave them to the tests that follow."""
    Process(target=sleep_long).start()


@stress(runs=1)
def test_a_daemon_may_be_left_behind():
    """Daemons are ended with their parent, in the middle of their work. Set it before start(); it cannot fork on."""
    Process(target=sleep_long, daemon=True).start()


DAEMON = """
import sys, time
from multiprocessing import Process
def task():
    time.sleep(0.2)
    print("done")
if __name__ == "__main__":
    child = Process(target=task, daemon={daemon})
    child.start()
"""


def printed(tmp_path, text):
    """What a script prints, and its exit code."""
    script = tmp_path / "script.py"
    script.write_text(text)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True)
    return done.stdout + done.stderr, done.returncode


def test_python_waits_for_its_children_but_not_for_daemons(tmp_path):
    """The script itself has nothing left to do in both cases."""
    assert printed(tmp_path, DAEMON.format(daemon=False)) == ("done\n", 0)
    assert printed(tmp_path, DAEMON.format(daemon=True)) == ("", 0)


UNGUARDED = """
import multiprocessing
spawn = multiprocessing.get_context("spawn")
spawn.Process(target=print, args=("hello",)).start()
"""
GUARDED = """
import multiprocessing
if __name__ == "__main__":
    spawn = multiprocessing.get_context("spawn")
    spawn.Process(target=print, args=("hello",)).start()
"""


def test_without_the_guard_a_spawned_child_would_start_children_too(tmp_path):
    """Python refuses; `if __name__ == "__main__"` is not for Windows only."""
    message, _ = printed(tmp_path, UNGUARDED)
    assert "if __name__ == '__main__':" in message
    assert printed(tmp_path, GUARDED) == ("hello\n", 0)


def fail():
    """A task that goes wrong."""
    raise ValueError("not today")


def test_an_exception_in_a_child_is_an_exit_code_for_its_parent(capfd):
    """It is printed, and join() raises nothing. Ask for `exitcode`: 0, or 1 after an exception, or minus a signal."""
    child = Process(target=fail)
    child.start()
    child.join()
    assert child.exitcode == 1
    assert "ValueError: not today" in capfd.readouterr().err


@stress(runs=2)
def test_with_the_fixture_the_result_and_the_exception_come_back(processes):
    """`processes.start` is the same with a way back, for tests; outside of tests a process pool has one, too."""
    assert processes.start(os.path.join, "a", "b", method="fork").result() == os.path.join("a", "b")
    with pytest.raises(ValueError, match="not today"):
        processes.start(fail, method="fork").result()


def count_down(path):
    """Three, two, one."""
    for number in (3, 2, 1):
        with path.open("a") as file:
            file.write(f"{number} ")
        time.sleep(NAP / 2)


@stress(runs=2, finds=AssertionError)
def test_exercise_the_rocket_waits_for_nobody(tmp_path):
    """Exercise: "go" comes too early. Move one line, and take `finds=` away."""
    path = tmp_path / "countdown"
    counter = Process(target=count_down, args=(path,))
    counter.start()
    with path.open("a") as file:
        file.write("go ")
    counter.join()
    assert path.read_text() == "3 2 1 go "
