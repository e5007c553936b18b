"""Programs rewritten from bugs of Go projects. Facts are of the suites, the text is our own.

`PROGRAMS` maps a name to (buggy, fixed), two callables without arguments; `HOW` says as what `buggy` fails in some
interleaving. No interleaving of `fixed` fails. Standard library only.

* GoKer, part of GoBench: Yuan, Li, Lu, Liu, Li, Xue, "GoBench: A Benchmark Suite of Real-World Go Concurrency Bugs",
  CGO 2021. A name such as `etcd_6873` is the project and the number of its issue or pull request there.

A channel becomes a `queue.Queue`; sending on a channel without a buffer is `put` and then `Queue.join`.
"""

import queue
import threading

from suites.classics.pairs import Shared, pair, together


class WaitGroup:
    """Go's sync.WaitGroup: `wait` until as many are done as were added."""

    def __init__(self):
        self.changed = threading.Condition()
        self.count = 0

    def add(self, number):
        with self.changed:
            self.count += number
            self.changed.notify_all()

    def done(self):
        self.add(-1)

    def wait(self):
        with self.changed:
            while self.count:
                self.changed.wait()


class RWMutex:
    """Go's sync.RWMutex: a writer that waits keeps new readers out."""

    def __init__(self):
        self.changed = threading.Condition()
        self.readers = 0
        self.writing = False
        self.writers_waiting = 0

    def read_lock(self):
        with self.changed:
            while self.writing or self.writers_waiting:
                self.changed.wait()
            self.readers += 1

    def read_unlock(self):
        with self.changed:
            self.readers -= 1
            self.changed.notify_all()

    def lock(self):
        with self.changed:
            self.writers_waiting += 1
            while self.writing or self.readers:
                self.changed.wait()
            self.writers_waiting -= 1
            self.writing = True

    def unlock(self):
        with self.changed:
            self.writing = False
            self.changed.notify_all()


# -- blocking: locks ---------------------------------------------------------------------------------------------------
def cockroach_9935(fixed):
    """The log's error path takes the lock that is held already. GoKer blocking/cockroach/9935, double locking."""
    log, lock = Shared(closed=False, lines=0, exits=0), threading.Lock()

    def leave():
        with lock:
            log.exits += 1

    def write():
        with lock:
            failed = log.closed
            if failed and not fixed:
                leave()
            log.lines += 1
        if failed and fixed:
            leave()

    def close():
        with lock:
            log.closed = True

    together(write, close)


def moby_4951(fixed):
    """Device lock, then info lock; removal gives the device lock up for a while and takes it back with the info lock
    in its hand. GoKer blocking/moby/4951, AB-BA deadlock.
    """
    devices, info = threading.Lock(), threading.Lock()

    def remove():
        devices.acquire()
        info.acquire()
        devices.release()
        if fixed:
            info.release()
        devices.acquire()
        devices.release()
        if not fixed:
            info.release()

    def mount():
        with devices, info:
            pass

    together(remove, mount)


def kubernetes_58107(fixed):
    """A reader takes the read lock a second time; a writer that came in between keeps it out, and waits for the first
    one. GoKer blocking/kubernetes/58107, RWR deadlock.
    """
    lock = RWMutex()

    def read_twice():
        lock.read_lock()
        if not fixed:
            lock.read_lock()
            lock.read_unlock()
        lock.read_unlock()

    def write():
        lock.lock()
        lock.unlock()

    together(read_twice, write)


# -- blocking: channels ------------------------------------------------------------------------------------------------
def kubernetes_5316(fixed):
    """A request sends its answer on a channel without a buffer, but who asked has gone after a time-out, so it never
    gets rid of it. GoKer blocking/kubernetes/5316; mended by a buffer of one.
    """
    answers, expired = queue.Queue(), threading.Event()

    def serve():
        answers.put("answer")
        if not fixed:
            answers.join()

    def ask():
        if not expired.is_set():
            answers.get()
            answers.task_done()

    together(serve, ask, expired.set)


