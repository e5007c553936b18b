"""Promise 1: ordinary code is controlled as it is written, wherever its locks, queues and threads come from."""

import dataclasses
import functools
import logging
import queue
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed, wait
from threading import Condition, Lock, RLock, Thread
from time import monotonic, sleep

import pytest

from pytest_conc import explore

HOSTS = ("greenlets", "threads")
LOCK, RLOCK, CONDITION = Lock(), RLock(), Condition()
PAIR = (Lock(), [Lock()])
NAMED = {"lock": Lock()}


class Owner:
    """Locks at class level, in a dataclass, in a default argument."""

    lock = Lock()

    @dataclasses.dataclass
    class Field:
        lock: object = dataclasses.field(default_factory=Lock)
        n: int = 0

    field = Field()


def default_lock(lock=Lock()):  # noqa: B008
    return lock


class Box:
    def __init__(self):
        self.n = 0


def together(*targets):
    threads = [Thread(target=target) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


GUARDS = {
    "imported Lock": lambda: Lock(),
    "threading.Lock": lambda: threading.Lock(),
    "made at import": lambda: LOCK,
    "RLock made at import": lambda: RLOCK,
    "Condition made at import": lambda: CONDITION,
    "in a tuple": lambda: PAIR[0],
    "in a list in a tuple": lambda: PAIR[1][0],
    "in a dict": lambda: NAMED["lock"],
    "class level": lambda: Owner.lock,
    "dataclass field": lambda: Owner.field.lock,
    "default argument": default_lock,
    "Semaphore": lambda: threading.Semaphore(),
    "BoundedSemaphore": lambda: threading.BoundedSemaphore(1),
    "of a queue": lambda: SHARED_QUEUE.mutex,
    "of a logging handler": lambda: HANDLER.lock,
}
SHARED_QUEUE = queue.Queue()
HANDLER = logging.NullHandler()
HANDLER.createLock = functools.partial(logging.Handler.createLock, HANDLER)
HANDLER.createLock()


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("name", GUARDS)
def test_a_guard_keeps_others_out_wherever_it_comes_from(name, host):
    def program():
        guard, box, inside = GUARDS[name](), Box(), []

        def add():
            with guard:
                inside.append(1)
                seen = box.n
                sleep(0.01)
                box.n = seen + 1
                assert inside == [1]
                inside.pop()

        together(add, add)
        assert box.n == 2

    explore(program, executions=40, host=host).raise_if_failed()


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("name", ["made at import", "class level", "default argument", "dataclass field"])
def test_a_lock_made_at_import_is_free_again_after_a_failure(name, host):
    def program():
        guard = GUARDS[name]()

        def fail():
            with guard:
                raise OSError

        together(lambda: guard.acquire() and guard.release(), fail)

    def deadlock():
        guard = GUARDS[name]()
        guard.acquire()
        together(guard.acquire)

    assert isinstance(explore(program, host=host).failure.error, OSError)
    assert explore(deadlock, host=host).failure is not None
    guard = GUARDS[name]()
    assert guard.acquire(timeout=0)
    guard.release()


def test_an_hour_of_sleep_takes_no_time_and_moves_every_clock():
    def program():
        before = monotonic(), time.time(), time.perf_counter(), time.monotonic_ns()
        sleep(3600)
        after = monotonic(), time.time(), time.perf_counter(), time.monotonic_ns()
        return tuple(round(late - early) for early, late in zip(before, after, strict=True))

    assert explore(program, executions=3).outcomes == {(3600, 3600, 3600, 3600 * 10**9): 3}


def test_sleeps_of_several_tasks_end_in_the_order_of_their_times():
    def program():
        order = []
        together(*(functools.partial(lambda n: (sleep(n), order.append(n)), n) for n in (3000, 1000, 2000)))
        return tuple(order), round(monotonic())

    assert {order for order, _ in explore(program, executions=30).outcomes} == {(1000, 2000, 3000)}


def test_a_subclass_of_thread_and_a_timer_are_tasks():
    class Mine(Thread):
        def __init__(self, box):
            super().__init__(name="mine", daemon=False)
            self.box = box

        def run(self):
            self.box.n += 1

    def program():
        box, rang, cancelled = Box(), [], []
        mine = [Mine(box), Mine(box)]
        timer, never = threading.Timer(60, rang.append, (1,)), threading.Timer(30, cancelled.append, (1,))
        for each in (*mine, timer, never):
            each.start()
        never.cancel()
        for each in (*mine, timer, never):
            each.join()
        return box.n, rang == [1], cancelled

    assert set(explore(program, executions=200).outcomes) >= {"(2, True, [])", "(1, True, [])"}


def test_threads_started_by_threads_are_tasks():
    def program():
        box = Box()

        def add():
            box.n += 1

        together(lambda: together(add, add), add)
        return box.n

    assert set(explore(program, executions=400).outcomes) == {1, 2, 3}


@pytest.mark.parametrize("host", HOSTS)
def test_a_pool_maps_submits_and_calls_back(host):
    def program():
        done = []
        with ThreadPoolExecutor(2, initializer=int) as pool:
            mapped = list(pool.map(lambda n: n * n, range(4)))
            futures = [pool.submit(divmod, 7, n) for n in (0, 2)]
            for each in futures:
                each.add_done_callback(lambda future: done.append(1))
            finished, _ = wait(futures)
            assert {*as_completed(futures)} == finished == {*futures}
        assert len(done) == 2
        return *mapped, type(futures[0].exception()), futures[1].result()

    exploration = explore(program, executions=30, host=host)
    exploration.raise_if_failed()
    assert set(exploration.outcomes) == {(0, 1, 4, 9, ZeroDivisionError, (3, 1))}
