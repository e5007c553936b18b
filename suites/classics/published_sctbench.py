"""Programs rewritten from two suites for C, SCTBench and SV-COMP. Facts are theirs, the text is our own.

`PROGRAMS` maps a name to (buggy, fixed), two callables without arguments; `HOW` says as what `buggy` fails in some
interleaving. No interleaving of `fixed` fails. Standard library only.

* SCTBench: Thomson, Donaldson, Betts, "Concurrency Testing Using Schedule Bounding: an Empirical Study", PPoPP 2014,
  and "Concurrency Testing Using Controlled Schedulers", TOPC 2016. It gathers the programs CS/* (Cordeiro and Fischer,
  "Verifying Multi-threaded Software using SMT-based Context-Bounded Model Checking", ICSE 2011), Inspect/* (Yang,
  Chen, Gopalakrishnan, "Inspect", University of Utah, 2008) and others.
* SV-COMP, concurrency category: Beyer, "Second Competition on Software Verification", TACAS 2013.
"""

import threading

from suites.classics.pairs import Shared, pair, together


# -- SCTBench, CS/* ----------------------------------------------------------------------------------------------------
def twostage(fixed):
    """A value is computed in two stages, each under its own lock; a reader sees the first without the second.

    SCTBench CS/twostage; the bug pattern is of Farchi, Nir, Ur, "Concurrent Bug Patterns", IPDPS 2003.
    """
    shared, first, second = Shared(a=0, b=0), threading.Lock(), threading.Lock()
    whole = threading.Lock()

    def write():
        with first:
            shared.a = 1
        with second:
            shared.b = shared.a + 1

    def read():
        with first:
            seen = shared.a
        if seen:
            with second:
                assert shared.b == seen + 1

    def alone(action):
        def run():
            with whole:
                action()

        return run

    together(*([alone(write), alone(read)] if fixed else [write, read]))


def guarded_by(fixed, others):
    """One task looks twice at a value under its lock, `others` change it under another lock."""
    shared, right, wrong = Shared(value=0), threading.Lock(), threading.Lock()

    def look():
        with right:
            seen = shared.value
            shared.value = seen + 1
            assert shared.value == seen + 1

    def change():
        with right if fixed else wrong:
            shared.value = shared.value + 1

    together(look, *[change] * others)


def wronglock(fixed):
    """The value is guarded by two different locks, that is by none. SCTBench CS/wronglock, smallest size."""
    guarded_by(fixed, others=1)


def wronglock_3(fixed):
    """As `wronglock`, with three tasks that take the wrong lock. SCTBench CS/wronglock_3."""
    guarded_by(fixed, others=3)


def carter01(fixed):
    """The first of a group takes a lock for the group and the last gives it back; the other group waits for it while
    holding the lock that both need for counting. SCTBench CS/carter01.
    """
    shared, counting, working = Shared(a=0, b=0), threading.Lock(), threading.Lock()
    counting_b = threading.Lock() if fixed else counting

    def group_a():
        with counting:
            shared.a += 1
            if shared.a == 1:
                working.acquire()
        with counting:
            shared.a -= 1
            if shared.a == 0:
                working.release()

    def group_b():
        with counting_b:
            shared.b += 1
            if shared.b == 1:
                working.acquire()
        with counting_b:
            shared.b -= 1
            if shared.b == 0:
                working.release()

    together(group_a, group_b)


def circular_buffer(fixed):
    """Sender and receiver take turns by two flags and skip a turn that is not theirs, but compare what they get with
    the number of their round. SCTBench CS/circular_buffer, three rounds.
    """
    shared, lock = Shared(items=[], may_send=True, may_receive=False, received=0), threading.Lock()

    def send():
        for number in range(3):
            with lock:
                if shared.may_send:
                    shared.items.append(len(shared.items) if fixed else number)
                    shared.may_send, shared.may_receive = False, True

    def receive():
        for number in range(3):
            with lock:
                if shared.may_receive:
                    assert shared.items[shared.received] == (shared.received if fixed else number)
                    shared.received += 1
                    shared.may_send, shared.may_receive = True, False

    together(send, receive)


def stack(fixed):
    """The consumer looks at a flag that is never taken back, not at the height. SCTBench CS/stack."""
    shared, lock = Shared(items=[], pushed=False), threading.Lock()

    def push():
        for item in range(2):
            with lock:
                shared.items.append(item)
                shared.pushed = True

    def pop():
        for _ in range(2):
            with lock:
                if shared.items if fixed else shared.pushed:
                    shared.items.pop()

    together(push, pop)


def philosophers_3(fixed):
    """Three philosophers, each takes the left fork first. SCTBench CS/din_phil3 (Dijkstra 1965)."""
    forks = [threading.Lock() for _ in range(3)]

    def philosopher(seat):
        left, right = seat, (seat + 1) % 3
        first, second = sorted([left, right]) if fixed else (left, right)

        def eat():
            with forks[first], forks[second]:
                pass

        return eat

    together(*map(philosopher, range(3)))


