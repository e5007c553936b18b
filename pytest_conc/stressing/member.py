"""A member of a real run: one OS thread of the test. The map of members is `pytest_conc.model.current.MEMBERS`."""

from __future__ import annotations

import threading
from queue import SimpleQueue
from types import CodeType
from typing import Any, Final, NamedTuple

from pytest_conc.controlled.originals import LOCK, RLOCK, lock_is_locked, monotonic, simple_is_empty
from pytest_conc.model.findings import Abort

SLICE: Final = 0.05  # seconds after which somebody who waits looks whether the run is over


class Holding(NamedTuple):
    """Who holds a lock, the instruction that took it, and how often it was taken: a reentrant one can be again."""

    lock: Any
    member: Member
    code: CodeType
    instruction: int
    times: int


class Wait:
    """What a member waits for: a lock, a thread or a queue. `deadline` is None where it waits for ever."""

    __slots__ = ("deadline", "resource", "since")

    def __init__(self, resource: Any, deadline: float | None) -> None:
        self.resource = resource
        self.deadline = deadline
        self.since = monotonic()

    def is_granted(self) -> bool:
        """Whether it is there by now, and who waits has only not been let run yet."""
        kind = type(self.resource)
        if kind is LOCK:
            return not lock_is_locked(self.resource)
        if kind is RLOCK:
            return repr(self.resource).startswith("<unlocked")  # it has no locked() before CPython 3.14
        return kind is SimpleQueue and not simple_is_empty(self.resource)


class Pause:
    """A delay of ours that a member sleeps through; `blocks` once another member had to wait for it."""

    __slots__ = ("blocks",)

    def __init__(self) -> None:
        self.blocks = False


class Member:
    """One OS thread of a run. The hooks for shared state call what they find here a task, and the run its execution."""

    __slots__ = (
        "ended", "execution", "most", "operations", "pause", "released", "sleeps", "starts", "taken", "thread", "wait"
    )  # fmt: skip

    def __init__(self, run: Any, thread: threading.Thread) -> None:
        self.execution = run
        self.thread = thread
        self.wait: Wait | None = None
        self.pause: Pause | None = None
        self.released = False
        self.ended = False
        self.operations = 0  # that may matter to others: writes, and locks got
        self.most = 0  # of them that `watch` has seen
        self.taken: dict[int, int] = {}
        self.sleeps = 0
        self.starts = False

    def takes(self, key: int) -> None:
        """The member has got the lock with that id, which it did not hold."""
        self.operations += 1
        self.taken[key] = self.operations

    def waited_in_vain(self, lock: Any) -> None:
        """The time is over for which it has waited for news that come with that lock.

        If it has taken the lock for nothing else, that was no step.
        """
        if self.taken.pop(id(lock), None) == self.operations and self.execution.watches:
            self.operations -= 1

    def check(self) -> None:
        """Raises Abort if this member has to end."""
        if self.released or self.execution.aborted:
            raise Abort

    def is_stuck(self) -> bool:
        """Whether it waits without a limit for what is not there, and not just until a thread that it starts runs."""
        wait = self.wait
        return wait is not None and wait.deadline is None and not self.starts and not wait.is_granted()
