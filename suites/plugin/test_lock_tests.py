"""CPython's own tests of locks and their kin, each test method run as a program under `explore`.

`test.lock_tests` starts bare threads, polls with `time.sleep`, measures with `time.monotonic`, counts threads with
`_thread._count` and collects garbage to see locks go. All of it has to work under control, on both hosts. The tests
are made for real time, so `timing="virtual"`: there a sleep ends only when nobody else can go on, which is what they
hope for from a sleep.

Each class is run twice: with what `threading` held when this module was imported, as CPython's own `test_threading`
binds it, and with what `threading` holds at the time of the call.
"""

import gc
import threading
import unittest

import pytest

from pytest_conc import explore

lock_tests = pytest.importorskip("test.lock_tests", reason="this Python was installed without its own tests")
support = pytest.importorskip("test.support")

KINDS = {
    # name: (class of lock_tests, the attribute through which it makes its objects, name in threading)
    "Lock": (lock_tests.LockTests, "locktype", "Lock"),
    "RLock": (lock_tests.RLockTests, "locktype", "RLock"),
    "PyRLock": (lock_tests.RLockTests, "locktype", "_PyRLock"),
    "ConditionAsRLock": (lock_tests.RLockTests, "locktype", "Condition"),
    "Event": (lock_tests.EventTests, "eventtype", "Event"),
    "Condition": (lock_tests.ConditionTests, "condtype", "Condition"),
    "Semaphore": (lock_tests.SemaphoreTests, "semtype", "Semaphore"),
    "BoundedSemaphore": (lock_tests.BoundedSemaphoreTests, "semtype", "BoundedSemaphore"),
    "Barrier": (lock_tests.BarrierTests, "barriertype", "Barrier"),
}

NOT_MEANT = {("ConditionAsRLock", "test_recursion_count")}  # CPython skips it: Condition has no _recursion_count


def early(name):
    return getattr(threading, name)


def late(name):
    return lambda *args, **kwargs: getattr(threading, name)(*args, **kwargs)


def methods():
    """(kind, method, how its type is bound) of every test."""
    names = unittest.TestLoader().getTestCaseNames
    return [
        pytest.param(kind, method, bind, id=f"{kind}-{method}-{bind.__name__}")
        for kind, (base, _, _) in KINDS.items()
        for method in names(base)
        for bind in (early, late)
        if (kind, method) not in NOT_MEANT
    ]


def case_class(kind, bind):
    base, attribute, name = KINDS[kind]
    return type(f"{kind}Tests", (base,), {attribute: staticmethod(bind(name))})


def run(case, method):
    """What `TestCase.run` does, but an exception goes to the caller as it is."""
    try:
        case.setUp()
        try:
            getattr(case, method)()
        finally:
            case.tearDown()
    finally:
        assert case.doCleanups()


@pytest.fixture(autouse=True)
def only_the_garbage_of_the_test():
    """`lock_tests` collects garbage in every poll; what was there before need not be looked at each time."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.parametrize("host", ["greenlets", "threads"])
@pytest.mark.parametrize(("kind", "method", "bind"), methods())
def test_cpythons_own_test_passes(kind, method, bind, host):
    tests = case_class(kind, bind)
    support.environment_altered = False
    exploration = explore(lambda: run(tests(method), method), executions=3, seed=1, timing="virtual", host=host)
    if exploration.failure is not None:
        raise exploration.failure.error
    assert set(exploration.outcomes) == {None}
    assert not support.environment_altered, "threads were left: see the captured standard error"


def test_a_failing_method_is_torn_down_and_keeps_its_own_error():
    torn_down = []

    class LocksThatLetTheirOwnerInTwice(lock_tests.LockTests):
        locktype = staticmethod(threading.RLock)

        def tearDown(self):
            super().tearDown()
            torn_down.append(self)

    method = "test_state_after_timeout"
    exploration = explore(lambda: run(LocksThatLetTheirOwnerInTwice(method), method), executions=3, timing="virtual")
    assert isinstance(exploration.failure.error, AssertionError)
    assert "True is not false" in str(exploration.failure.error)
    assert torn_down
