"""Bounded preemption: all schedules without a preemption, then all with one, with two, and so on.

Idea: most concurrency bugs need very few preemptions, and a counterexample with few is the easiest to understand.
Without a preemption a task goes on until it blocks; only then there is a choice. Each place where the running task
could have been left instead costs one. Source: Musuvathi and Qadeer, "Iterative Context Bounding for Systematic
Testing of Multithreaded Programs", PLDI 2007 (CHESS). Guarantee: a failure that is found has the fewest preemptions of
all; when nothing is left, every schedule has been run. Cost: with n tasks of k steps each there are about
(n * k) ** c schedules with c preemptions; each one that is waiting takes a few words of memory.

A schedule is written as its deviations from the one rule "go on, else the oldest task". With a bound `most` those with
more preemptions are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pytest_conc.strategies.profile import FREE
from pytest_conc.strategies.protocol import Pending, Trace


class Deviation(NamedTuple):
    """After `at` operations the task with that path goes, which is a preemption or not."""

    at: int
    path: int
    preempts: bool


class Bounded:
    """Iterative context bounding; no chance is involved."""

    curious = draws = False

    def __init__(self, most: int | None = None) -> None:
        self.exhausted = False
        self._most = most
        self._waiting: list[list[tuple[Deviation, ...]]] = []
        self._plan: tuple[Deviation, ...] = ()
        self._met: set[tuple[tuple[Deviation, ...], int]] = set()
        self._trace = Trace()

    def begin(self, trace: Trace) -> None:
        """Starts one more schedule."""
        self._trace = trace

    def choose(self, running: Pending, enabled: Sequence[Pending]) -> Pending:
        """The running task while it can, or where the plan says so another one."""
        at = len(self._trace)
        goes_on = running in enabled
        if goes_on and running.kind in FREE:
            return running
        usual = running if goes_on else enabled[0]
        before = tuple(deviation for deviation in self._plan if deviation.at < at)
        if (before, at) not in self._met:
            self._met.add((before, at))
            self._put_off([(*before, Deviation(at, task.path, goes_on)) for task in enabled if task is not usual])
        wanted = next((deviation.path for deviation in self._plan if deviation.at == at), usual.path)
        return next((task for task in enabled if task.path == wanted), usual)

    def _put_off(self, plans: list[tuple[Deviation, ...]]) -> None:
        for plan in plans:
            cost = sum(deviation.preempts for deviation in plan)
            if self._most is not None and cost > self._most:
                continue
            self._waiting.extend([] for _ in range(cost + 1 - len(self._waiting)))
            self._waiting[cost].append(plan)

    def end(self) -> None:
        """Goes on with a schedule of fewest preemptions."""
        cheapest = next((plans for plans in self._waiting if plans), None)
        self.exhausted = cheapest is None
        self._plan = cheapest.pop() if cheapest else ()