# -- SCTBench, Inspect/* and others ------------------------------------------------------------------------------------
def bounded_buffer(fixed):
    """One condition for "not full" and "not empty", and only one waiter is woken: it may be one that cannot go on.

    SCTBench Inspect/boundedBuffer; two producers and two consumers at a buffer with one place.
    """
    items, changed = [], threading.Condition()

    def put():
        with changed:
            while len(items) == 1:
                changed.wait()
            items.append(1)
            changed.notify(4 if fixed else 1)

    def get():
        with changed:
            while not items:
                changed.wait()
            items.pop()
            changed.notify(4 if fixed else 1)

    together(get, get, put, put)


def rax(fixed):
    """A task compares the count of events with the one it has seen, outside the lock, and then waits: an event that
    comes in between is lost. Remote Agent of Deep Space 1: Havelund, Lowry, Penix, TSE 2001; SIR's raxextended.
    """
    shared, changed = Shared(count=0), threading.Condition()

    def signal():
        with changed:
            shared.count += 1
            changed.notify_all()

    def plan():
        if fixed:
            with changed:
                changed.wait_for(lambda: shared.count)
        elif not shared.count:
            with changed:
                changed.wait()

    together(plan, signal)


class SafeStack:
    """Vyukov's lock-free stack of indices: the emptied item is marked, the top is swapped. Every atomic step is one
    section under a lock.
    """

    def __init__(self):
        self.following = [1, 2, -1]
        self.top = 0
        self.count = 3
        self.atomic = threading.Lock()

    def exchange(self, index, value):
        with self.atomic:
            before, self.following[index] = self.following[index], value
            return before

    def swap_top(self, expected, value):
        with self.atomic:
            if self.top != expected:
                return False
            self.top = value
            return True

    def change_count(self, by):
        with self.atomic:
            self.count += by

    def pop(self):
        """An index that nobody else has, or -1 if there was none, or too much went on."""
        for _ in range(2):
            if self.count <= 1:
                return -1
            top = self.top
            following = self.exchange(top, -1)
            if following >= 0:
                if self.swap_top(top, following):
                    self.change_count(-1)
                    return top
                self.exchange(top, following)
        return -1

    def push(self, index):
        while True:
            top = self.top
            self.exchange(index, top)
            if self.swap_top(top, index):
                return self.change_count(1)


def safestack(fixed):
    """An item comes back to the top between the look at it and the swap, so that two tasks pop the same one. Needs
    three tasks and five preemptions; the hardest program of SCTBench (D. Vyukov, 2010, for Relacy).
    """
    stack, owners, lock = SafeStack(), [0, 0, 0], threading.Lock()

    def use():
        for _ in range(2):
            index = stack.pop()
            if index >= 0:
                owners[index] += 1
                assert owners[index] == 1
                owners[index] -= 1
                stack.push(index)

    def use_alone():
        with lock:
            use()

    together(*[use_alone if fixed else use] * 3)


# -- SV-COMP -----------------------------------------------------------------------------------------------------------
def fib_bench(fixed):
    """Two tasks add the other's number to their own, three times; only a strict alternation reaches the eighth
    Fibonacci number, which is declared impossible (mended: the ninth). SV-COMP pthread/fib_bench.
    """
    shared = Shared(i=1, j=1)
    impossible = 34 if fixed else 21

    def add_to_i():
        for _ in range(3):
            shared.i = shared.i + shared.j

    def add_to_j():
        for _ in range(3):
            shared.j = shared.j + shared.i

    together(add_to_i, add_to_j)
    assert max(shared.i, shared.j) < impossible


def peterson(fixed):
    """Each task looks at the other's flag before it raises its own, so both may enter. SV-COMP pthread-atomic (Peterson
    1981), without the loop: who sees the other's flag gives up.
    """
    flags, inside = Shared(a=False, b=False), Shared(count=0, most=0)

    def enter(mine, other):
        def run():
            if fixed:
                setattr(flags, mine, True)
            if getattr(flags, other):
                return
            setattr(flags, mine, True)
            inside.count = inside.count + 1
            assert inside.count == 1
            inside.count = inside.count - 1
            setattr(flags, mine, False)

        return run

    together(enter("a", "b"), enter("b", "a"))


PROGRAMS = {
    program.__name__: pair(program)
    for program in (
        twostage,
        wronglock,
        wronglock_3,
        carter01,
        circular_buffer,
        stack,
        philosophers_3,
        bounded_buffer,
        rax,
        safestack,
        fib_bench,
        peterson,
    )
}

HOW = dict.fromkeys(PROGRAMS, ("AssertionError",)) | {
    "carter01": ("Deadlock",),
    "stack": ("IndexError",),
    "philosophers_3": ("Deadlock",),
    "bounded_buffer": ("LostWakeup",),
    "rax": ("LostWakeup",),
}

NOT_FOUND = {"safestack"}
"""By the default strategy within a thousand executions."""
