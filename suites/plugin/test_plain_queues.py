"""Promise 1, continued: queues and waits with time limits work as they are written."""

import contextlib
import queue
import threading
from threading import Thread
from time import monotonic, sleep

import pytest

from pytest_conc import explore

HOSTS = ("greenlets", "threads")


def together(*targets):
    threads = [Thread(target=target) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("kind", [queue.Queue, queue.LifoQueue, queue.PriorityQueue])
def test_a_bounded_queue_with_task_done_and_join_delivers_everything(kind, host):
    def program():
        jobs, got = kind(maxsize=1), []

        def consume():
            for _ in range(2):
                got.append(jobs.get())
                jobs.task_done()

        def produce():
            jobs.put(1)
            jobs.put(2, timeout=60)
            jobs.join()
            assert sorted(got) == [1, 2]

        together(consume, produce)

    explore(program, executions=60, host=host).raise_if_failed()


def test_timeouts_of_queues_end_in_virtual_time():
    def program():
        full, empty = queue.Queue(1), queue.SimpleQueue()
        full.put(0)
        before = monotonic()
        for call in (lambda: full.put(1, timeout=10), lambda: empty.get(timeout=20), lambda: full.put_nowait(1)):
            with pytest.raises((queue.Full, queue.Empty)):
                call()
        return round(monotonic() - before)

    assert explore(program, executions=2).outcomes == {30: 2}


class Twice(queue.Queue):
    def _put(self, item):
        super()._put(item)
        super()._put(item)


@pytest.mark.parametrize("host", HOSTS)
def test_a_queue_with_its_own_put_works_as_written(host):
    def program():
        jobs, got = Twice(), []
        together(lambda: got.extend(jobs.get() for _ in range(2)), lambda: jobs.put(1))
        return tuple(got)

    assert set(explore(program, executions=50, host=host).outcomes) <= {(1, 1), "Starved"}


def test_who_holds_the_mutex_of_a_queue_keeps_everybody_out():
    def program():
        jobs = queue.Queue()

        def look():
            with jobs.mutex:
                before = len(jobs.queue)
                sleep(1)
                assert len(jobs.queue) == before

        together(look, lambda: jobs.put(1), lambda: jobs.put_nowait(2))

    explore(program, executions=100).raise_if_failed()


def test_waits_with_a_time_limit_end_when_timeouts_may_come_at_any_moment():
    def program():
        barrier = threading.Barrier(2, timeout=5)

        def meet():
            with contextlib.suppress(threading.BrokenBarrierError):
                barrier.wait()

        together(meet, meet)

    explore(program, executions=200, timing="any", max_steps=2000).raise_if_failed()
