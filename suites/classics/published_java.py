"""Programs rewritten from bugs of released Java software. Facts are of the suites, the text is our own.

`PROGRAMS` maps a name to (buggy, fixed), two callables without arguments; `HOW` says as what `buggy` fails in some
interleaving. No interleaving of `fixed` fails. Standard library only.

* JaConTeBe: Lin, Marinov, Zhong, Chen, Zhao, "JaConTeBe: A Benchmark Suite of Real-World Java Concurrency Bugs",
  ASE 2015. A name such as `derby_5561` is the project and the number of its issue.
* Fray: Li, Kang, Vikram, Laybourn, Dharanikota, Tiwari, Padhye, "Fray: An Efficient General-Purpose Concurrency Testing
  Platform for the JVM", OOPSLA 2025, with the list of the bugs that it has found.
"""

import queue
import threading
from contextlib import nullcontext

from suites.classics.pairs import Shared, pair, together


# -- JaConTeBe ---------------------------------------------------------------------------------------------------------
def dbcp_270(fixed):
    """Closing a connection locks the connection, then the pool; eviction locks the pool, then each connection."""
    pool, connection = threading.Lock(), threading.Lock()
    idle = []

    def close():
        with connection:
            if not fixed:
                with pool:
                    idle.append("connection")
        if fixed:
            with pool:
                idle.append("connection")

    def evict():
        with pool:
            with connection:
                idle.clear()

    together(close, evict)


def jdk_6934356(fixed):
    """Two vectors contain each other; each is written with its own lock held, and needs the other's."""
    vectors = [Shared(lock=threading.Lock(), others=[]) for _ in range(2)]
    for vector in vectors:
        vector.others = [other for other in vectors if other is not vector]

    def write(vector):
        with vector.lock:
            others = list(vector.others)
            if not fixed:
                for other in others:
                    with other.lock:
                        pass
        if fixed:
            for other in others:
                with other.lock:
                    pass

    together(*[lambda vector=vector: write(vector) for vector in vectors])


def jdk_7132378(fixed):
    """A future says that it is done before it has its value, so a waiter gets none."""
    future, changed = Shared(done=False, value=None), threading.Condition()

    def complete():
        if fixed:
            future.value = "value"
        with changed:
            future.done = True
            changed.notify_all()
        if not fixed:
            future.value = "value"

    def get():
        with changed:
            while not future.done:
                changed.wait()
        assert future.value == "value"

    together(get, complete)


def derby_5561(fixed):
    """Every call looks whether the physical connection is still there, and then uses it; `close` takes it away."""
    logical, lock = Shared(physical=Shared(calls=0)), threading.Lock()

    def call():
        if logical.physical is not None:
            logical.physical.calls += 1

    def close():
        logical.physical = None

    def locked(action):
        def run():
            with lock:
                action()

        return run

    together(*([locked(call), locked(close)] if fixed else [call, close]))


def log4j_38137(fixed):
    """An appender wakes one thread when its buffer changes, no matter whether that one waits for room or for events:
    the signal for the dispatcher may go to another writer. Buffer of one, two writers.
    """
    events, changed = [], threading.Condition()

    def wake():
        changed.notify_all() if fixed else changed.notify()

    def append():
        with changed:
            while len(events) == 1:
                changed.wait()
            events.append("event")
            wake()

    def dispatch():
        for _ in range(3):
            with changed:
                while not events:
                    changed.wait()
                events.pop()
                wake()

    together(dispatch, append, append, append)


def log4j2_485(fixed):
    """Turning an event into text logs another event: the only thread that empties the queue waits for room in it.

    LOG4J2-485; the pattern is JaConTeBe's "wait-notify deadlock". Mended by not queueing what the appender logs.
    """
    events, written = queue.Queue(maxsize=1), []

    def append():
        while (event := events.get()) is not None:
            if event == "logs":
                if fixed:
                    written.append("nested")
                else:
                    events.put("nested")
            written.append(event)

    def log():
        for event in ("logs", "plain", None):
            events.put(event)

    together(append, log)


