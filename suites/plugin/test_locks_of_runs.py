"""Locks in real runs: who waits in vain, who only has not been let run yet, and who holds what."""

import asyncio
import ctypes
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Future, as_completed, wait
from contextlib import suppress
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Final

import pytest

from pytest_conc import Deadlock, LostWakeup, UncontrolledBlocking
from pytest_conc.instrument.instrumentation import Instrumentation
from pytest_conc.model.findings import Abort
from pytest_conc.stressing.delays import NoDelays
from pytest_conc.stressing.guarded import Guarded
from pytest_conc.stressing.member import Member, Wait
from pytest_conc.stressing.watch import Watch
from suites.classics.small_races import together


def busy_until_ended(target, *all_arguments):
    """Goes on and on while the threads live, so that a deadlock of theirs is not one of all members."""
    threads = [threading.Thread(target=target, args=arguments, name="worker") for arguments in all_arguments]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        time.sleep(0.001)


def waits_for(resource):
    member = Member(SimpleNamespace(), threading.current_thread())
    member.wait = Wait(resource, None)
    return member


@pytest.mark.parametrize("kind", [threading.Lock, threading.RLock])
def test_who_waits_for_a_lock_is_stuck_until_it_is_given_back(kind):
    lock = kind()
    member = waits_for(lock)
    with lock:
        assert member.is_stuck()
    assert not member.is_stuck()


def test_who_waits_for_a_queue_is_stuck_until_something_is_put():
    queue = SimpleQueue()
    member = waits_for(queue)
    assert member.is_stuck()
    queue.put(1)
    assert not member.is_stuck()


def test_a_reentrant_lock_given_back_once_of_two_times_is_still_held():
    one, other, both = threading.RLock(), threading.RLock(), threading.Barrier(2)

    def take(first, second):
        with first:
            with first:
                pass
            both.wait()
            with second:
                pass

    with Guarded(NoDelays(), 60.0).on_guard() as guarded:
        error = guarded.run(lambda: busy_until_ended(take, (one, other), (other, one)))
    assert type(error) is Deadlock, error
    for one_of_them, lock, holder in (("worker", "other", "worker#2"), ("worker#2", "one", "worker")):
        assert re.search(rf"{one_of_them} \(take\) waits for {lock} at .*, which {holder} \(take\) holds", str(error))


LONGER: Final = 0.7  # seconds, than it takes to be sure of a deadlock


def lock_as_a_signal():
    signal_ = threading.Lock()
    signal_.acquire()
    work = threading.Thread(target=lambda: (time.sleep(LONGER), signal_.release()))
    work.start()
    signal_.acquire()
    work.join()


def locks_as_turns():
    first, second = threading.Lock(), threading.Lock()
    second.acquire()

    def play(mine, others):
        for _ in range(2):
            mine.acquire()
            time.sleep(LONGER)
            others.release()

    busy_until_ended(play, (first, second), (second, first))


def late_item():
    jobs = queue.Queue()
    threading.Timer(LONGER, jobs.put, [1]).start()
    assert jobs.get() == 1


def late_notification():
    changed, ready = threading.Condition(), []

    def wait():
        with changed, changed:
            changed.wait_for(lambda: ready)

    waiting = threading.Thread(target=wait)
    waiting.start()
    time.sleep(LONGER)
    with changed:
        ready.append(1)
        changed.notify_all()
    waiting.join()


def waits_that_end():
    one, other, both = threading.Lock(), threading.Lock(), threading.Barrier(2)

    def take(first, second):
        with first:
            both.wait()
            second.acquire(timeout=LONGER)

    busy_until_ended(take, (one, other), (other, one))


def work_in_an_event_loop():
    async def work():
        await asyncio.sleep(LONGER)
        await asyncio.to_thread(time.sleep, LONGER)

    asyncio.run(work())


def slow_program():
    subprocess.run(["sleep", str(LONGER)], check=True)