def etcd_6857(fixed):
    """Someone asks a node for its status after the node has stopped: nobody answers. GoKer blocking/etcd/6857; mended
    by a mark that the node has stopped, and an answer to whoever did not see it.
    """
    requests, lock, node = queue.Queue(), threading.Lock(), Shared(stopped=False)

    def run():
        while (answers := requests.get()) is not None:
            answers.put("status")
        if fixed:
            with lock:
                node.stopped = True
            while not requests.empty():
                requests.get().put("stopped")

    def ask():
        answers = queue.Queue()
        with lock:
            if node.stopped:
                return
            requests.put(answers)
        answers.get()

    together(run, ask, lambda: requests.put(None))


def grpc_660(fixed):
    """A benchmark stops collecting at the first signal it sees, but a worker still wants to hand over its result on a
    channel that is full. GoKer blocking/grpc/660; mended by room for all results.
    """
    results, stop = queue.Queue(maxsize=2 if fixed else 1), threading.Event()

    def work():
        for result in range(2):
            results.put(result)

    def collect():
        for _ in range(2):
            if stop.is_set():
                return
            results.get()

    together(work, collect, stop.set)


# -- blocking: channels and locks --------------------------------------------------------------------------------------
def kubernetes_10182(fixed):
    """Setters send on a channel with the lock in their hand; the receiver takes the lock after it has received.

    GoKer blocking/kubernetes/10182, channel and lock; mended by sending after the lock is given back.
    """
    statuses, lock = queue.Queue(maxsize=1), threading.Lock()
    known = {}

    def set_status(pod):
        with lock:
            known[pod] = "running"
            if not fixed:
                statuses.put(pod)
        if fixed:
            statuses.put(pod)

    def sync():
        for _ in range(3):
            pod = statuses.get()
            with lock:
                known.pop(pod)

    together(sync, *[lambda pod=pod: set_status(pod) for pod in range(3)])


def etcd_6873(fixed):
    """`stop` waits with the lock in its hand for a loop that needs the lock. GoKer blocking/etcd/6873, channel and
    lock.
    """
    updates, done, lock = queue.Queue(), threading.Event(), threading.Lock()

    def loop():
        while updates.get() is not None:
            with lock:
                pass
        done.set()

    def stop():
        with lock:
            updates.put(None)
            if not fixed:
                done.wait()
        done.wait()

    together(loop, stop, lambda: updates.put("update"))


# -- blocking: conditions and wait groups ------------------------------------------------------------------------------
def moby_29733(fixed):
    """Who waits for a plugin is never told that it has come. GoKer blocking/moby/29733, condition variable."""
    plugins, changed = {}, threading.Condition()

    def get():
        with changed:
            while "plugin" not in plugins:
                changed.wait()

    def activate():
        with changed:
            plugins["plugin"] = "active"
            if fixed:
                changed.notify_all()

    together(get, activate)


def moby_25384(fixed):
    """`wait` stands inside the loop that starts what is waited for. GoKer blocking/moby/25384, misuse of a wait group;
    fails in every interleaving.
    """
    group, started = WaitGroup(), []
    group.add(2)
    for _ in range(2):
        started.append(threading.Thread(target=group.done))
        started[-1].start()
        if not fixed:
            group.wait()
    group.wait()
    for thread in started:
        thread.join()


# -- not blocking ------------------------------------------------------------------------------------------------------
def istio_8967(fixed):
    """`stop` closes the channel `done` and forgets it, while the loop that waits for it reads it anew. GoKer
    nonblocking/istio/8967.
    """
    source = Shared(done=threading.Event())

    def loop():
        source.done.wait()

    def stop():
        source.done.set()
        if not fixed:
            source.done = None

    together(loop, stop)


PROGRAMS = {
    program.__name__: pair(program)
    for program in (
        cockroach_9935,
        moby_4951,
        kubernetes_58107,
        kubernetes_5316,
        etcd_6857,
        grpc_660,
        kubernetes_10182,
        etcd_6873,
        moby_29733,
        moby_25384,
        istio_8967,
    )
}

HOW = {
    "cockroach_9935": ("Deadlock",),
    "moby_4951": ("Deadlock",),
    "kubernetes_58107": ("LostWakeup",),
    "kubernetes_5316": ("Deadlock",),
    "etcd_6857": ("Starved",),
    "grpc_660": ("Deadlock",),
    "kubernetes_10182": ("Deadlock",),
    "etcd_6873": ("Deadlock",),
    "moby_29733": ("LostWakeup",),
    "moby_25384": ("LostWakeup",),
    "istio_8967": ("AttributeError",),
}
