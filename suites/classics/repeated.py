"""Eleven programs that are repeated for real: the bugs on which tools that repeat tests are usually compared.

`PROGRAMS` maps a name to (buggy, fixed), two callables without arguments, as in peers.py, but
with the sizes that real runs need: four threads instead of two, loops instead of single
steps. `FAILS[name]` says how buggy fails: "assertion" in the calling thread, "thread" (an
exception leaves one of its threads), or "hang". `NEEDS_SLEEPS` names those that repeating
alone does not find on CPython 3.10 and later, because nothing between the two accesses
lets go of the interpreter lock. `PROCESSES` names those that start processes.

The only sleep is that of `counter_with_sleep`, between its read and its write. Guarded for
the start methods spawn and forkserver: every target of a process is a function of this
module. Python 3.11 or later, standard library only.
"""
import multiprocessing
import os
import queue
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

INCREMENTS = 1000    # in each of four threads, for the two counters


def together(target, copies):
    threads = [threading.Thread(target=target) for _ in range(copies)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# -- counters --------------------------------------------------------------------------------
left = 0
guard = threading.Lock()


def take_one():
    global left
    seen = left
    time.sleep(0.001)
    left = seen - 1


def take_one_locked():
    with guard:
        take_one()


def counter_with_sleep(take):
    global left
    left = 100
    together(take, 3)
    assert left == 97, left


def counter_with_sleep_buggy():
    counter_with_sleep(take_one)


def counter_with_sleep_fixed():
    counter_with_sleep(take_one_locked)


def successor(value):
    return value + 1


class Counter:
    def __init__(self):
        self.value = 0
        self.lock = threading.Lock()

    def add(self):
        for _ in range(INCREMENTS):
            self.value += 1

    def add_locked(self):
        for _ in range(INCREMENTS):
            with self.lock:
                self.value += 1

    def add_by_call(self):
        for _ in range(INCREMENTS):
            self.value = successor(self.value)

    def add_by_call_locked(self):
        for _ in range(INCREMENTS):
            with self.lock:
                self.value = successor(self.value)


def count(name):
    counter = Counter()
    together(getattr(counter, name), 4)
    assert counter.value == 4 * INCREMENTS, counter.value


def increment_buggy():
    count("add")


def increment_fixed():
    count("add_locked")


def increment_by_call_buggy():
    count("add_by_call")


def increment_by_call_fixed():
    count("add_by_call_locked")


# -- two locks ----------------------------------------------------------------------------------
class Account:
    def __init__(self, number, balance):
        self.number = number
        self.balance = balance
        self.lock = threading.Lock()


def transfer(source, target, amount):
    with source.lock:
        with target.lock:
            source.balance -= amount
            target.balance += amount


def transfer_in_order(source, target, amount):
    first, second = sorted((source, target), key=lambda account: account.number)
    with first.lock:
        with second.lock:
            source.balance -= amount
            target.balance += amount


def lock_order(move):
    a, b = Account(1, 100), Account(2, 100)
    threads = [threading.Thread(target=move, args=(a, b, 10), daemon=True),
               threading.Thread(target=move, args=(b, a, 20), daemon=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (a.balance, b.balance) == (110, 90)


def lock_order_buggy():
    lock_order(transfer)


def lock_order_fixed():
    lock_order(transfer_in_order)


# -- check, then act --------------------------------------------------------------------------------
class Registry:
    def __init__(self):
        self.entries = {}
        self.made = []
        self.got = []
        self.lock = threading.Lock()

    def make(self):
        self.made.append(1)
        return object()

    def get(self):
        if "key" not in self.entries:
            self.entries["key"] = self.make()
        self.got.append(self.entries["key"])

    def get_locked(self):
        with self.lock:
            self.get()


def check_then_act_buggy():
    registry = Registry()
    together(registry.get, 4)
    assert len(registry.made) == 1, len(registry.made)


def check_then_act_fixed():
    registry = Registry()
    together(registry.get_locked, 4)
    assert len(registry.made) == 1, len(registry.made)


# -- Condition.wait under `if` ------------------------------------------------------------------------
class Buffer:
    def __init__(self):
        self.items = []
        self.changed = threading.Condition()

    def put(self, item):
        with self.changed:
            self.items.append(item)
            self.changed.notify()

    def take_if(self):
        with self.changed:
            if not self.items:
                self.changed.wait()
            return self.items.pop(0)

    def take_while(self):
        with self.changed:
            while not self.items:
                self.changed.wait()
            return self.items.pop(0)


def condition(name):
    buffer, got = Buffer(), []

    def consume():
        for _ in range(5):
            got.append(getattr(buffer, name)())

    def produce():
        for item in range(10):
            buffer.put(item)
    threads = [threading.Thread(target=target) for target in (consume, consume, produce)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == list(range(10)), got


def condition_if_buggy():
    condition("take_if")


def condition_if_fixed():
    condition("take_while")


# -- too few sentinels -----------------------------------------------------------------------------------
def sentinels(number):
    """Two producers, three consumers; with two sentinels one consumer waits for ever."""
    jobs, got = queue.Queue(), []

    def produce(first):
        for item in range(first, first + 5):
            jobs.put(item)

    def consume():
        while (item := jobs.get()) is not None:
            got.append(item)
    producers = [threading.Thread(target=produce, args=(first,)) for first in (0, 5)]
    consumers = [threading.Thread(target=consume, daemon=True) for _ in range(3)]
    for thread in producers + consumers:
        thread.start()
    for thread in producers:
        thread.join()
    for _ in range(number):
        jobs.put(None)
    for thread in consumers:
        thread.join()
    assert sorted(got) == list(range(10)), got


def sentinels_buggy():
    sentinels(2)


def sentinels_fixed():
    sentinels(3)


# -- a done-callback on shared state ----------------------------------------------------------------------
class Tally:
    def __init__(self):
        self.total = 0
        self.lock = threading.Lock()

    def count(self, future):
        seen = self.total
        self.total = seen + future.result()

    def count_locked(self, future):
        with self.lock:
            seen = self.total
            self.total = seen + future.result()


def pool_callback(name):
    tally = Tally()
    with ThreadPoolExecutor(4) as pool:
        for _ in range(100):
            pool.submit(int, "1").add_done_callback(getattr(tally, name))
    assert tally.total == 100, tally.total


def pool_callback_buggy():
    pool_callback("count")


def pool_callback_fixed():
    pool_callback("count_locked")


# -- a lazy singleton ------------------------------------------------------------------------------------------
class Config:
    instance = None
    lock = threading.Lock()

    def __init__(self):
        self.table = {number: str(number) for number in range(50)}

    @classmethod
    def get(cls):
        if cls.instance is None:
            cls.instance = cls()
        return cls.instance

    @classmethod
    def get_locked(cls):
        with cls.lock:
            return cls.get()


def singleton(get):
    Config.instance, got = None, []
    together(lambda: got.append(get()), 4)
    assert len({id(config) for config in got}) == 1


def singleton_buggy():
    singleton(Config.get)


def singleton_fixed():
    singleton(Config.get_locked)


# -- processes ---------------------------------------------------------------------------------------------------
def add_to_value(number, times):
    for _ in range(times):
        number.value += 1


def add_to_value_locked(number, times):
    for _ in range(times):
        with number.get_lock():
            number.value += 1


def in_two_processes(target, *arguments):
    processes = [multiprocessing.Process(target=target, args=arguments) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]


def shared_value(target):
    number, times = multiprocessing.Value("i", 0), 20000
    in_two_processes(target, number, times)
    assert number.value == 2 * times, number.value


def shared_value_buggy():
    shared_value(add_to_value)


def shared_value_fixed():
    shared_value(add_to_value_locked)


def add_to_file(path, lock, times):
    """Each increment: read the file, write another, put it in the file's place."""
    for _ in range(times):
        if lock is not None:
            lock.acquire()
        number = int(path.read_text())
        new = path.with_suffix(f".{os.getpid()}")
        new.write_text(str(number + 1))
        os.replace(new, path)
        if lock is not None:
            lock.release()


def counter_file(lock):
    times = 20
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "counter"
        path.write_text("0")
        in_two_processes(add_to_file, path, lock, times)
        assert path.read_text() == str(2 * times), path.read_text()


def counter_file_buggy():
    counter_file(None)


def counter_file_fixed():
    counter_file(multiprocessing.Lock())


PROGRAMS = {
    "counter_with_sleep": (counter_with_sleep_buggy, counter_with_sleep_fixed),
    "increment": (increment_buggy, increment_fixed),
    "increment_by_call": (increment_by_call_buggy, increment_by_call_fixed),
    "lock_order": (lock_order_buggy, lock_order_fixed),
    "check_then_act": (check_then_act_buggy, check_then_act_fixed),
    "condition_if": (condition_if_buggy, condition_if_fixed),
    "sentinels": (sentinels_buggy, sentinels_fixed),
    "pool_callback": (pool_callback_buggy, pool_callback_fixed),
    "singleton": (singleton_buggy, singleton_fixed),
    "shared_value": (shared_value_buggy, shared_value_fixed),
    "counter_file": (counter_file_buggy, counter_file_fixed),
}

PROCESSES = frozenset({"shared_value", "counter_file"})
NEEDS_SLEEPS = frozenset({"increment", "lock_order", "check_then_act", "condition_if"})
FAILS = dict.fromkeys(PROGRAMS, "assertion") | {"lock_order": "hang", "condition_if": "thread", "sentinels": "hang"}
