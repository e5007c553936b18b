"""Classic small programs with exactly known numbers.

Every program is a callable without arguments. Its shared state is a `State` (plain
attributes) and `threading.Lock`s held by local names. The scheduling points are

* each read and each write of an attribute of the `State` (`state.x = state.x + 1` is a
  read of x, then a write of x) and of an item of a list in it, where the docstring says so;
* acquire and release of a lock; start and join of a thread.

Nothing else is shared: local names, closures that are never rebound, lists with one slot
per task. Threads are started in the order of the call of `together` and joined in the
opposite order, and the main thread does nothing else meanwhile. An exception that leaves
a task ends the execution at once: no other task takes a further step.

`EXPECTED[name]` is Expected(classes, outcomes, preemptions):
* classes: the number of interleaving classes of a complete exploration (two accesses of one
  location depend on each other if one of them writes, two operations of one lock always;
  start and join are happens-before edges; passing, failing and deadlocked executions all
  count). None: too many to enumerate, or ambiguous, because the
  task that raises leaves concurrent operations of others undone, so that the number
  depends on how far those happened to be. Each such program has a twin, NAME_seen, that
  returns what was seen instead of raising; its number is exact.
* outcomes: the names of exceptions ("Deadlock" for a deadlock) and returned values that
  can occur, all of them.
* preemptions: the fewest of a failing schedule: switches away from a task that could have
  gone on, the main task included. None: no schedule fails.

All numbers were computed by brute force over the operations that the docstrings name.
Standard library only.
"""
import threading
from typing import NamedTuple


class State:
    """Shared attributes: every read and write of one is a scheduling point."""

    def __init__(self, **values):
        self.__dict__.update(values)


cells = list   # makes a list whose items are shared


def together(*targets):
    """A thread for each target: started in this order, joined in the opposite one."""
    threads = [threading.Thread(target=target) for target in targets]
    for thread in threads:
        thread.start()
    for thread in reversed(threads):
        thread.join()


def account():
    """Deposit, withdraw and a checker, each one section under one lock. Returns the balance.

    deposit, withdraw: acquire; read, write balance; write the flag; release.
    check: acquire; read deposited and, if true, withdrawn; if both, read balance; release.
    The checker's formula is wrong, so it fails exactly if it runs last.
    """
    state, lock = State(balance=1, deposited=False, withdrawn=False), threading.Lock()

    def deposit():
        with lock:
            state.balance = state.balance + 2
            state.deposited = True

    def withdraw():
        with lock:
            state.balance = state.balance - 4
            state.withdrawn = True

    def check():
        with lock:
            if state.deposited and state.withdrawn:
                assert state.balance == 1 - 2 - 4
    together(deposit, withdraw, check)
    return state.balance


def bluetooth():
    """A driver that is used while it is being stopped. Returns "done".

    use: read stopping; if false: acquire; read, write pending; release; read stopped and
    assert that it is false. Then, in any case, let go.
    stop: write stopping; let go; read idle and, if true, write stopped.
    let go: acquire; read, write pending; release; if it is now 0, write idle.
    """
    state, lock = State(pending=1, stopping=False, idle=False, stopped=False), threading.Lock()

    def let_go():
        with lock:
            left = state.pending - 1
            state.pending = left
        if left == 0:
            state.idle = True

    def stop():
        state.stopping = True
        let_go()
        if state.idle:
            state.stopped = True

    def use():
        if not state.stopping:
            with lock:
                state.pending = state.pending + 1
            assert not state.stopped
        let_go()
    together(stop, use)
    return "done"


def deadlock01():
    """Two locks in opposite orders. Returns the counter.

    up: acquire a, acquire b; read, write counter; release b, release a.
    down: acquire b, acquire a; read, write counter; release a, release b.
    """
    state, a, b = State(counter=1), threading.Lock(), threading.Lock()

    def up():
        with a:
            with b:
                state.counter = state.counter + 1

    def down():
        with b:
            with a:
                state.counter = state.counter - 1
    together(up, down)
    return state.counter


def lazy01():
    """+1, +2 and a checker, each one section under one lock. Returns the sum.

    add: acquire; read, write data; release. check: acquire; read data; release.
    Fails if the checker sees both additions.
    """
    state, lock = State(data=0), threading.Lock()

    def add_one():
        with lock:
            state.data = state.data + 1

    def add_two():
        with lock:
            state.data = state.data + 2

    def check():
        with lock:
            assert state.data < 3
    together(add_one, add_two, check)
    return state.data


