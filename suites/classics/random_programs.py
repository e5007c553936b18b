"""Small random concurrent programs: two or three tasks that do one to four things each to a few shared objects.

`program(seed)` is a callable without arguments, `describe(seed)` the same as text. A program returns what each
task saw, and what the objects were in the end; it never raises, but may deadlock. What a task does is a list of
(operation, thing, argument), done one after the other by `_perform`, so that ordinary watched code makes each access.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from random import Random

EXPECTED = (queue.Empty, queue.Full, KeyError, IndexError, RuntimeError, ValueError, threading.BrokenBarrierError)


class Box:
    """Something with attributes."""

    kind = 0

    def __init__(self):
        self.n = 0


class Seen:
    """What one task has seen; no other task looks at it before that task is over."""

    def __init__(self):
        self.value = ()


def _once(condition, _):
    with condition:
        return condition.wait()


def _for_a_while(condition, timeout):
    with condition:
        return condition.wait(timeout)


def _notify(condition, count):
    with condition:
        condition.notify(count)


def _notify_all(condition, _):
    with condition:
        condition.notify_all()


def _section(lock, box):
    with lock:
        box.n += 1
        return box.n


def _twice(lock, box):
    with lock, lock:
        box.n += 1


def _if_free(lock, box):
    if lock.acquire(blocking=False):
        box.n += 1
        lock.release()
        return True
    return False


def _if_soon(lock, timeout):
    if lock.acquire(timeout=timeout):
        lock.release()
        return True
    return False


def _asleep(lock, seconds):
    with lock:
        time.sleep(seconds)


def _write(box, value):
    box.n = value


def _add(box, _):
    box.n += 1


def _class_write(_, value):
    Box.kind = value


def _set_item(table, pair):
    table[pair[0]] = pair[1]


def _add_item(table, key):
    table[key] += 1


def _del_item(table, key):
    del table[key]


def _loop(items, _):
    found = ()
    for item in items:
        found = (*found, item)
    return found


def _loop_items(table, _):
    found = ()
    for item in table.items():
        found = (*found, item)
    return found


def _job(_, box):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(_add, box, None).result()


def _look_and_take(jobs, _):
    return None if jobs.empty() else jobs.get_nowait()


NUMBERS = (1, 2, 3)
SECONDS = (0.5, 1.0)
QUEUE = [
    ("put", lambda q, n: q.put(n), NUMBERS),
    ("get", lambda q, _: q.get(), (None,)),
    ("put_nowait", lambda q, n: q.put_nowait(n), NUMBERS),
    ("get_nowait", lambda q, _: q.get_nowait(), (None,)),
    ("get(timeout)", lambda q, s: q.get(timeout=s), SECONDS),
    ("empty", lambda q, _: q.empty(), (None,)),
    ("qsize", lambda q, _: q.qsize(), (None,)),
    ("take unless empty", _look_and_take, (None,)),
]
BOUNDED = [
    ("put", lambda q, n: q.put(n), NUMBERS),
    ("get", lambda q, _: q.get(), (None,)),
    ("put(timeout)", lambda q, n: q.put(n, timeout=0.5), NUMBERS),
    ("full", lambda q, _: q.full(), (None,)),
    ("task_done", lambda q, _: q.task_done(), (None,)),
    ("join", lambda q, _: q.join(), (None,)),
    *QUEUE,
]
LOCK = [
    ("section", _section, ("box",)),
    ("if free", _if_free, ("box",)),
    ("if soon", _if_soon, SECONDS),
    ("locked", lambda lock, _: lock.locked(), (None,)),
    ("acquire", lambda lock, _: lock.acquire(), (None,)),
    ("release", lambda lock, _: lock.release(), (None,)),
    ("asleep", _asleep, SECONDS),
]
FAMILIES = {
    "box": (
        Box,
        [
            ("read", lambda box, _: box.n, (None,)),
            ("write", _write, NUMBERS),
            ("add", _add, (None,)),
            ("hasattr", lambda box, name: hasattr(box, name), ("n", "m")),
            ("setattr", lambda box, n: setattr(box, "m", n), NUMBERS),
            ("write to the class", _class_write, NUMBERS),
            ("read through the instance", lambda box, _: box.kind, (None,)),
        ],
    ),
    "dict": (
        lambda: {0: 0, 1: 0},
        [
            ("get item", lambda table, key: table[key], NUMBERS),
            ("set item", _set_item, ((0, 5), (1, 6), (2, 7), (3, 8))),
            ("add to item", _add_item, (0, 1, 2)),
            ("del item", _del_item, (0, 1)),
            ("len", lambda table, _: len(table), (None,)),
            ("in", lambda table, key: key in table, NUMBERS),
            ("loop", _loop, (None,)),
            ("loop over items", _loop_items, (None,)),
            ("get", lambda table, key: table.get(key), NUMBERS),
            ("pop", lambda table, key: table.pop(key, None), NUMBERS),
            ("setdefault", lambda table, key: table.setdefault(key, 9), NUMBERS),
            ("list", lambda table, _: tuple(table), (None,)),
        ],
    ),
    "list": (
        lambda: [0, 1],
        [
            ("append", lambda items, n: items.append(n), NUMBERS),
            ("pop", lambda items, _: items.pop(), (None,)),
            ("pop first", lambda items, _: items.pop(0), (None,)),
            ("last", lambda items, _: items[-1], (None,)),
            ("first", lambda items, _: items[0], (None,)),
            ("set first", lambda items, n: items.__setitem__(0, n), NUMBERS),
            ("set last", lambda items, n: _set_item(items, (-1, n)), NUMBERS),
            ("loop", _loop, (None,)),
            ("len", lambda items, _: len(items), (None,)),
            ("in", lambda items, n: n in items, NUMBERS),
            ("slice", lambda items, _: tuple(items[1:]), (None,)),
            ("sum", lambda items, _: sum(items), (None,)),
        ],
    ),
    "deque": (
        lambda: deque([0, 1]),
        [
            ("append", lambda items, n: items.append(n), NUMBERS),
            ("popleft", lambda items, _: items.popleft(), (None,)),
            ("loop", _loop, (None,)),
            ("last", lambda items, _: items[-1], (None,)),
        ],
    ),
    "lock": (threading.Lock, LOCK),
    "rlock": (
        threading.RLock,
        [("twice", _twice, ("box",)), *(each for each in LOCK if each[0] not in ("locked",))],
    ),
    "semaphore": (
        lambda: threading.Semaphore(1),
        [
            ("acquire", lambda s, _: s.acquire(), (None,)),
            ("release", lambda s, _: s.release(), (None,)),
            ("try", lambda s, _: s.acquire(blocking=False), (None,)),
            ("acquire(timeout)", lambda s, t: s.acquire(timeout=t), SECONDS),
            ("section", _section, ("box",)),
        ],
    ),
    "bounded semaphore": (
        lambda: threading.BoundedSemaphore(2),
        [
            ("acquire", lambda s, _: s.acquire(), (None,)),
            ("release", lambda s, _: s.release(), (None,)),
            ("release two", lambda s, _: s.release(2), (None,)),
            ("try", lambda s, _: s.acquire(blocking=False), (None,)),
        ],
    ),
    "condition": (
        threading.Condition,
        [
            ("wait", _once, (None,)),
            ("wait(timeout)", _for_a_while, SECONDS),
            ("notify", _notify, (1, 2)),
            ("notify_all", _notify_all, (None,)),
            ("section", _section, ("box",)),
        ],
    ),
    "event": (
        threading.Event,
        [
            ("set", lambda e, _: e.set(), (None,)),
            ("clear", lambda e, _: e.clear(), (None,)),
            ("is_set", lambda e, _: e.is_set(), (None,)),
            ("wait", lambda e, _: e.wait(), (None,)),
            ("wait(timeout)", lambda e, s: e.wait(s), SECONDS),
        ],
    ),
    "queue": (queue.Queue, QUEUE),
    "queue of one": (lambda: queue.Queue(1), BOUNDED),
    "lifo": (queue.LifoQueue, QUEUE),
    "priority": (queue.PriorityQueue, QUEUE),
    "simple": (queue.SimpleQueue, QUEUE),
    "sleep": (
        lambda: None,
        [
            ("sleep", lambda _, s: time.sleep(s), SECONDS),
            ("sleep(0)", lambda _, s: time.sleep(0), (None,)),
            ("clock", lambda _, s: time.monotonic(), (None,)),
        ],
    ),
    "threads": (
        list,
        [
            ("is_alive", lambda threads, number: threads[number].is_alive(), (0, 1)),
            ("join(timeout)", lambda threads, number: threads[number].join(0.5), (0, 1)),
        ],
    ),
    "pool": (lambda: None, [("job", _job, ("box",))]),
    "barrier": (lambda: threading.Barrier(2), [("wait", lambda b, _: b.wait(), (None,))]),
}
LENGTHS = {2: ((1, 1), (1, 2), (2, 2), (2, 1), (1, 3), (3, 2), (4, 1)), 3: ((1, 1, 1), (1, 1, 1), (2, 1, 1))}
RARE = ("pool", "barrier", "bounded semaphore")


def script(seed):
    """What each task does: a list of (family, index of the operation, argument) for each task; the last is main's."""
    random = Random(seed)
    common = [name for name in FAMILIES if name not in RARE or random.random() < 0.2]
    families = random.sample(common, random.choice((1, 1, 2)))
    if families == ["sleep"]:
        families = ["sleep", "box"]
    tasks = random.choice((2, 2, 2, 3))
    lengths = random.choice(LENGTHS[tasks])
    steps = [[_step(random, random.choice(families)) for _ in range(length)] for length in lengths]
    return steps, [_step(random, random.choice(families))] if random.random() < 0.15 else []


