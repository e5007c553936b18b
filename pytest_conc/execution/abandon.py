"""A thread that never ends, and must not keep the interpreter from exiting.

At its end the interpreter joins all threads that are no daemons: until Python 3.12 by their locks in
`threading._shutdown_locks`, since 3.13 by the handles of `_thread`, of which a thread that is marked as done is none.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any


def abandon(thread: Any) -> None:
    """The interpreter does not wait for this thread at its end."""
    lock = getattr(thread, "_tstate_lock", None)
    if lock is not None:
        threading._shutdown_locks.discard(lock)  # type: ignore[attr-defined]
    handle: Any = getattr(thread, "_handle", None)
    if hasattr(handle, "_set_done"):
        with suppress(RuntimeError):  # it has just ended
            handle._set_done()
