"""Fifteen small threaded programs: the bugs on which explorers of interleavings are usually compared.

`PROGRAMS` maps a name to (buggy, fixed), two callables without arguments. Each call makes
its own state, starts its own threads and joins them. In some interleaving `buggy` raises
AssertionError, or deadlocks, or an exception leaves one of its threads (`HOW` says which);
no interleaving of `fixed` fails. An exception that leaves a thread counts as the program's
failure: plain Python prints it and goes on, an explorer has to report it.

`PREEMPTIONS` gives, where it is exactly known, the fewest preemptions of a failing schedule
(a switch away from a task that could have gone on, the main task included); `CLASSES` the
number of interleaving classes of buggy in a complete exploration that goes on after failures.
Both were computed by brute force, for the programs that need only memory and locks.
Standard library only.
"""
import queue
import threading
import time
from concurrent.futures import ThreadPoolExecutor


def together(*targets):
    """Run each target in a thread of its own and wait for all of them."""
    threads = [threading.Thread(target=target) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# -- a global counter with a sleep between read and write ------------------------------
total = 0


def global_counter_buggy():
    global total
    total = 100

    def take():
        global total
        seen = total
        time.sleep(0.001)
        total = seen - 1
    together(take, take, take)
    assert total == 97, total


def global_counter_fixed():
    global total
    total = 100
    lock = threading.Lock()

    def take():
        global total
        with lock:
            seen = total
            time.sleep(0.001)
            total = seen - 1
    together(take, take, take)
    assert total == 97, total


# -- self.value += 1 ---------------------------------------------------------------------
class Counter:
    def __init__(self):
        self.value = 0
        self.lock = threading.Lock()

    def add(self):
        self.value += 1

    def add_locked(self):
        with self.lock:
            self.value += 1

    def add_twice(self):
        for _ in range(2):
            self.value = self.value + 1

    def add_twice_locked(self):
        for _ in range(2):
            with self.lock:
                self.value = self.value + 1


def increment_buggy():
    counter = Counter()
    together(counter.add, counter.add)
    assert counter.value == 2, counter.value


def increment_fixed():
    counter = Counter()
    together(counter.add_locked, counter.add_locked)
    assert counter.value == 2, counter.value


def three_by_two_buggy():
    counter = Counter()
    together(counter.add_twice, counter.add_twice, counter.add_twice)
    assert counter.value == 6, counter.value


def three_by_two_fixed():
    counter = Counter()
    together(counter.add_twice_locked, counter.add_twice_locked, counter.add_twice_locked)
    assert counter.value == 6, counter.value


# -- two locks in opposite orders --------------------------------------------------------
class Account:
    def __init__(self, number, balance):
        self.number = number
        self.balance = balance
        self.lock = threading.Lock()


def transfer(first, second, source, target, amount):
    """Move amount from source to target, locking first and then second."""
    with first.lock:
        with second.lock:
            source.balance -= amount
            target.balance += amount


def lock_order_buggy():
    a, b = Account(1, 100), Account(2, 100)
    together(lambda: transfer(a, b, a, b, 10), lambda: transfer(b, a, b, a, 20))
    assert (a.balance, b.balance) == (110, 90)


def lock_order_fixed():
    a, b = Account(1, 100), Account(2, 100)
    together(lambda: transfer(a, b, a, b, 10), lambda: transfer(a, b, b, a, 20))
    assert (a.balance, b.balance) == (110, 90)


# -- check, then act, on a dict -----------------------------------------------------------
class Registry:
    def __init__(self):
        self.entries = {}
        self.made = 0
        self.lock = threading.Lock()

    def make(self):
        self.made += 1
        return object()

    def get(self):
        if "key" not in self.entries:
            self.entries["key"] = self.make()
        return self.entries["key"]

    def get_locked(self):
        with self.lock:
            if "key" not in self.entries:
                self.entries["key"] = self.make()
            return self.entries["key"]


def check_then_act_buggy():
    registry, got = Registry(), []
    together(lambda: got.append(registry.get()), lambda: got.append(registry.get()))
    assert got[0] is got[1]


def check_then_act_fixed():
    registry, got = Registry(), []
    together(lambda: got.append(registry.get_locked()), lambda: got.append(registry.get_locked()))
    assert got[0] is got[1] and registry.made == 1


# -- `if` instead of `while` before Condition.wait -------------------------------------------
class Buffer:
    def __init__(self):
        self.changed = threading.Condition()
        self.items = []
        self.got = []

    def put_two(self):
        for item in range(2):
            with self.changed:
                self.items.append(item)
                self.changed.notify()

    def take_if(self):
        with self.changed:
            if not self.items:
                self.changed.wait()
            self.got.append(self.items.pop(0))

    def take_while(self):
        with self.changed:
            while not self.items:
                self.changed.wait()
            self.got.append(self.items.pop(0))


def condition_if_buggy():
    buffer = Buffer()
    together(buffer.take_if, buffer.take_if, buffer.put_two)
    assert sorted(buffer.got) == [0, 1], buffer.got


def condition_if_fixed():
    buffer = Buffer()
    together(buffer.take_while, buffer.take_while, buffer.put_two)
    assert sorted(buffer.got) == [0, 1], buffer.got


# -- one sentinel for two consumers -------------------------------------------------------
def produce_and_consume(sentinels):
    """Two producers, two consumers; so many sentinels; fewer than two: one consumer waits for ever."""
    jobs, got = queue.Queue(), []

    def produce(item, ends):
        jobs.put(item)
        for _ in range(ends):
            jobs.put(None)

    def consume():
        while True:
            item = jobs.get()
            if item is None:
                return
            got.append(item)
    producers = [threading.Thread(target=produce, args=(1, 1)), threading.Thread(target=produce, args=(2, sentinels - 1))]
    consumers = [threading.Thread(target=consume, daemon=True) for _ in range(2)]
    for thread in producers + consumers:
        thread.start()
    for thread in producers + consumers:
        thread.join()
    assert sorted(got) == [1, 2], got


def sentinels_buggy():
    produce_and_consume(1)


def sentinels_fixed():
    """The last thing in the queue is a sentinel, so every item is taken before the last consumer stops."""
    produce_and_consume(2)


# -- a done-callback of a pool on shared state ---------------------------------------------
class Tally:
    def __init__(self):
        self.done = 0
        self.lock = threading.Lock()

    def count(self, future):
        seen = self.done
        self.done = seen + future.result()

    def count_locked(self, future):
        with self.lock:
            seen = self.done
            self.done = seen + future.result()


def count_in_a_pool(callback):
    with ThreadPoolExecutor(2) as pool:
        for _ in range(2):
            pool.submit(int, "1").add_done_callback(callback)


def pool_callback_buggy():
    tally = Tally()
    count_in_a_pool(tally.count)
    assert tally.done == 2, tally.done


def pool_callback_fixed():
    tally = Tally()
    count_in_a_pool(tally.count_locked)
    assert tally.done == 2, tally.done


# -- threads which the code under test starts by itself ------------------------------------
class Adder(threading.Thread):
    """A thread of a class of the code's own."""

    def __init__(self, counter, add):
        super().__init__(name="adder")
        self.counter = counter
        self.add = add

    def run(self):
        self.add()


def count_with_own_threads(counter, add):
    """Code under test: that it works with threads is its own affair."""
    adders = [Adder(counter, add) for _ in range(2)]
    for adder in adders:
        adder.start()
    for adder in adders:
        adder.join()
    return counter.value


def own_threads_buggy():
    counter = Counter()
    assert count_with_own_threads(counter, counter.add) == 2


def own_threads_fixed():
    counter = Counter()
    assert count_with_own_threads(counter, counter.add_locked) == 2


# -- lazy singletons -------------------------------------------------------------------------
class Config:
    """Something that is complete only once `ready` is set."""


class Lazy:
    def __init__(self):
        self.instance = None
        self.made = 0
        self.lock = threading.Lock()

    def make(self):
        self.made += 1
        return Config()

    def get_checked_once(self):
        if self.instance is None:
            with self.lock:
                self.instance = self.make()
        return self.instance

    def get_checked_twice(self):
        if self.instance is None:
            with self.lock:
                if self.instance is None:
                    self.instance = self.make()
        return self.instance

    def get_published_early(self):
        if self.instance is None:
            with self.lock:
                if self.instance is None:
                    self.instance = self.make()
                    self.instance.ready = True
        return self.instance

    def get_published_late(self):
        if self.instance is None:
            with self.lock:
                if self.instance is None:
                    made = self.make()
                    made.ready = True
                    self.instance = made
        return self.instance


def singleton_buggy():
    lazy = Lazy()
    together(lazy.get_checked_once, lazy.get_checked_once)
    assert lazy.made == 1, lazy.made


def singleton_fixed():
    lazy = Lazy()
    together(lazy.get_checked_twice, lazy.get_checked_twice)
    assert lazy.made == 1, lazy.made


def use(get, seen):
    seen.append(hasattr(get(), "ready"))


def early_published_buggy():
    lazy, seen = Lazy(), []
    together(lambda: use(lazy.get_published_early, seen), lambda: use(lazy.get_published_early, seen))
    assert all(seen), seen


def early_published_fixed():
    lazy, seen = Lazy(), []
    together(lambda: use(lazy.get_published_late, seen), lambda: use(lazy.get_published_late, seen))
    assert all(seen), seen


# -- bugs that need several preemptions -------------------------------------------------------
class Relay:
    """Windows inside windows: the last one sees something only if all of them are open."""

    def __init__(self):
        self.a = self.b = self.c = 0
        self.seen = False
        self.x = 0
        self.lock = threading.RLock()

    def open_a(self):
        self.a = 1
        self.a = 0

    def open_b(self):
        if self.a == 1:
            self.b = 1
            self.b = 0

    def open_c(self):
        if self.b == 1:
            self.c = 1
            self.c = 0

    def look_at_b(self):
        if self.b == 1:
            self.seen = True

    def look_at_c(self):
        if self.c == 1:
            self.seen = True

    def even(self):
        for turn in (0, 2, 4):
            if self.x != turn:
                return
            self.x = turn + 1

    def odd(self):
        for turn in (1, 3, 5):
            if self.x != turn:
                return
            self.x = turn + 1

    def locked(self, action):
        """The action as one critical section."""
        def run():
            with self.lock:
                action()
        return run


def two_preemptions_buggy():
    relay = Relay()
    together(relay.open_a, relay.open_b, relay.look_at_b)
    assert not relay.seen


def two_preemptions_fixed():
    relay = Relay()
    together(relay.locked(relay.open_a), relay.locked(relay.open_b), relay.locked(relay.look_at_b))
    assert not relay.seen


def three_preemptions_buggy():
    relay = Relay()
    together(relay.open_a, relay.open_b, relay.open_c, relay.look_at_c)
    assert not relay.seen


def three_preemptions_fixed():
    relay = Relay()
    together(*[relay.locked(action) for action in (relay.open_a, relay.open_b, relay.open_c, relay.look_at_c)])
    assert not relay.seen


def six_turns_buggy():
    """Fails only if the two take turns six times."""
    relay = Relay()
    together(relay.even, relay.odd)
    assert relay.x != 6


def six_turns_fixed():
    relay = Relay()
    together(relay.locked(relay.even), relay.locked(relay.odd))
    assert relay.x != 6


# -- the order of two critical sections --------------------------------------------------------
class Resource:
    def __init__(self):
        self.lock = threading.Lock()
        self.closed = False
        self.used_after_close = False

    def use(self):
        with self.lock:
            if self.closed:
                self.used_after_close = True

    def use_if_open(self):
        with self.lock:
            if not self.closed:
                self.used_after_close = self.closed

    def close(self):
        with self.lock:
            self.closed = True


def section_order_buggy():
    """Well locked, but nothing says that `use` comes before `close`."""
    resource = Resource()
    together(resource.use, resource.close)
    assert not resource.used_after_close


def section_order_fixed():
    resource = Resource()
    together(resource.use_if_open, resource.close)
    assert not resource.used_after_close


PROGRAMS = {
    "global_counter": (global_counter_buggy, global_counter_fixed),
    "increment": (increment_buggy, increment_fixed),
    "three_by_two": (three_by_two_buggy, three_by_two_fixed),
    "lock_order": (lock_order_buggy, lock_order_fixed),
    "check_then_act": (check_then_act_buggy, check_then_act_fixed),
    "condition_if": (condition_if_buggy, condition_if_fixed),
    "sentinels": (sentinels_buggy, sentinels_fixed),
    "pool_callback": (pool_callback_buggy, pool_callback_fixed),
    "own_threads": (own_threads_buggy, own_threads_fixed),
    "singleton": (singleton_buggy, singleton_fixed),
    "early_published": (early_published_buggy, early_published_fixed),
    "two_preemptions": (two_preemptions_buggy, two_preemptions_fixed),
    "three_preemptions": (three_preemptions_buggy, three_preemptions_fixed),
    "six_turns": (six_turns_buggy, six_turns_fixed),
    "section_order": (section_order_buggy, section_order_fixed),
}

HOW = dict.fromkeys(PROGRAMS, ("AssertionError",)) | {
    "lock_order": ("Deadlock",),
    "condition_if": ("IndexError",),      # leaves a consumer's thread
    "sentinels": ("Deadlock", "Starved"),  # in every interleaving
}

PREEMPTIONS = {
    "increment": 1, "own_threads": 1, "three_by_two": 1, "lock_order": 1, "singleton": 1, "two_preemptions": 2,
    "three_preemptions": 3, "six_turns": 4, "section_order": 0,
}

CLASSES = {
    "increment": 4, "own_threads": 4, "lock_order": 3, "singleton": 6, "two_preemptions": 5, "three_preemptions": 7,
    "six_turns": 6, "section_order": 2,
}