def token_ring():
    """x1 = (x3 + 1) % 4; x2 = x1; x3 = x2 and a checker, each one section under one lock.

    step: acquire; read one x, write another, write the flag; release.
    check: acquire; read the flags until one is false; if all are true, read x1, x2 and,
    if these are equal, x3; release. Returns the three x.
    """
    state, lock = State(x1=1, x2=2, x3=1, done1=False, done2=False, done3=False), threading.Lock()

    def first():
        with lock:
            state.x1 = (state.x3 + 1) % 4
            state.done1 = True

    def second():
        with lock:
            state.x2 = state.x1
            state.done2 = True

    def third():
        with lock:
            state.x3 = state.x2
            state.done3 = True

    def check():
        with lock:
            if state.done1 and state.done2 and state.done3:
                assert state.x1 == state.x2 == state.x3
    together(first, second, third, check)
    return state.x1, state.x2, state.x3


def stringbuffer(raising=True):
    """Length, then copy, under two acquisitions; the other erases and appends, under two.

    change: twice: acquire; read, write count (0, then 3); release.
    copy: twice: acquire; read count; release. Then, without a scheduling point, IndexError
    if the second count is below the first. Returns "copied".
    """
    state, lock, seen = State(count=3), threading.Lock(), []

    def change():
        with lock:
            state.count = state.count - 3
        with lock:
            state.count = state.count + 3

    def copy():
        with lock:
            wanted = state.count
        with lock:
            there = state.count
        if raising and wanted > there:
            raise IndexError(wanted)
        seen.append((wanted, there))
    together(change, copy)
    return "copied" if raising else seen[0]


def stringbuffer_seen():
    """As stringbuffer, but returns (first count, second count) and never raises."""
    return stringbuffer(raising=False)


def reorder(setters, raising=True):
    """Setters write a = 1, then b = -1, without a lock; a checker wants (0, 0) or (1, -1).

    set: write a; write b.
    check: read a; if it is 0, read b, and if that is 0 it is content; else read a again; if
    that is 1, read b, and if that is -1 it is content; else AssertionError. Returns "content".
    """
    state, seen = State(a=0, b=0), []

    def put():
        state.a = 1
        state.b = -1

    def check():
        content = (state.a == 0 and state.b == 0) or (state.a == 1 and state.b == -1)
        assert content or not raising
        seen.append(content)
    together(*[put] * setters, check)
    return "content" if seen[0] else "torn"


def reorder_3():
    """Two setters and a checker; see reorder."""
    return reorder(2)


def reorder_5():
    """Four setters and a checker; see reorder."""
    return reorder(4)


def reorder_10():
    """Nine setters and a checker; see reorder."""
    return reorder(9)


def reorder_3_seen():
    """As reorder_3, but returns "content" or "torn" and never raises."""
    return reorder(2, raising=False)


# A work-stealing deque: its owner pushes and pops at the tail, thieves take from the head.
# Shared: head, tail, mask, items (the attribute) and each item of the list. The capacity
# test in `push` is off by one (`mask + 1` instead of `mask`).
def take_from_head(deque, lock):
    """Acquire; read head, write head; read tail; read the item or write head back; release."""
    with lock:
        head = deque.head
        deque.head = head + 1
        if head < deque.tail:
            mask = deque.mask
            return deque.items[head & mask]
        deque.head = head
        return None


def take_from_tail(deque, lock):
    """Read tail, write tail, read head; if they meet: put tail back and do it again under the lock."""
    tail = deque.tail - 1
    deque.tail = tail
    if deque.head <= tail:
        mask = deque.mask
        return deque.items[tail & mask]
    deque.tail = tail + 1
    with lock:
        tail = deque.tail - 1
        deque.tail = tail
        if deque.head <= tail:
            mask = deque.mask
            item = deque.items[tail & mask]
        else:
            item = None
            deque.tail = tail + 1
        if deque.head > tail:
            deque.head = 0
            deque.tail = 0
            item = None
        return item


def push(deque, lock, item):
    """Read tail, head, mask; write the item and tail, or, when full, grow under the lock."""
    tail = deque.tail
    if tail < deque.head + deque.mask + 1:
        mask = deque.mask
        deque.items[tail & mask] = item
        deque.tail = tail + 1
        return
    with lock:
        head = deque.head
        count = deque.tail - head
        mask = deque.mask
        head = head & mask
        deque.head = head
        deque.tail = head + count
        if count >= mask:
            grown = [None] * (2 * (mask + 1))
            old = deque.items
            for i in range(count):
                grown[i] = old[(head + i) & mask]
            deque.items = cells(grown)
            deque.mask = len(grown) - 1
            deque.head = 0
            deque.tail = count
        tail = deque.tail
        mask = deque.mask
        deque.items[tail & mask] = item
        deque.tail = tail + 1


