"""Programs rewritten from the figures of a study of bugs in Go programs. Facts are of the study, the text is our own.

`PROGRAMS` maps a name to (buggy, fixed), two callables without arguments; `HOW` says as what `buggy` fails in some
interleaving. No interleaving of `fixed` fails. Standard library only.

Tu, Liu, Song, Zhang, "Understanding Real-World Concurrency Bugs in Go", ASPLOS 2019: figures 8, 9 and 10. Figure 1 is
`kubernetes_5316` in `published_goker.py`.
"""

import threading

from suites.classics.pairs import Shared, pair, together
from suites.classics.published_goker import WaitGroup


def etcd_wait_group(fixed):
    """A message counts itself in only when its task runs, so that `stop` may find nobody to wait for.

    etcd, figure 9.
    """
    group, peer, lock = WaitGroup(), Shared(stopped=False, used_late=False), threading.Lock()
    started = []

    def deliver():
        if not fixed:
            group.add(1)
        peer.used_late = peer.stopped
        group.done()

    def send():
        with lock:
            if fixed:
                group.add(1)
            started.append(threading.Thread(target=deliver))
            started[-1].start()

    def stop():
        with lock:
            pass
        group.wait()
        peer.stopped = True

    send()
    together(stop)
    for thread in started:
        thread.join()
    assert not peer.used_late


def docker_loop_variable(fixed):
    """Functions without a name read the loop's variable when they run, not when they were made. Docker, figure 8."""
    tried, threads = [], []
    for version in range(17, 20):

        def attempt(own=version):
            tried.append(own if fixed else version)  # noqa: B023, the bug

        threads.append(threading.Thread(target=attempt))
        threads[-1].start()
    for thread in threads:
        thread.join()
    assert sorted(tried) == [17, 18, 19], tried


def docker_24007(fixed):
    """Two tasks find a channel open and both close it, which Go forbids. Docker 24007, figure 10."""
    channel, once = Shared(closed=False), threading.Lock()

    def close():
        if channel.closed:
            raise RuntimeError("close of closed channel")
        channel.closed = True

    def close_if_open():
        if not channel.closed:
            close()

    def close_once():
        with once:
            close_if_open()

    together(*[close_once if fixed else close_if_open] * 2)


PROGRAMS = {
    program.__name__: pair(program)
    for program in (
        etcd_wait_group,
        docker_loop_variable,
        docker_24007,
    )
}

HOW = dict.fromkeys(PROGRAMS, ("AssertionError",)) | {
    "docker_24007": ("RuntimeError",),
}
