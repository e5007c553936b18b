"""URW: uniform over all interleavings, if each task performs as many operations as in the execution before.

Idea: pick each task in proportion to the operations that it still has. Then all interleavings are equally
likely, where a random walk strongly prefers those in which the tasks are done at about the same time. Source: Zhao,
Wolff, Mathur, Roychoudhury, "Selectively Uniform Concurrency Testing", ASPLOS 2025. Guarantee: if the counts are
right, tasks do not start tasks and nothing blocks, each of the (k1 + … + kn)! / (k1! … kn!) interleavings has the same
chance. Cost: a pass over the enabled tasks a step. Weak where most operations do not matter: see `surw`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pytest_conc.strategies.profile import COUNTED, Profile, Profiled, harmless
from pytest_conc.strategies.protocol import Pending, Trace


class URW(Profiled):
    """Uniform random walk."""

    def __init__(self, seed: int, profile: Profile | None = None) -> None:
        super().__init__(seed, profile)
        self._left: Counter[int] = Counter()

    def begin(self, trace: Trace) -> None:
        """Every task has all its operations before it."""
        super().begin(trace)
        self._left = self._profile.operations.copy()

    def choose(self, running: Pending, enabled: Sequence[Pending]) -> Pending:
        """A task, in proportion to the operations that it still has."""
        free = harmless(running, enabled)
        if free is not None:
            return free
        for index in range(self._seen, len(self._trace)):
            task, kind, _ = self._trace[index]
            self._left[task.path] -= kind in COUNTED
        self._seen = len(self._trace)
        weights = [max(self._left[task.path], 1) for task in enabled]
        return self._random.choices(enabled, weights)[0]
