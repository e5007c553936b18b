"""What an exploration must leave as it was: a snapshot to compare before and after."""

import builtins
import concurrent.futures.thread
import gc
import importlib._bootstrap
import os
import queue
import random
import signal
import sys
import threading
import time
from _thread import LockType, RLock

TYPES = (
    LockType,
    RLock,
    queue.SimpleQueue,
    queue.Queue,
    threading.Thread,
    threading.Condition,
    threading.Event,
    threading.Semaphore,
    threading.BoundedSemaphore,
    threading.Barrier,
    threading.local,
    concurrent.futures.ThreadPoolExecutor,
)
MODULES = (threading, time, os, queue, signal, random, builtins, importlib._bootstrap, concurrent.futures.thread)


def snapshot(*functions):
    """{name: what is there now}; `functions` are user functions whose code must come back."""
    found = {f"{kind.__qualname__}.{name}": value for kind in TYPES for name, value in vars(kind).items()}
    found |= {f"{module.__name__}.{name}": value for module in MODULES for name, value in vars(module).items()}
    found |= {f"code of {each.__qualname__}": each.__code__ for each in functions}
    found |= {f"handler of {each.name}": signal.getsignal(each) for each in signal.Signals}
    found["collector"] = gc.isenabled(), gc.get_freeze_count()
    found["tracing"] = sys.gettrace(), sys.getprofile()
    found["streams and hooks"] = sys.stdout, sys.stderr, sys.excepthook, sys.unraisablehook
    found["threading._active"] = dict(threading._active)
    found["threading._dangling"] = set(threading._dangling)
    found["pools"] = dict(concurrent.futures.thread._threads_queues)
    return found


def changes(before, after):
    """The names whose value is another object or another number than before."""
    return [name for name in before.keys() | after.keys() if not _same(before.get(name), after.get(name))]


def _same(one, other):
    return one is other or (isinstance(one, (tuple, dict, set)) and one == other)


def os_threads():
    """How many OS threads this process has."""
    return len(os.listdir("/proc/self/task"))
