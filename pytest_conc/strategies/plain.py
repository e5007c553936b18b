"""Schedules without chance: they show the typical orders first, and they profile the program."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_conc.strategies.protocol import Pending, Trace


class FirstInFirstOut:
    """Goes on with the running task while it can; then the one that was started first."""

    draws = False

    def begin(self, trace: Trace) -> None:
        """Nothing to prepare."""

    def choose(self, running: Pending, enabled: Sequence[Pending]) -> Pending:
        """The running task, or the oldest."""
        return running if running in enabled else enabled[0]


class Reversed:
    """The task that was started last goes first, and goes on while it can."""

    draws = False

    def begin(self, trace: Trace) -> None:
        """Nothing to prepare."""

    def choose(self, running: Pending, enabled: Sequence[Pending]) -> Pending:
        """The youngest task; the main task goes on until it has started all."""
        return running if running.number == 0 and running in enabled else enabled[-1]


class RoundRobin:
    """After each operation it is the next task's turn."""

    draws = False

    def begin(self, trace: Trace) -> None:
        """Nothing to prepare."""

    def choose(self, running: Pending, enabled: Sequence[Pending]) -> Pending:
        """The enabled task with the next higher number; the main task only while it starts others."""
        if running.number == 0 and running in enabled:
            return running
        return next((task for task in enabled if task.number > running.number), enabled[0])