# -- found by Fray -----------------------------------------------------------------------------------------------------
def kafka_17379(fixed):
    """Two tasks look at the state, find that the step is allowed, and take it: an error is overwritten by a shutdown.
    KAFKA-17379.
    """
    stream, lock, steps = Shared(state="RUNNING"), threading.Lock(), []
    allowed = {"RUNNING": ("ERROR", "PENDING_SHUTDOWN"), "ERROR": (), "PENDING_SHUTDOWN": ()}

    def step(state):
        before = stream.state
        if state in allowed[before]:
            with lock:
                steps.append((stream.state, state))
                stream.state = state

    def step_locked(state):
        with lock:
            if state in allowed[stream.state]:
                steps.append((stream.state, state))
                stream.state = state

    take = step_locked if fixed else step
    together(lambda: take("ERROR"), lambda: take("PENDING_SHUTDOWN"))
    assert all(after in allowed[before] for before, after in steps), steps


def kafka_17354(fixed):
    """A thread sets its state to STARTING and expects to find it so, but somebody has asked it to shut down meanwhile.
    KAFKA-17354.
    """
    thread, lock = Shared(state="CREATED"), threading.Lock()

    def start():
        with lock:
            if thread.state != "CREATED":
                return
            thread.state = "STARTING"
        with lock:
            if fixed and thread.state == "PENDING_SHUTDOWN":
                return
            assert thread.state == "STARTING", thread.state

    def shut_down():
        with lock:
            thread.state = "PENDING_SHUTDOWN"

    together(start, shut_down)


def kafka_17114(fixed):
    """An updater reports its failure before it says that it no longer runs. KAFKA-17114."""
    updater, failures, lock = Shared(running=True), [], threading.Lock()

    def fail():
        if fixed:
            updater.running = False
        with lock:
            failures.append("failure")
        updater.running = False

    def look():
        with lock:
            failed = bool(failures)
        assert not (failed and updater.running)

    together(fail, look)


def jdk_8358601(fixed):
    """A pool looks whether it is shut down, then queues the job; the last worker has gone in between, so that nobody
    ever completes the future. JDK-8358601, ScheduledThreadPoolExecutor.
    """
    pool, jobs, lock = Shared(shut_down=False), queue.Queue(), threading.Lock()

    def submit():
        result = queue.Queue()
        with lock if fixed else nullcontext():
            if pool.shut_down:
                return
            jobs.put(result)
        result.get()

    def shut_down():
        with lock:
            pool.shut_down = True
            jobs.put(None)

    def work():
        while (result := jobs.get()) is not None:
            result.put("done")

    together(work, submit, shut_down)


def lucene_13593(fixed):
    """Two tasks count the threads that merge, find one too few, and each starts one: there are more than allowed.
    Lucene 13593, ConcurrentMergeScheduler.
    """
    merging, lock = [], threading.Lock()

    def spawn():
        if fixed:
            with lock:
                if not merging:
                    merging.append("thread")
            return
        with lock:
            room = not merging
        if room:
            with lock:
                merging.append("thread")

    together(spawn, spawn)
    assert len(merging) == 1, merging


def lucene_13571(fixed):
    """A queue of deletes is closed with the number it has reached as its maximum, and a writer that has the queue in
    its hand draws a further one. Lucene 13571, DocumentsWriterDeleteQueue.
    """
    deletes, lock = Shared(number=7, maximum=None), threading.Lock()

    def draw():
        with lock:
            if fixed and deletes.maximum is not None:
                return
            deletes.number += 1
            assert deletes.maximum is None or deletes.number <= deletes.maximum

    def advance():
        with lock:
            deletes.maximum = deletes.number

    together(draw, advance)


PROGRAMS = {
    program.__name__: pair(program)
    for program in (
        dbcp_270,
        jdk_6934356,
        jdk_7132378,
        derby_5561,
        log4j_38137,
        log4j2_485,
        kafka_17379,
        kafka_17354,
        kafka_17114,
        jdk_8358601,
        lucene_13593,
        lucene_13571,
    )
}

HOW = dict.fromkeys(PROGRAMS, ("AssertionError",)) | {
    "dbcp_270": ("Deadlock",),
    "jdk_6934356": ("Deadlock",),
    "derby_5561": ("AttributeError",),
    "log4j_38137": ("LostWakeup",),
    "log4j2_485": ("Deadlock",),
    "jdk_8358601": ("Starved",),
}
