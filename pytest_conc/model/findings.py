"""What can go wrong, named: the findings that are exceptions."""

from __future__ import annotations

from typing import Any

from pytest_conc.model.operation import Step


class ConcurrencyError(Exception):
    """Base of the failures that pytest-conc itself finds; the message says what, where and what to do.

    `pending` are the operations that tasks had announced and could not perform, where the failure is about that.
    """

    pending: tuple[Step, ...] = ()


class Deadlock(ConcurrencyError):
    """Tasks are alive, none can go on, and no timer is pending. `waits` says who waits for what."""

    waits: tuple[tuple[int, str, Any], ...] = ()


class LostWakeup(Deadlock):
    """A task waits for a notification that nobody alive can give."""


class Starved(Deadlock):
    """A task waits for an item that nobody alive can put."""


class DataRace(ConcurrencyError):
    """Two accesses to one variable, one of them a write, that nothing orders; an error only with `races="error"`.

    `operations` are their indices in the trace.
    """

    operations: tuple[int, ...] = ()


class Livelock(ConcurrencyError):
    """The execution did not end within `max_steps` operations."""


class LeakedTask(ConcurrencyError):
    """A task that is no daemon was still alive when the test body returned."""


class UncontrolledBlocking(ConcurrencyError):
    """A task did not come back within `hang_after` seconds: it blocks on something that is not controlled."""


class UncontrolledNondeterminism(ConcurrencyError):
    """The same schedule gave two different executions."""


class ReplayDiverged(ConcurrencyError):
    """A schedule does not fit the program any more."""


class ProcessExit(ConcurrencyError):
    """A task called `os._exit`, which would have ended the whole test session."""


class TaskInterrupted(ConcurrencyError):
    """A task raised KeyboardInterrupt by itself; nobody pressed a key."""


class Refused(ConcurrencyError):
    """The program uses something that cannot be explored; it is never run uncontrolled in silence.

    `what` names it, `instead` says what could be used: `"use the fixture threads"`.
    """

    def __init__(self, what: str, instead: str = "") -> None:
        super().__init__(what, instead)
        self.what = what
        self._instead = instead and f", or {instead}"

    def __str__(self) -> str:
        return (
            f"{self.what} cannot be explored: the scheduler controls threads only; run the test for real, with @stress "
            f"instead of @interleave{self._instead}"
        )


class Abort(BaseException):
    """Unwinds the tasks of an execution that is over. Never seen by a test."""
