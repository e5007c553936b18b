"""Programs that never end, block, exit or leave things behind: a clear verdict, and nothing of ours stays."""

import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from pytest_conc import LeakedTask, Livelock, explore
from pytest_conc.model.findings import ProcessExit, TaskInterrupted
from suites.plugin.untouched import changes, os_threads, snapshot

HOSTS = ("greenlets", "threads")


@pytest.fixture(autouse=True)
def nothing_is_left():
    explore(one_thread, executions=1)
    before, threads = snapshot(one_thread, in_a_thread), os_threads()
    yield
    assert changes(before, snapshot(one_thread, in_a_thread)) == []
    for _ in range(1000):
        if os_threads() <= threads:
            break
        os.sched_yield()
        time.sleep(0.001)  # an OS thread needs a moment to go after it has let go of us
    assert os_threads() <= threads
    one = explore(one_thread, executions=1)
    assert one.outcomes == {"passed": 1}


def one_thread():
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()
    return "passed"


def in_a_thread(target, daemon=None):
    """A program that calls target in a thread and joins it."""

    def program():
        thread = threading.Thread(target=target, name="worker", daemon=daemon)
        thread.start()
        thread.join()

    return program


def error_of(program, **options):
    exploration = explore(program, **{"executions": 3} | options)
    assert exploration.failure is not None, exploration
    return exploration.failure.error


class Flag:
    def __init__(self):
        self.up = False


@pytest.mark.parametrize("host", HOSTS)
def test_a_program_that_never_ends_is_a_livelock(host):
    def program():
        flag = Flag()

        def poll():
            while not flag.up:
                pass

        thread = threading.Thread(target=poll)
        thread.start()
        poll()

    error = error_of(program, max_steps=200, host=host)
    assert isinstance(error, Livelock)
    assert "max_steps=200" in str(error)


@pytest.mark.parametrize("host", HOSTS)
def test_os_exit_ends_the_execution_and_not_the_session(host):
    error = error_of(in_a_thread(lambda: os._exit(3)), host=host)
    assert isinstance(error, ProcessExit)
    assert "os._exit(3)" in str(error)


@pytest.mark.parametrize("host", HOSTS)
def test_system_exit_in_a_task_ends_the_task_only(host):
    def leave():
        sys.exit(1)

    explore(in_a_thread(leave), executions=3, host=host).raise_if_failed()


def test_system_exit_in_the_body_is_a_failure():
    assert isinstance(error_of(lambda: sys.exit(1)), SystemExit)


@pytest.mark.parametrize("host", HOSTS)
def test_keyboard_interrupt_raised_by_a_task_is_a_failure(host):
    def interrupt():
        raise KeyboardInterrupt

    error = error_of(in_a_thread(interrupt), host=host)
    assert isinstance(error, TaskInterrupted)
    assert "worker" in str(error)


@pytest.mark.parametrize("host", HOSTS)
def test_a_task_left_behind_is_found(host):
    def program():
        threading.Thread(target=int, name="lonely").start()

    error = error_of(program, host=host)
    assert isinstance(error, LeakedTask)
    assert "lonely" in str(error)


@pytest.mark.parametrize("host", HOSTS)
def test_a_daemon_left_behind_is_fine(host):
    def program():
        threading.Thread(target=threading.Event().wait, daemon=True).start()

    explore(program, executions=5, host=host).raise_if_failed()


@pytest.mark.parametrize("host", HOSTS)
def test_a_pool_that_nobody_shuts_down_is_fine(host):
    def program():
        pool = ThreadPoolExecutor(2)
        return pool.submit(int, "4").result() + pool.submit(int, "5").result()

    exploration = explore(program, executions=20, host=host)
    exploration.raise_if_failed()
    assert exploration.outcomes == {9: 20}


@pytest.mark.parametrize("host", HOSTS)
def test_an_exception_in_a_thread_is_a_failure_with_its_own_error(host):
    def divide():
        1 / 0  # noqa: B018

    error = error_of(in_a_thread(divide), host=host)
    assert isinstance(error, ZeroDivisionError)
    assert error.__traceback__.tb_frame.f_code is divide.__code__ or "divide" in str(error.__traceback__.tb_frame)


@pytest.mark.parametrize("host", HOSTS)
def test_an_excepthook_of_the_program_gets_the_exception_instead(host):
    def program():
        seen = []
        before = threading.excepthook
        threading.excepthook = lambda given: seen.append((given.exc_type, given.thread.name))
        try:
            in_a_thread(lambda: 1 / 0)()
        finally:
            threading.excepthook = before
        return tuple(seen)

    exploration = explore(program, executions=3, host=host)
    assert exploration.outcomes == {((ZeroDivisionError, "worker"),): 3}