def readers_and_a_writer():
    """The first reader takes the room, the last one gives it back."""
    mutex, room, other, inside = threading.Lock(), threading.Lock(), threading.Lock(), []

    def enter():
        with mutex:
            inside.append(1)
            if len(inside) == 1:
                room.acquire()

    def leave():
        with mutex:
            inside.pop()
            if not inside:
                room.release()

    def short():
        enter()
        time.sleep(0.2)
        leave()
        with other:
            pass

    def long():
        time.sleep(0.1)
        enter()
        for _ in range(10):
            time.sleep(0.1)
            with mutex:
                pass
        leave()

    def write():
        with other:
            time.sleep(0.15)
            with room:
                pass

    busy_until_ended(lambda target: target(), (short,), (long,), (write,))


@pytest.mark.parametrize(
    "program",
    [
        readers_and_a_writer,
        lock_as_a_signal,
        locks_as_turns,
        late_item,
        late_notification,
        waits_that_end,
        work_in_an_event_loop,
        slow_program,
    ],
)
def test_what_only_takes_long_is_no_deadlock(program):
    assert ended(program)[0] is None


def test_who_waits_for_a_condition_does_not_hold_its_lock_and_then_holds_it_as_often_as_before():
    held = []

    def wait(run, condition):
        with condition, condition:
            condition.wait(5)
            held.append(times(run))
        held.append(times(run))

    def notify(run, condition):
        while not condition._waiters:
            time.sleep(0.001)
        with condition:
            held.append(times(run))
            condition.notify()

    with Guarded(NoDelays(), 60.0).on_guard() as guarded, guarded.running() as run:
        condition = threading.Condition()
        busy_until_ended(lambda target: target(run, condition), (wait,), (notify,))
    assert held == [1, 2, 0]


def times(run):
    """How often the only lock of the run is held."""
    return sum(holding.times for holding in run.holders.values())


WATCHING = Instrumentation([], False, {})  # of no module: locks and files are watched, and nothing else


def ended(program, hang_after=60.0, instrumentation=None):
    """What the program is ended with, and after how many seconds."""
    began = time.monotonic()
    with Guarded(NoDelays(), hang_after, instrumentation).on_guard() as guarded:
        error = guarded.run(program)
    return error, time.monotonic() - began


def notified():
    condition = threading.Condition()
    with condition:
        condition.wait_for(lambda: False)


@pytest.mark.parametrize(
    ("program", "kind", "waiting", "advice"),
    [
        (threading.Semaphore(0).acquire, Deadlock, "waits in Semaphore.acquire", "Nobody is left who releases it"),
        (threading.Event().wait, LostWakeup, "waits in Event.wait", "Nobody is left who sets it"),
        (threading.Barrier(2).wait, Deadlock, "waits in Barrier.wait", "A barrier lets nobody pass"),
        (notified, LostWakeup, "waits in Condition.wait_for", "Nobody is left who notifies"),
        (lambda: wait([Future()]), LostWakeup, "waits in wait", "Nobody is left who sets it"),
        (lambda: list(as_completed([Future()])), LostWakeup, "waits in as_completed", "Nobody is left who sets it"),
    ],
)
def test_what_waits_for_ever_is_named_with_what_to_do(program, kind, waiting, advice):
    def start():
        thread = threading.Thread(target=program)
        thread.start()
        thread.join()

    error, seconds = ended(start)
    assert type(error) is kind and waiting in str(error) and advice in str(error), error
    assert "_bootstrap" not in str(error) and seconds < 10


def polls_a_queue():
    jobs = queue.Queue()
    while True:
        with suppress(queue.Empty):
            jobs.get(timeout=0.02)


def polls_a_condition():
    condition = threading.Condition()
    with condition, condition:
        while True:
            condition.wait(0.02)


def polls_an_event():
    stop = threading.Event()
    while not stop.wait(0.02):
        pass


def polls_a_thread():
    thread = threading.Thread(target=threading.Event().wait)
    thread.start()
    while thread.is_alive():
        thread.join(0.02)


@pytest.mark.parametrize("program", [polls_a_queue, polls_a_condition, polls_an_event, polls_a_thread])
def test_who_only_looks_again_and_again_does_not_go_on(program):
    error, seconds = ended(program, 0.6, WATCHING)
    assert type(error) in (UncontrolledBlocking, LostWakeup), error
    assert seconds < 5.0  # not ten times hang_after