def _step(random, family):
    operations = FAMILIES[family][1]
    index = random.randrange(len(operations))
    return family, index, random.choice(operations[index][2])


def describe(seed):
    """The program as text, a line for each task."""
    tasks, main = script(seed)
    named = [*((f"task {number}", steps) for number, steps in enumerate(tasks)), ("main", main)]
    return "\n".join(f"{name}: {'; '.join(_in_words(*step) for step in steps)}" for name, steps in named)


def _in_words(family, index, argument):
    return f"{family} {FAMILIES[family][1][index][0]}" + ("" if argument is None else f" {argument!r}")


def program(seed):
    """A random program: a callable without arguments."""
    tasks, main = script(seed)

    def run():
        return _run(tasks, main)

    run.__qualname__ = f"program_{seed}"
    return run


def _run(tasks, main):
    used = sorted({"box", *(step[0] for steps in (*tasks, main) for step in steps)})
    things = {family: FAMILIES[family][0]() for family in used}
    Box.kind = 0
    seen = [Seen() for _ in (*tasks, main)]
    resolved = [tuple(_resolved(step, things) for step in steps) for steps in (*tasks, main)]
    threads = tuple(threading.Thread(target=_perform, args=pair) for pair in zip(resolved[:-1], seen[:-1], strict=True))
    if "threads" in things:
        things["threads"].extend(threads)
    for thread in threads:
        thread.start()
    _perform(resolved[-1], seen[-1])
    for thread in threads:
        thread.join()
    return (*(each.value for each in seen), *(_end_state(things[family]) for family in used))


def _resolved(step, things):
    family, index, argument = step
    return FAMILIES[family][1][index][1], things[family], things["box"] if argument == "box" else argument


def _perform(steps, seen):
    got = ()
    for operation, thing, argument in steps:
        try:
            got = (*got, operation(thing, argument))
        except EXPECTED as error:
            got = (*got, type(error).__name__)
    seen.value = got


def _end_state(thing):
    if isinstance(thing, Box):
        return tuple(sorted(vars(thing).items())), Box.kind
    if isinstance(thing, list | deque):
        return tuple(item for item in thing if isinstance(item, int))
    if isinstance(thing, dict):
        return tuple(thing.items())
    if isinstance(thing, queue.SimpleQueue):
        return thing.qsize()
    if isinstance(thing, queue.Queue):
        return tuple(thing.get() for _ in range(thing.qsize()))
    return None
