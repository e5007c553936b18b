"""Real time: waiting for something that is not ours, for so long as the watchdog allows."""

from __future__ import annotations

from typing import Any

from pytest_conc.controlled import originals


def wait_for_the_outside(execution: Any) -> bool:
    """Whether, after some real time, a task can go on that waits for something held outside of the execution."""
    waiting = [task for task in execution.alive if getattr(task.resource, "held_outside", bool)()]
    if not waiting:
        return False
    while not any(task.guard(task) for task in waiting):
        originals.sleep(0.001)
    return True
