"""How often each task touches each resource: what SURW and URW know of a program before they run it again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any, Final

from pytest_conc.model.operation import MODES, NOTHING, READS
from pytest_conc.strategies.protocol import Pending, Trace

Key = Any
PLACED: Final = frozenset({"switch", "sleep point"})
FREE: Final = frozenset(kind for kind, mode in MODES.items() if mode == NOTHING) - PLACED
FOLLOW_UPS: Final = frozenset({"release", "notify", "exit", "begin to wait"})
FIRST: Final = 4
EVERY: Final = 16
MORE: Final = 8  # times as often a favourite is drawn
COUNTED: Final = frozenset(MODES) - FREE - PLACED - FOLLOW_UPS


def harmless(running: Pending, enabled: Sequence[Pending]) -> Pending | None:
    """A task whose operation conflicts with nothing: to perform it at once preempts nobody and takes no order away."""
    for task in (running,) if running in enabled else enabled:
        if task.kind in FREE:
            return task
    return None


def key_of(resource: Any) -> Key:
    """What identifies a resource in each execution; that of its container for an item, of its lock for a condition."""
    whole = getattr(resource, "container", None) or getattr(resource, "alias", None) or resource
    return whole.key() if hasattr(whole, "key") else None


class Profile:
    """Counts of one execution: operations of each task, in all and on each resource that tasks share.

    Most executions resemble the one before, so only the first few are counted, and then one in `EVERY`. `favourites`
    are the resources that are worth more than others, as pairs (name of the owner's type, name in the owner).
    """

    def __init__(self, favourites: frozenset[tuple[str, Any]] = frozenset()) -> None:
        self._favourites = favourites
        self.operations: Counter[int] = Counter()
        self.shared: dict[Key, Counter[int]] = {}
        self.totals: list[int] = []
        self._seen = 0

    def learn(self, trace: Trace) -> None:
        """One more execution has ended: replaces the counts by its own, if it is time to."""
        self._seen += 1
        if self._seen <= FIRST or self._seen % EVERY == 0:
            self._count(trace)

    def _count(self, trace: Trace) -> None:
        touched: dict[Any, Counter[int]] = {}
        changed = set()
        self.operations = Counter()
        for task, kind, resource in trace:
            if kind in COUNTED and resource is not None:
                key = key_of(resource)
                touched.setdefault(key, Counter())[task.path] += 1
                self.operations[task.path] += 1
                if MODES[kind] != READS:
                    changed.add(key)
        self.shared = {
            key: counts for key, counts in touched.items() if key in changed and key is not None and len(counts) > 1
        }
        self.totals = [counts.total() * self._worth(key) for key, counts in self.shared.items()]

    def _worth(self, key: Key) -> int:
        return MORE if self._favourites and tuple(key[1:]) in self._favourites else 1


class Profiled:
    """What strategies that know a profile have in common: they share one, or learn one of their own."""

    def __init__(self, seed: int, profile: Profile | None = None) -> None:
        self._random = Random(seed)
        self._profile = Profile() if profile is None else profile
        self._learns = profile is None
        self._trace = Trace()
        self._seen = 0

    def begin(self, trace: Trace) -> None:
        """A new execution starts."""
        self._trace, self._seen = trace, 0

    def end(self) -> None:
        """Learns the counts of this execution."""
        if self._learns:
            self._profile.learn(self._trace)