def test_who_looks_again_and_again_and_does_something_meanwhile_goes_on():
    def tick():
        stop, lock = threading.Event(), threading.Lock()
        for _ in range(20):
            stop.wait(0.1)
            with lock:
                pass

    error, seconds = ended(tick, 0.6, WATCHING)
    assert error is None and seconds > 2.0


def test_work_under_the_lock_of_a_condition_is_no_poll():
    def program():
        changed, lock, rounds = threading.Condition(), threading.Lock(), 20
        with changed:
            for _ in range(rounds):
                with lock:
                    pass
                changed.wait(0.1)

    assert ended(program, 0.6, WATCHING)[0] is None


def test_what_one_has_done_in_vain_does_not_hide_what_another_one_does():
    stop, changed, lock = [], threading.Condition(), threading.Lock()

    def poll():
        with changed:
            for _ in range(100):
                with lock:
                    pass
            time.sleep(0.2)  # so that it is noticed
            while not stop:
                changed.wait(0.02)

    def work():
        for _ in range(20):
            time.sleep(0.1)
            with lock:
                pass
        stop.append(1)

    assert ended(lambda: together(poll, work), 0.6, WATCHING)[0] is None


def test_where_nothing_is_watched_a_heartbeat_is_no_hang():
    def program():
        for _ in range(20):
            threading.Event().wait(0.1)

    assert ended(program, 0.6)[0] is None


def release_what_is_not_held(lock):
    with pytest.raises(RuntimeError):
        lock.release()


def test_who_holds_what_is_kept_right():
    with Guarded(NoDelays(), 60.0).on_guard() as guarded, guarded.running() as run:
        lock, reentrant = threading.Lock(), threading.RLock()
        lock.acquire()
        lock.release_lock()
        assert times(run) == 0
        lock.acquire()
        lock.release()
        assert times(run) == 0
        with reentrant:
            other = threading.Thread(target=release_what_is_not_held, args=(reentrant,))
            other.start()
            other.join()
            assert times(run) == 1
        assert times(run) == 0


def test_every_member_has_a_name_of_its_own():
    def program():
        threads = [threading.Thread(target=threading.Event().wait, name=name) for name in ("w", "w", "w#2", "main")]
        for thread in threads:
            thread.start()
        threads[0].join()

    error, _ = ended(program)
    names = sorted(line.split()[0] for line in str(error).splitlines() if line.startswith("  "))
    assert names == ["main", "main#2", "w", "w#2", "w#2#2"], error


def test_the_main_thread_is_not_interrupted_where_asyncio_would_log_and_forget_it():
    watch = Watch(1.0)
    watch.run = SimpleNamespace(aborted=Deadlock(), is_over=False)

    def _read_from_self():
        watch._free_main(0, sys._getframe())

    def select():
        watch._free_main(0, sys._getframe())

    _read_from_self()
    with pytest.raises(Abort):
        select()
    assert hasattr(asyncio.SelectorEventLoop, _read_from_self.__name__)


def test_an_event_loop_that_waits_for_ever_is_ended():
    error, _ = ended(lambda: asyncio.run(asyncio.Event().wait()), hang_after=0.3)
    assert type(error) is UncontrolledBlocking, error


def test_a_thread_of_a_library_in_c_may_still_help():
    libc, started = ctypes.CDLL(None), ctypes.c_ulong()
    libc.pthread_create(ctypes.byref(started), None, libc.sleep, ctypes.c_void_p(3))
    error, _ = ended(threading.Event().wait, hang_after=1.5)
    assert str(error).startswith("nothing has happened for 1."), error


def test_the_handler_of_a_signal_may_still_help():
    def program():
        bell = threading.Event()
        before = signal.signal(signal.SIGALRM, lambda *_: bell.set())
        signal.setitimer(signal.ITIMER_REAL, 0.8)
        try:
            bell.wait()
        finally:
            signal.signal(signal.SIGALRM, before)

    assert ended(program)[0] is None
