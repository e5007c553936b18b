"""`time`: sleeping is an operation, and all clocks show virtual time.

Virtual time starts at a fixed moment in every execution and jumps to the next deadline when no task is enabled.
A program that does nothing but look at a clock would never see it move: after fifty looks in a row
without any other operation the next look sleeps for a virtual millisecond.
"""

from __future__ import annotations

import time
from _thread import get_ident
from typing import Any, Final

from pytest_conc.controlled.patching import Swap
from pytest_conc.model.current import RUNNING

EPOCH: Final = 1_700_000_000.0
UPTIME: Final = 1_000.0
LOOKS: Final = 50

_sleep = time.sleep


def sleep(seconds: float) -> None:
    """`time.sleep`, in virtual time."""
    task = RUNNING.get(get_ident())
    if task is None:
        _sleep(seconds)
        return
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    task.execution.announce(task, "sleep", None, type(task).is_late, float(seconds))


def _clock(real: Any, start: float, per_second: int | None) -> Any:
    def look() -> Any:
        task = RUNNING.get(get_ident())
        if task is None:
            return real()
        _count_looks(task)
        now = start + task.execution.now
        return now if per_second is None else int(now * per_second)

    look.__name__ = real.__name__
    return look


def _count_looks(task: Any) -> None:
    length = len(task.execution.trace)
    task.looks = task.looks + 1 if length == task.looked_at else 0
    task.looked_at = length
    if task.looks >= LOOKS:
        task.looks = 0
        sleep(0.001)


_CLOCKS = {"time": EPOCH, "monotonic": UPTIME, "perf_counter": UPTIME}

SWAPS: list[Swap] = [
    (_sleep, sleep),
    *((getattr(time, name), _clock(getattr(time, name), start, None)) for name, start in _CLOCKS.items()),
    *(
        (getattr(time, name + "_ns"), _clock(getattr(time, name + "_ns"), start, 10**9))
        for name, start in _CLOCKS.items()
    ),
]
