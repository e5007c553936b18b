"""Follows the switches of a token, wherever the operations that they name have gone since.

A token does not say what happens at every operation, only where a task is left that would have gone on, or another
one goes on than usual (`Usual`). Such a switch names the operation before which the task is left by its fingerprint
and by how many operations of this task have had it. So operations may be added, moved and removed without harm,
unless they are the very ones at which something is switched. On unchanged code the execution is the very one that the
switches were taken from, since (task, fingerprint, how many) names one operation.

A switch cannot be followed if its operation never comes, or comes only after that of a later switch, or if the task
that is to go on cannot. Then what usually happens happens, and `missed` tells which switches these are, each with
whether its operation came.

No class knows what a fingerprint is: they are given a function of the task that has announced.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from pytest_conc.model.schedule import Switch
from pytest_conc.strategies.protocol import Pending, Strategy, Trace

Fingerprint = Callable[[Any], int]


class Usual:
    """Who goes on if nothing is said: the running task while it can, else the one that was interrupted last.

    If there is no such task, it is the one that was started first; the main task, only if no other can.
    """

    def __init__(self) -> None:
        self._interrupted: list[Pending] = []

    def next(self, running: Pending, enabled: Sequence[Pending]) -> Pending:
        """The task that usually goes on."""
        if running in enabled:
            return running
        for task in reversed(self._interrupted):
            if task in enabled:
                return task
        return enabled[0] if enabled[0].number or len(enabled) == 1 else enabled[1]

    def went_on(self, chosen: Pending, running: Pending, enabled: Sequence[Pending]) -> None:
        """Is told who does go on."""
        if chosen in self._interrupted:
            self._interrupted.remove(chosen)
        if chosen is not running and running in enabled:
            self._interrupted.append(running)


class _Operations:
    """Names the operations of one execution: task, fingerprint, how many of the task have had it so far."""

    def __init__(self, fingerprint: Fingerprint) -> None:
        self._fingerprint = fingerprint
        self._met: Counter[tuple[int, int]] = Counter()

    def announced(self, task: Pending) -> tuple[int, int, int]:
        """The name of the operation that the task has just announced."""
        named = task.number, self._fingerprint(task)
        self._met[named] += 1
        return *named, self._met[named]


class Follow:
    """Follows the switches of a token."""

    asks_always = True

    def __init__(self, switches: Sequence[Switch], fingerprint: Fingerprint) -> None:
        self.switches = switches
        self._fingerprint = fingerprint
        self._positions = {switch[:3]: position for position, switch in enumerate(switches)}
        self.begin(Trace())

    def begin(self, trace: Trace) -> None:
        """Starts with the first switch."""
        self._operations = _Operations(self._fingerprint)
        self._usual = Usual()
        self._next = 0
        self.missed = dict.fromkeys(self.switches, False)

    def choose(self, running: Pending, enabled: Sequence[Pending]) -> Pending:
        """The task of the switch, if there is one before this operation."""
        chosen = self._switched(running, enabled) or self._usual.next(running, enabled)
        self._usual.went_on(chosen, running, enabled)
        return chosen

    def _switched(self, running: Pending, enabled: Sequence[Pending]) -> Pending | None:
        position = self._positions.get(self._operations.announced(running), -1)
        if position < self._next:
            return None
        self._next = position + 1
        switch = self.switches[position]
        chosen = next((task for task in enabled if task.number == switch.chosen), None)
        if chosen is None:
            self.missed[switch] = True
        else:
            del self.missed[switch]
        return chosen


class Unusual:
    """Lets another strategy choose, and counts the switches that have to be said, because they are not usual."""

    asks_always = True

    def __init__(self, strategy: Strategy) -> None:
        self._strategy = strategy
        self._usual = Usual()
        self.count = 0

    def begin(self, trace: Trace) -> None:
        """The execution starts; there is only one."""
        self._strategy.begin(trace)

    def choose(self, running: Pending, enabled: Sequence[Pending]) -> Pending:
        """What the other strategy chooses."""
        chosen = self._strategy.choose(running, enabled)
        self.count += chosen is not self._usual.next(running, enabled)
        self._usual.went_on(chosen, running, enabled)
        return chosen


class Noting(Unusual):
    """Lets another strategy choose, and notes the switches that a token needs to do the same."""

    def __init__(self, strategy: Strategy, fingerprint: Fingerprint) -> None:
        super().__init__(strategy)
        self._operations = _Operations(fingerprint)
        self.switches: list[Switch] = []

    def choose(self, running: Pending, enabled: Sequence[Pending]) -> Pending:
        """What the other strategy chooses."""
        operation = self._operations.announced(running)
        chosen = super().choose(running, enabled)
        if self.count > len(self.switches):
            self.switches.append(Switch(*operation, chosen.number))
        return chosen
