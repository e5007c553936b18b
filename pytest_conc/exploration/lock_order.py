"""Locks taken in two orders: what did not hang this time, and can.

If one task takes B while it holds A, and another one A while it holds B, each may come to wait for the other (Havelund,
"Using Runtime Analysis to Guide Model Checking of Java Programs", 2000). It is no danger if both hold a third lock
meanwhile, a gate, or if one of them is over before the other one is started.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from pytest_conc.exploration.data_races import Clocks


class Nested(NamedTuple):
    """A lock that was taken while another one was held: indices in the trace, and by whom; `seen` is its clock."""

    held: Any
    taken: Any
    since: int
    at: int
    task: Any
    gates: frozenset[Any]
    seen: dict[int, int]
    now: int


def inversions(execution: Any) -> Iterator[tuple[Nested, Nested]]:
    """Pairs of nested locks in the two orders, by tasks that could run at the same time; one for each pair of locks."""
    met: set[frozenset[Any]] = set()
    earlier: list[Nested] = []
    for mine in _nested(execution):
        locks = frozenset((mine.held, mine.taken))
        for other in earlier:
            crossed = (other.held, other.taken) == (mine.taken, mine.held) and other.task is not mine.task
            if crossed and locks not in met and not (other.gates & mine.gates) and _together(other, mine):
                met.add(locks)
                yield other, mine
        earlier.append(mine)


def _together(other: Nested, mine: Nested) -> bool:
    """Whether the later one's task has not been started or joined after the earlier one was done."""
    return other.now > mine.seen.get(other.task.number, 0)


def _nested(execution: Any) -> Iterator[Nested]:
    clocks = Clocks(execution.tasks, locks=False)
    held: dict[int, dict[Any, int]] = {}
    for index, (task, kind, resource) in enumerate(execution.trace):
        clocks.begin(index)
        clocks.perform(task, kind, resource)
        lock = getattr(resource, "alias", None) or resource
        if not getattr(lock, "exclusive", False):
            continue
        mine = held.setdefault(task.number, {})
        if kind in ("acquire", "wake") and lock not in mine:
            seen = clocks.of(task)
            for other, since in mine.items():
                gates = frozenset(mine) - {other}
                yield Nested(other, lock, since, index, task, gates, dict(seen), seen[task.number])
            mine[lock] = index
        elif kind in ("release", "wait"):
            mine.pop(lock, None)
