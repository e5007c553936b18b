"""Promise 1, continued: what Python promises about threads and objects holds in a task, too."""

import contextvars
import gc
import logging
import random
import sys
import threading
import uuid
import weakref
from threading import Thread

import pytest

from pytest_conc import explore

HOSTS = ("greenlets", "threads")
LOCAL = threading.local()
VARIABLE = contextvars.ContextVar("variable", default=0)


def together(*targets):
    threads = [Thread(target=target) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def once(program, host="greenlets", executions=40):
    """What program returned in every execution."""
    exploration = explore(program, executions=executions, host=host)
    exploration.raise_if_failed()
    (found,) = exploration.outcomes
    return found


class WithInit(threading.local):
    def __init__(self, n=0):
        self.n = n


@pytest.mark.parametrize("host", ["greenlets", "threads"])
def test_a_local_is_isolated(host):
    def program():
        mine, seen, made = threading.local(), [], WithInit()
        mine.n = LOCAL.n = made.n = "main"

        def use(n):
            assert not hasattr(mine, "n")
            assert not hasattr(LOCAL, "n")
            assert made.n == 0
            mine.n = LOCAL.n = made.n = n
            seen.append(n)
            assert mine.n == LOCAL.n == made.n == n

        together(lambda: use(1), lambda: use(2))
        assert mine.n == LOCAL.n == made.n == "main"
        return len(seen)

    assert once(program, host) == 2
    assert LOCAL.n == "main"
    del LOCAL.n


@pytest.mark.parametrize("host", ["greenlets", "threads"])
def test_a_local_with_arguments_is_made_with_them_in_every_task(host):
    def program():
        made, seen = WithInit(7), []
        together(lambda: seen.append(made.n))
        return made.n, *seen

    assert once(program, host) == (7, 7)


@pytest.mark.parametrize("host", HOSTS)
def test_a_task_knows_itself_and_the_others(host):
    def program():
        seen = []

        def look():
            me = threading.current_thread()
            seen.append(me.name)
            assert me.ident == threading.get_ident() != threading.main_thread().ident
            assert me in threading.enumerate()
            assert me.is_alive()
            assert threading.active_count() >= 2

        threads = [Thread(target=look), Thread(target=look, name="given")]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert len({each.ident for each in threads}) == 2
        assert not any(each.is_alive() for each in threads)
        assert threading.current_thread() is threading.main_thread()
        return tuple(sorted(seen))

    assert once(program, host) == ("Thread-1 (look)", "given")


@pytest.mark.parametrize("host", HOSTS)
def test_a_context_variable_does_not_leak_between_tasks(host):
    def program():
        VARIABLE.set(1)

        def use(n):
            assert VARIABLE.get() == 0
            VARIABLE.set(n)
            seen.append(n)
            assert VARIABLE.get() == n

        seen = []
        together(lambda: use(5), lambda: use(6))
        assert VARIABLE.get() == 1

    contextvars.copy_context().run(once, program, host)
    assert VARIABLE.get() == 0


@pytest.mark.parametrize("host", HOSTS)
def test_an_object_dies_at_the_moment_it_always_did(host):
    class Thing:
        def __init__(self, log):
            self.log = log

        def __del__(self):
            self.log.append("gone")

    def program():
        log = []

        def work():
            thing = Thing(log)
            seen = weakref.ref(thing)
            thing.n = 1
            assert thing.n == 1
            items = [thing]
            assert items[0] is thing
            assert seen() is not None
            items.clear()
            del thing
            assert seen() is None
            log.append("after")

        together(work)
        return tuple(log)

    assert once(program, host) == ("gone", "after")


def test_random_numbers_and_uuids_are_the_same_in_every_execution():
    def program():
        seen = []
        together(lambda: seen.append((random.random(), uuid.uuid4(), random.Random().random())))
        return random.random(), *seen

    random.seed(5)
    state = random.getstate()
    one = once(program)
    assert random.getstate() == state
    assert once(program) == one


def test_several_tasks_may_log(caplog):
    logger = logging.getLogger("suites.plain")

    def program():
        caplog.clear()
        together(lambda: logger.warning("one %s", 1), lambda: logger.warning("two"))
        return tuple(sorted(caplog.messages)), tuple(sorted(each.threadName for each in caplog.records))

    assert once(program) == (("one 1", "two"), ("Thread-1 (<lambda>)", "Thread-2 (<lambda>)"))


def test_the_exception_that_is_handled_belongs_to_its_task():
    def program():
        seen = []

        def handle(error):
            try:
                raise error
            except type(error):
                seen.append(1)
                assert sys.exception() is error

        together(lambda: handle(KeyError()), lambda: handle(OSError()))
        assert sys.exception() is None

    once(program)


def test_the_collector_is_off_during_an_execution_and_on_afterwards():
    assert once(lambda: gc.isenabled()) is False
    assert gc.isenabled()
