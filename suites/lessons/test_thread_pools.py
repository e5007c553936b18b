"""Thread pools: a few threads that do many small jobs, one after the other.

`ThreadPoolExecutor(2)` keeps two worker threads (threads, not processes, whatever `max_workers` is); `submit` puts a
job into a queue and returns a Future at once. `future.result()` waits for the result, or raises what the job raised.
`add_done_callback` asks for a call when the job is over: by the worker that has done it, or, if it is over already,
at once by the thread that asks. A callback is given the future, not the result.

`shutdown(wait=True)`, or the end of a `with` block, waits for all jobs *and their callbacks*. Without it the rest of
your program goes on while they run. Jobs and callbacks run in several threads: what they share needs a lock.
"""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from pytest_conc import Deadlock, explore, interleave


def add(n, m):
    """A job."""
    return n + m


def describe():
    """A job with a result of another kind."""
    return {"name": "lin"}


def two_sums(wait):
    """Two jobs whose callbacks note the results; returns the notes as they are when the main thread goes on."""
    notes = []
    pool = ThreadPoolExecutor(2)
    pool.submit(add, n=1, m=2).add_done_callback(lambda future: notes.append(future.result()))
    pool.submit(add, n=6, m=4).add_done_callback(lambda future: notes.append(future.result()))
    pool.shutdown(wait=wait)
    seen = tuple(notes)
    pool.shutdown(wait=True)
    return seen


@interleave(executions=200)
def test_a_future_gives_the_result_when_there_is_one():
    """Waiting for results in the order of submission makes the order of the jobs unimportant."""
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(add, n=1, m=2), pool.submit(add, n=6, m=4)]
        assert [future.result() for future in futures] == [3, 10]


@interleave(finds=AssertionError)
def test_without_shutdown_the_callbacks_may_not_have_run():
    """`submit` and `shutdown(wait=False)` return at once; nobody has waited for anything."""
    assert sorted(two_sums(wait=False)) == [3, 10]


@interleave(executions=200)
def test_after_shutdown_all_callbacks_have_run():
    """Both results are there, not only the first one as some texts print."""
    assert sorted(two_sums(wait=True)) == [3, 10]


def test_callbacks_come_in_any_order():
    """The job that was submitted first need not be over first."""
    assert set(explore(lambda: two_sums(wait=True), keep_going=True).outcomes) == {(3, 10), (10, 3)}


@interleave(executions=200)
def test_each_future_may_have_a_callback_of_its_own():
    """And several: they are called in the order in which they were added, if they were there in time."""
    notes = []
    with ThreadPoolExecutor(2) as pool:
        pool.submit(add, n=1, m=2).add_done_callback(lambda future: notes.append(future.result()))
        described = pool.submit(describe)
        described.add_done_callback(lambda future: notes.append(future.result()["name"]))
        described.add_done_callback(lambda future: notes.append("and goodbye"))
    assert sorted(notes, key=str) == [3, "and goodbye", "lin"]


def test_a_callback_runs_in_the_worker_or_at_once_in_the_caller():
    """Never rely on `current_thread()` in a callback, nor on it being quick for the one who adds it."""

    def program():
        where = []
        with ThreadPoolExecutor(1, thread_name_prefix="worker") as pool:
            pool.submit(add, 1, 2).add_done_callback(lambda future: where.append(threading.current_thread()))
        return "caller" if where[0] is threading.current_thread() else where[0].name

    assert set(explore(program, keep_going=True).outcomes) == {"worker_0", "caller"}


def test_an_exception_in_a_job_comes_out_of_result_and_nowhere_else():
    """Who never asks for the result never hears of it."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(add, 1, "2")
    assert isinstance(future.exception(), TypeError)
    with pytest.raises(TypeError):
        future.result()


class Till:
    """Money that callbacks put in."""

    def __init__(self):
        self.total = 0
        self.lock = threading.Lock()

    def put_in(self, future):
        self.total += future.result()

    def put_in_locked(self, future):
        with self.lock:
            self.total += future.result()


def sell_two(callback):
    """Two jobs, each with the callback."""
    with ThreadPoolExecutor(2) as pool:
        pool.submit(add, n=1, m=2).add_done_callback(callback)
        pool.submit(add, n=6, m=4).add_done_callback(callback)


@interleave(finds=AssertionError)
def test_callbacks_lose_updates_like_any_other_threads():
    """Two workers call back at the same time."""
    till = Till()
    sell_two(till.put_in)
    assert till.total == 13


@interleave(executions=200)
def test_callbacks_with_a_lock_lose_nothing():
    """Or let one thread collect: `sum(future.result() for future in futures)` shares nothing at all."""
    till = Till()
    sell_two(till.put_in_locked)
    assert till.total == 13


def ask_the_own_pool(workers):
    """A job that waits for another job of the same pool."""
    with ThreadPoolExecutor(workers) as pool:
        return pool.submit(lambda: pool.submit(add, 1, 2).result()).result()


@interleave(finds=Deadlock)
def test_a_job_that_waits_for_its_own_pool_waits_for_ever():
    """The only worker is busy with waiting for a job that only it could do."""
    ask_the_own_pool(workers=1)


@interleave(executions=200)
def test_a_free_worker_helps_as_long_as_there_is_one():
    """Two workers are enough for one such job and not for two: better never wait inside a job for the same pool."""
    assert ask_the_own_pool(workers=2) == 3


@interleave(executions=200)
def test_map_gives_results_in_the_order_of_the_arguments():
    """Whoever is ready first; three jobs of 3, 2 and 1 seconds take two workers 3 seconds of virtual time."""

    def cook(seconds):
        time.sleep(seconds)
        return seconds

    before = time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(cook, [3, 2, 1])) == [3, 2, 1]
    assert time.monotonic() - before == 3


@pytest.mark.parametrize(("workers", "seconds"), [(1, 5), (2, 3), (5, 1)])
@interleave(executions=100)
def test_as_many_jobs_wait_at_once_as_there_are_workers(workers, seconds):
    """Five jobs of one second each: one by one, two by two, or all at once. Only waiting gets faster so."""
    before = time.monotonic()
    with ThreadPoolExecutor(workers) as pool:
        for _ in range(5):
            pool.submit(time.sleep, 1)
    assert time.monotonic() - before == seconds


class Report:
    """Exercise: the callback that comes last should print. Mend `done`, and take `finds=` away from the test below."""

    def __init__(self, jobs):
        self.left = jobs
        self.printed = 0

    def done(self, future):
        self.left -= 1
        if self.left == 0:
            self.printed += 1


@interleave(finds=AssertionError)
def test_exercise_a_report_that_is_printed_once():
    """It may be printed never, or twice."""
    report = Report(jobs=2)
    sell_two(report.done)
    assert report.printed == 1
