"""Programs rewritten from vulnerabilities of the Linux kernel, as tasks and locks. Facts are of the suite, the text is
our own.

`PROGRAMS` maps a name to (buggy, fixed), two callables without arguments; `HOW` says as what `buggy` fails in some
interleaving. No interleaving of `fixed` fails. Standard library only.

ConVul: Cai, Zhu, Meng, Yun, He, Su, Liang, "Detecting Concurrency Memory Corruption Vulnerabilities", ESEC/FSE 2019.
The name of a program is the number of its CVE.
"""

import threading

from suites.classics.pairs import Shared, pair, together


def cve_2009_3547(fixed):
    """`open` counts a reader of a pipe whose buffer `release` has freed meanwhile. Linux fs/pipe.c, CVE-2009-3547."""
    inode, lock = Shared(pipe=Shared(readers=1)), threading.Lock()

    def reopen():
        with lock:
            if not fixed or inode.pipe is not None:
                inode.pipe.readers += 1

    def release():
        with lock:
            inode.pipe.readers -= 1
            if inode.pipe.readers == 0:
                inode.pipe = None

    together(reopen, release)


def cve_2015_7550(fixed):
    """A key is validated, then read under its lock; between the two it is revoked. Linux keyctl_read_key,
    CVE-2015-7550.
    """
    key, lock = Shared(payload="secret", revoked=False), threading.Lock()

    def read():
        if fixed:
            with lock:
                if not key.revoked:
                    return len(key.payload)
        elif not key.revoked:
            with lock:
                return len(key.payload)
        return 0

    def revoke():
        with lock:
            key.revoked = True
            key.payload = None

    together(read, revoke)


def cve_2016_9806(fixed):
    """Two tasks find a dump going on and both free its buffer. Linux netlink_dump, CVE-2016-9806."""
    socket, lock = Shared(running=True, freed=0), threading.Lock()

    def finish():
        if socket.running:
            socket.running = False
            socket.freed = socket.freed + 1

    def finish_locked():
        with lock:
            finish()

    together(*[finish_locked if fixed else finish] * 2)
    assert socket.freed == 1


def cve_2017_15265(fixed):
    """A port is put on the list before its creator has done with it; another task finds and frees it there. Linux
    snd_seq_create_port, CVE-2017-15265.
    """
    ports, lock = [], threading.Lock()

    def create():
        port = Shared(name=None, freed=False)
        if fixed:
            port.name = "port"
        with lock:
            ports.append(port)
        if not fixed:
            assert not port.freed, "use after free"
            port.name = "port"

    def delete():
        with lock:
            if ports:
                ports.pop().freed = True

    together(create, delete)


PROGRAMS = {
    program.__name__: pair(program)
    for program in (
        cve_2009_3547,
        cve_2015_7550,
        cve_2016_9806,
        cve_2017_15265,
    )
}

HOW = dict.fromkeys(PROGRAMS, ("AssertionError",)) | {
    "cve_2009_3547": ("AttributeError",),
    "cve_2015_7550": ("TypeError",),
}
