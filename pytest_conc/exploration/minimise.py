"""Makes a failing schedule small: fewest preemptions, switches, operations, and switches that a token has to say.

Idea: delta debugging (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002) over the
segments of the schedule. A candidate is replayed leniently: a segment whose task is not enabled is skipped, and after
the last one execution goes on without preemption. A candidate is accepted if it fails with the same signature and
what it really did costs less. Passes, until none helps: the shortest prefix; leave out a run of segments; put two
segments of one task together; let one go on until it blocks; have a segment run a little earlier; exchange two tasks,
so that of two that are alike the one that was started first comes first. A pass that helped goes on where it was, since
what came before it has been tried, but for a little. The result depends on the start only in theory; the search is
bounded by `REPLAYS`, and by `OPERATIONS` where executions are long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations, islice
from typing import Any, Final, NamedTuple

from pytest_conc.model.schedule import Schedule, schedule_of

REPLAYS: Final = 300
OPERATIONS: Final = 200_000
UNBOUNDED: Final = 1 << 30
NEAR: Final = 2


class Attempt(NamedTuple):
    """A schedule that fails, and what it costs; smaller is better."""

    cost: tuple[int, int, int, int]
    schedule: Schedule


def attempt_of(execution: Any, unusual: int) -> Attempt:
    """The schedule that an execution really followed; `unusual` is how many switches a token has to say."""
    schedule = schedule_of(task.number for task, _, _ in execution.trace)
    return Attempt((execution.preemptions, len(schedule), len(execution.trace), unusual), schedule)


def replays_of(length: int, most: int) -> int:
    """How many executions of that length are worth it."""
    return min(most, max(1, OPERATIONS // (length or 1)))


def minimised(schedule: Schedule, attempt: Callable[[Schedule], Attempt | None]) -> Schedule:
    """The smallest schedule found that `attempt` says fails in the same way."""
    best = attempt(schedule)
    if best is None:
        return schedule
    search = _Search(best, attempt, replays_of(best.cost[2], REPLAYS))
    search.tried.add(schedule)
    helped = True
    while helped:
        helped = False
        for smaller in _PASSES:
            helped = search.helps(smaller) or helped
    return search.best.schedule


class _Search:
    """The smallest attempt so far, and how many replays are left to find a smaller one."""

    def __init__(self, best: Attempt, attempt: Callable[[Schedule], Attempt | None], left: int) -> None:
        self.best = best
        self.tried = {best.schedule}
        self._attempt = attempt
        self._left = left

    def helps(self, smaller: Callable[[Schedule], Iterator[Schedule]]) -> bool:
        """Whether a pass has made it smaller; it is tried from its first candidate to its last."""
        start, at = self.best, 0
        while (found := self._next(islice(smaller(self.best.schedule), at, None))) is not None:
            at += found
        return self.best is not start

    def _next(self, candidates: Iterator[Schedule]) -> int | None:
        """The position of the first candidate that is smaller, which is the best one now."""
        for position, candidate in enumerate(candidates):
            if candidate in self.tried or not self._left:
                continue
            self.tried.add(candidate)
            self._left -= 1
            result = self._attempt(candidate)
            if result is not None and result.cost < self.best.cost:
                self.best = result
                return position
        return None


def _prefixes(schedule: Schedule) -> Iterator[Schedule]:
    length = 0
    while length < len(schedule):
        yield schedule[:length]
        length = length * 2 or 1


def _without_runs(schedule: Schedule) -> Iterator[Schedule]:
    size = max(len(schedule) // 2, 1)
    while size:
        for start in range(0, len(schedule), size):
            yield schedule[:start] + schedule[start + size :]
        size //= 2


def _until_blocked(schedule: Schedule) -> Iterator[Schedule]:
    for index, (task, _) in enumerate(schedule[:-1]):
        yield (*schedule[:index], (task, UNBOUNDED), *schedule[index + 1 :])


def _merged(schedule: Schedule) -> Iterator[Schedule]:
    for late in range(2, len(schedule)):
        task, count = schedule[late]
        early = next((index for index in range(late - 1, -1, -1) if schedule[index][0] == task), None)
        if early is None:
            continue
        between, rest = schedule[early + 1 : late], schedule[late + 1 :]
        together = ((task, schedule[early][1] + count),)
        yield schedule[:early] + together + between + rest
        yield schedule[:early] + between + together + rest


def _earlier(schedule: Schedule) -> Iterator[Schedule]:
    for late in range(1, len(schedule)):
        for early in range(max(0, late - NEAR), late):
            yield schedule[:early] + schedule[late : late + 1] + schedule[early:late] + schedule[late + 1 :]


def _exchanged(schedule: Schedule) -> Iterator[Schedule]:
    for later, earlier in combinations(dict.fromkeys(task for task, _ in schedule), 2):
        if earlier < later:
            other = {later: earlier, earlier: later}
            yield tuple((other.get(task, task), count) for task, count in schedule)


_PASSES: Final = (_prefixes, _without_runs, _merged, _until_blocked, _earlier, _exchanged)