def work_stealing():
    """The owner pushes 4 items and pops 4 times, one thief steals twice: is each item taken once?

    The owner is the main thread: start thief; twice: push, push, pop; pop, pop; join the thief.
    Returns the items taken, sorted; AssertionError if that is not (0, 1, 2, 3).
    """
    lock = threading.Lock()
    deque, stolen, taken = State(head=0, tail=0, mask=1, items=cells([None, None])), [], []

    def steal():
        for _ in range(2):
            stolen.append(take_from_head(deque, lock))
    thief = threading.Thread(target=steal)
    thief.start()
    for item in (0, 2):
        push(deque, lock, item)
        push(deque, lock, item + 1)
        taken.append(take_from_tail(deque, lock))
    for _ in range(2):
        taken.append(take_from_tail(deque, lock))
    thief.join()
    found = tuple(sorted(item for item in taken + stolen if item is not None))
    assert found == (0, 1, 2, 3), found
    return found


def readers(n):
    """One writer of x, n readers of x. Returns what each reader saw: 2 ** n classes."""
    def program():
        state, seen = State(x=0), [None] * n

        def write():
            state.x = 1

        def read(i):
            def run():
                seen[i] = state.x
            return run
        together(write, *[read(i) for i in range(n)])
        return tuple(seen)
    program.__doc__ = f"One writer and {n} readers of an attribute: 2 ** {n} classes."
    return program


def sections(tasks, each):
    """Tasks with so many sections each under one lock. Returns the order of the sections.

    A section: acquire; read, write order; release. As many classes as orders: the multinomial.
    """
    def program():
        state, lock = State(order=""), threading.Lock()

        def work(name):
            def run():
                for _ in range(each):
                    with lock:
                        state.order = state.order + name
            return run
        together(*[work("abc"[i]) for i in range(tasks)])
        return state.order
    program.__doc__ = f"{tasks} tasks, {each} sections each, under one lock; the order is returned."
    return program


PROGRAMS = {
    "account": account, "bluetooth": bluetooth, "deadlock01": deadlock01, "lazy01": lazy01, "token_ring": token_ring,
    "stringbuffer": stringbuffer, "stringbuffer_seen": stringbuffer_seen,
    "reorder_3": reorder_3, "reorder_3_seen": reorder_3_seen, "reorder_5": reorder_5, "reorder_10": reorder_10,
    "work_stealing": work_stealing,
    **{f"readers_{n}": readers(n) for n in range(1, 14)},
    **{f"sections_{n}x{k}": sections(n, k) for n, k in ((2, 1), (3, 1), (2, 2), (2, 3), (3, 2))},
}


class Expected(NamedTuple):
    classes: int | None
    outcomes: frozenset
    preemptions: int | None


def _all_words(length, letters):
    words = [()]
    for _ in range(length):
        words = [word + (letter,) for word in words for letter in letters]
    return words


def _section_orders(tasks, each):
    words = _all_words(tasks * each, "abc"[:tasks])
    return frozenset("".join(word) for word in words if all(word.count(name) == each for name in "abc"[:tasks]))


ERROR = "AssertionError"
EXPECTED = {
    "account": Expected(6, frozenset({-1, ERROR}), 0),
    "bluetooth": Expected(10, frozenset({"done", ERROR}), 1),
    "deadlock01": Expected(3, frozenset({1, "Deadlock"}), 1),
    "lazy01": Expected(6, frozenset({3, ERROR}), 0),
    "token_ring": Expected(24, frozenset({(2, 1, 1), (2, 2, 2), (3, 1, 2), (3, 3, 2), ERROR}), 0),
    "stringbuffer": Expected(6, frozenset({"copied", "IndexError"}), 2),
    "stringbuffer_seen": Expected(6, frozenset({(0, 0), (0, 3), (3, 0), (3, 3)}), None),
    "reorder_3": Expected(None, frozenset({"content", ERROR}), 1),
    "reorder_3_seen": Expected(56, frozenset({"content", "torn"}), None),
    "reorder_5": Expected(None, frozenset({"content", ERROR}), 1),
    "reorder_10": Expected(None, frozenset({"content", ERROR}), 1),
    "work_stealing": Expected(None, frozenset({(0, 1, 2, 3), ERROR}), 2),
    **{f"readers_{n}": Expected(2 ** n, frozenset(_all_words(n, (0, 1))), None) for n in range(1, 14)},
    "sections_2x1": Expected(2, _section_orders(2, 1), None),
    "sections_3x1": Expected(6, _section_orders(3, 1), None),
    "sections_2x2": Expected(6, _section_orders(2, 2), None),
    "sections_2x3": Expected(20, _section_orders(2, 3), None),
    "sections_3x2": Expected(90, _section_orders(3, 2), None),
}
