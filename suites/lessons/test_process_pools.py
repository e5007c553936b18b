"""Process pools: a few processes that do many small jobs, and send back what comes of them.

`ProcessPoolExecutor(2)` (of `concurrent.futures`) has two worker processes. `submit` pickles the function's name and
its arguments, sends them to a worker and returns a Future at once; `result()` waits for what comes back, and raises
what the job has raised. So a job must be a function that the worker can import, and what goes in and out picklable.

`add_done_callback` asks for a call with the future when the job is over. The callback runs in the *main* process, in a
thread that collects results: it may be a lambda and change variables. `shutdown(wait=True)`, or the end of a `with`
block, waits for all jobs and their callbacks. Workers share no memory, with each other or with anybody else.
"""

import multiprocessing
import os
import threading
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

import pytest

from pytest_conc import stress

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
NAP = 0.05


def add(n, m):
    """A job."""
    return n + m


def describe():
    """A job with a result of another kind."""
    return {"name": "lin"}


def add_slowly(n, m):
    """A job that takes a moment."""
    time.sleep(NAP)
    return n + m


@stress(runs=2)
def test_a_future_gives_the_result_when_there_is_one():
    """result() waits; asked in the order of submission, the order of the jobs is of no importance."""
    with ProcessPoolExecutor(2) as pool:
        futures = [pool.submit(add, n=1, m=2), pool.submit(add, n=6, m=4)]
        assert [future.result() for future in futures] == [3, 10]


def two_sums(wait):
    """Two jobs whose callbacks note the results; returns the notes as they are when the main process goes on."""
    notes = []
    pool = ProcessPoolExecutor(2)
    pool.submit(add_slowly, n=1, m=2).add_done_callback(lambda future: notes.append(future.result()))
    pool.submit(add_slowly, n=6, m=4).add_done_callback(lambda future: notes.append(future.result()))
    pool.shutdown(wait=wait)
    seen = sorted(notes)
    pool.shutdown(wait=True)
    return seen


@stress(runs=2, finds=AssertionError)
def test_without_waiting_the_callbacks_have_not_run():
    """`submit` and `shutdown(wait=False)` return at once."""
    assert two_sums(wait=False) == [3, 10]


@stress(runs=2)
def test_after_shutdown_all_callbacks_have_run():
    """Both results, not only the first one as some texts print: 3 and 10."""
    assert two_sums(wait=True) == [3, 10]


@stress(runs=2)
def test_each_future_may_have_callbacks_of_its_own():
    """Several of one future are called in the order in which they were added."""
    notes = []
    with ProcessPoolExecutor(2) as pool:
        pool.submit(add_slowly, 1, 2).add_done_callback(lambda future: notes.append(future.result()))
        described = pool.submit(describe)
        described.add_done_callback(lambda future: notes.append(future.result()["name"]))
        described.add_done_callback(lambda future: notes.append("and goodbye"))
    assert sorted(notes, key=str) == [3, "and goodbye", "lin"]
    assert notes.index("lin") < notes.index("and goodbye")


@stress(runs=2)
def test_jobs_run_in_workers_and_callbacks_in_the_main_process():
    """In a thread of it, or at once in the thread that adds the callback, if the job is over already."""
    seen = []
    with ProcessPoolExecutor(1) as pool:
        job = pool.submit(os.getpid)
        job.add_done_callback(lambda future: seen.append((os.getpid(), threading.current_thread())))
    assert job.result() != os.getpid()
    assert seen[0][0] == os.getpid()


@stress(runs=2)
def test_an_exception_in_a_job_comes_out_of_result_and_nowhere_else():
    """Who never asks never hears of it; the text says where in the worker it was raised."""
    with ProcessPoolExecutor(1) as pool:
        future = pool.submit(add, 1, "2")
    with pytest.raises(TypeError) as caught:
        future.result()
    assert "in add" in str(caught.value.__cause__)


@stress(runs=2, finds=TypeError)
def test_an_exception_that_nobody_asks_for_is_lost():
    """Here the test finds it. Elsewhere: ask every future."""
    with ProcessPoolExecutor(1) as pool:
        pool.submit(add, 1, "2")


@stress(runs=2)
def test_a_job_must_have_a_name_that_the_worker_can_import():
    """A lambda has none. (Threads in a pool take any function.)"""
    with ProcessPoolExecutor(1) as pool, pytest.raises(Exception, match=r"[Pp]ickle|local object"):
        pool.submit(lambda: 1).result()


sold = 0


def sell(_):
    """Counts, in the process that runs the job."""
    global sold
    sold += 1


@stress(runs=2, finds=AssertionError)
def test_workers_count_for_themselves():
    """Ten sales in two workers, and none here: let jobs *return* what they have found out."""
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(sell, range(10)))
    assert sold == 10


@stress(runs=2)
def test_what_jobs_return_is_added_up_by_one():
    """`map` gives the results in the order of the arguments; nothing is shared, nothing needs a lock."""
    with ProcessPoolExecutor(2) as pool:
        assert sum(pool.map(abs, range(-5, 5))) == 25


def nap(seconds):
    """Sleeps for so long."""
    time.sleep(seconds)
    return seconds


@stress(runs=2)
def test_who_is_done_first_can_be_asked_first():
    """`as_completed` gives futures in the order in which they are done."""
    with ProcessPoolExecutor(2) as pool:
        long, short = pool.submit(nap, 10 * NAP), pool.submit(nap, 0)
        assert next(as_completed([long, short])) is short


def die(_):
    """Takes its worker with it."""
    os._exit(3)


@stress(runs=2)
def test_a_worker_that_dies_breaks_its_pool():
    """All jobs that were not done fail, and no new ones are taken: make a new pool."""
    with ProcessPoolExecutor(1) as pool:
        with pytest.raises(BrokenProcessPool):
            pool.submit(die, 1).result()
        with pytest.raises(BrokenProcessPool):
            pool.submit(add, 1, 2)


def record(path, line):
    """Reads the file, thinks, writes it with one line more."""
    text = path.read_text()
    time.sleep(NAP / 5)
    path.write_text(text + line)


@stress(runs=3, finds=AssertionError)
def test_exercise_a_diary_that_forgets(tmp_path):
    """Exercise: four jobs write one line each. Let one process write, and take `finds=` away."""
    diary = tmp_path / "diary"
    diary.write_text("")
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
        for future in [pool.submit(record, diary, f"{number}\n") for number in range(4)]:
            future.result()
    assert sorted(diary.read_text().split()) == ["0", "1", "2", "3"]
