"""The primitives as they were before anything was patched, for the package's own use.

This module is imported before the first patch is applied, so its names are always the real ones.
"""

from __future__ import annotations

import _thread
import os
import time
from _thread import start_new_thread
from queue import SimpleQueue
from typing import Any

LOCK: Any = _thread.LockType
RLOCK: Any = _thread.RLock
acquire_lock: Any = LOCK.acquire
release_lock: Any = LOCK.release
lock_is_locked: Any = LOCK.locked
acquire_rlock: Any = RLOCK.acquire
release_rlock: Any = RLOCK.release
put_simple: Any = SimpleQueue.put
get_simple: Any = SimpleQueue.get
simple_is_empty: Any = SimpleQueue.empty
simple_size: Any = SimpleQueue.qsize
sleep = time.sleep
monotonic = time.monotonic
exit_process = os._exit
start_os_thread = start_new_thread
