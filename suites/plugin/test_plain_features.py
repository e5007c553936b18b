"""Promise 1, continued: every feature of Python computes the same in a task, to the same depth."""

import dataclasses
import functools
import sys
import threading
import time
from threading import Thread

import pytest

from pytest_conc import explore

HOSTS = ("greenlets", "threads")


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


def depth():
    def go(n):
        try:
            return go(n + 1)
        except RecursionError:
            return n

    return go(0)


@pytest.mark.parametrize("host", HOSTS)
def test_a_task_may_recurse_as_deep_as_a_thread(host):
    real = []
    thread = Thread(target=lambda: real.append(depth()))
    thread.start()
    thread.join()

    def program():
        found = []
        together(lambda: found.append(depth()))
        return found[0]

    assert min(explore(program, host=host, executions=3).outcomes) > real[0] * 0.9


class Rich:
    __slots__ = ("_n", "items")
    total = 0

    def __init__(self):
        self._n, self.items = 0, {}

    @property
    def n(self):
        return self._n

    @n.setter
    def n(self, value):
        self._n = value

    @classmethod
    def count(cls):
        cls.total += 1
        return cls.total

    def __getitem__(self, key):
        return self.items[key]

    def __setitem__(self, key, value):
        self.items[key] = value

    def __contains__(self, key):
        return key in self.items

    def __iter__(self):
        yield from self.items.values()

    def __len__(self):
        return len(self.items)


@dataclasses.dataclass(order=True, slots=True)
class Record:
    a: int
    b: list = dataclasses.field(default_factory=list)


@pytest.mark.parametrize("host", HOSTS)
def test_every_feature_of_python_computes_the_same_as_outside(host):
    rich = Rich()
    lock = threading.Lock()

    @functools.lru_cache
    def cached(n):
        return n * 2

    def compute():
        with lock:
            rich.n += 1
            rich["x", rich.n] = [n for n in range(rich.n) if n % 2]
            record = Record(rich.n)
            record.b += [*rich, *(len(each) for each in rich)]
            squares = {n: set(range(n)) for n in range(3)}
            generator = (cached(n) for n in range(4))
            first, *rest = generator
            matched = None
            match record:
                case Record(a=a, b=[head, *_]):
                    matched = a, head
            return (
                rich.n,
                ("x", 1) in rich,
                bool(rich),
                str(record),
                repr(squares),
                first,
                rest,
                matched,
                sorted(rich, key=len),
                f"{rich.n:>3}",
                record < Record(10**6),
                max(squares, default=0),
            )

    def program():
        rich._n, rich.items = 0, {}
        results = []
        together(lambda: results.append(compute()), lambda: results.append(compute()))
        return repr(sorted(results))

    plain = program()
    assert once(program, host) == plain


class Key:
    """A key that remembers its hash, as caches' keys do."""

    def __init__(self):
        self.hashed = 0

    def __hash__(self):
        self.hashed += 1
        return 7


class Chameleon:
    """Says that it is something else, and looks at itself to say so, as mocks do."""

    def __init__(self):
        self.spec = int

    @property
    def __class__(self):
        return self.spec


def test_looking_at_a_program_calls_none_of_its_code():
    key, thing = Key(), Chameleon()

    def program():
        key.hashed = 0
        table, seen = {}, []

        def put():
            table[key] = thing.spec

        def look():
            seen.append(thing)
            seen.append(table.get("other"))

        together(put, look)
        assert key.hashed == 1
        assert False  # noqa: B011 - the failing execution is the one that is looked at closely

    failure = explore(program, executions=3).failure
    assert type(failure.error) is AssertionError
    assert "hashed" not in str(failure.error)
    assert len([step for step in failure.trace if step.resource.endswith(".hashed")]) == 2


def test_time_may_pass_before_the_first_thread_is_started():
    def program():
        threading.Event().wait(1)
        lock, found = threading.Lock(), []

        def add():
            with lock:
                found.append(1)

        together(add, add)
        return len(found)

    exploration = explore(program, executions=50)
    assert exploration.failure is None
    assert set(exploration.outcomes) == {2}


def expires(after, clock=time.monotonic, *, sleep=time.sleep):
    due = clock() + after
    sleep(after)
    return clock() >= due


def test_clocks_that_are_default_arguments_are_virtual():
    assert explore(lambda: expires(3600), executions=3).outcomes == {True: 3}
    assert expires.__defaults__ == (time.monotonic,)


def test_the_variables_of_all_frames_can_be_looked_at_during_the_first_call():
    outer = ["outer"]

    def look(frame):
        while frame is not None:
            dict(frame.f_locals)
            frame = frame.f_back

    def inner():
        look(sys._getframe())
        return outer

    def program():
        thread = threading.Thread(target=inner)
        thread.start()
        thread.join()
        return inner()[0]

    assert explore(program, executions=2).outcomes == {"outer": 2}


def test_threads_that_are_not_of_the_test_are_not_counted():
    stop = threading.Event()
    stranger = threading.Thread(target=stop.wait)
    stranger.start()

    def program():
        thread = threading.Thread(target=int)
        thread.start()
        thread.join()
        return threading.active_count(), len(threading.enumerate())

    try:
        assert set(explore(program).outcomes) == {(1, 1)}
    finally:
        stop.set()
        stranger.join()
