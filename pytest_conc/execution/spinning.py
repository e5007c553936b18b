"""Loops that wait (`while not ready: pass`), and executions that take too long.

A task that polls can go on, so a scheduler that always goes on with it never ends, and one that looks into every
interleaving has one more for each further round. But a round that writes nothing and reads nothing new cannot have
another outcome than the one before. So a task whose last `WINDOW` operations are such rounds announces an operation of
its own, *spin*, which is enabled when somebody has changed what it reads, or when nobody else can go on
(Kokologiannakis, Ren, Vafeiadis, "Dynamic Partial Order Reductions for Spinloops", FMCAD 2021). If the loop counts its
rounds, that is a bound: what happens if it goes on alone before others do is not tried, and a proof is none.

An execution that has not ended after `max_steps` operations goes on with random choices, so that every task has its
turn (Musuvathi and Qadeer, "Fair Stateless Model Checking", PLDI 2008). If it does not end in as many more, it is a
livelock.

Cost: a look back at the last operations of one task, every `EVERY` operations, over at the first write.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

from pytest_conc.execution.stuck import livelock
from pytest_conc.model.operation import MODES, NOTHING, READS
from pytest_conc.strategies.access import Access, access_of, depend
from pytest_conc.strategies.random_walk import RandomWalk

WINDOW: Final = 50
ROUNDS: Final = 5
FIRST: Final = 64
EVERY: Final = 32
FAR: Final = 4 * WINDOW
TRIES: Final = frozenset(kind for kind in MODES if kind.startswith("try-"))


class News:
    """The guard of a task that spins: whether somebody has changed what it reads, since that index in the trace."""

    def __init__(self, trace: Sequence[tuple[Any, str, Any]], seen: Iterable[Access], since: int) -> None:
        self._trace = trace
        self._seen = tuple(seen)
        self._at = since
        self.is_there = False

    def __call__(self, task: Any) -> bool:
        """Whether the task can go on."""
        while not self.is_there and self._at < len(self._trace):
            other, kind, resource = self._trace[self._at]
            self._at += 1
            if other is not task and kind not in TRIES:
                touched = access_of(kind, resource)
                self.is_there = any(depend(touched, access) for access in self._seen)
        return self.is_there


def look_around(execution: Any, task: Any) -> None:
    """So many operations have been performed that it is time to see whether this task still gets anywhere."""
    done = len(execution.trace)
    if done >= execution.patience:
        _be_fair(execution, task)
    execution.limit = min(done + EVERY, execution.patience)
    news = spins(execution.trace, task)
    if news is not None:
        execution.learned.spun = True
        execution.announce(task, "spin", None, news)


def _be_fair(execution: Any, task: Any) -> None:
    if execution.is_fair:
        execution.fail(task, livelock(execution))
        execution.leave(task)
    execution.is_fair, execution.patience = True, 2 * execution.patience
    if not execution.asks_always:  # a replay has the fair choices in its schedule
        execution.choice = RandomWalk(len(execution.tasks)).choose


def spins(trace: Sequence[tuple[Any, str, Any]], task: Any) -> News | None:
    """What a task waits for that has only gone round for some time; None if it has got on."""
    seen: Counter[Access | None] = Counter()
    first = len(trace)
    for index in range(len(trace) - 1, max(-1, len(trace) - FAR), -1):
        other, kind, resource = trace[index]
        mode = MODES[kind]
        if other is not task or mode == NOTHING:
            continue
        if mode != READS and kind not in TRIES:
            return None
        seen[access_of(kind, resource)] += 1
        first = index
        if seen.total() == WINDOW:
            break
    if seen.total() < WINDOW or min(seen.values()) < ROUNDS:
        return None
    return News(trace, filter(None, seen), first)


def let_spin(tasks: Iterable[Any]) -> bool:
    """Nobody else can go on: those who spin do so for another while. Returns whether there is one."""
    waiting = [task.guard for task in tasks if isinstance(task.guard, News)]
    for news in waiting:
        news.is_there = True
    return bool(waiting)
