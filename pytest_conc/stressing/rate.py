"""How often a test fails: so many of so many runs, and between which bounds the probability of a failure lies.

The interval is the score interval of Edwin B. Wilson, *Probable inference, the law of succession, and statistical
inference* (1927). With p the share of the n runs that failed and z = 1.96 it reaches from

    (p + z²/2n − z √(p(1−p)/n + z²/4n²)) / (1 + z²/n)    to the same with + z √…

Of all intervals made like this, about 95 of 100 have the true probability in them, also for few runs and for shares
near 0 and 1, where the textbook's p ± z √(p(1−p)/n) has no width at all: 0 failures in 100 runs do not show that a
test never fails, but that it fails in at most 3.7 % of its runs. The runs are taken for independent of each other.
Those of a stress test are so only nearly, because delays are learned from one run to the next.
"""

from __future__ import annotations

from math import sqrt
from typing import Final, NamedTuple

_Z: Final = 1.959963984540054  # 95 % of a normal distribution lie within so many standard deviations


class Rate(NamedTuple):
    """So many of so many runs failed."""

    failed: int
    runs: int

    @property
    def share(self) -> float:
        """The failed runs divided by all; 0 where there was no run."""
        return self.failed / self.runs if self.runs else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The bounds of the 95 % interval for the probability of a failure, from 0 to 1."""
        if not self.runs:
            return 0.0, 1.0
        p, n, square = self.share, self.runs, _Z * _Z
        middle = p + square / (2 * n)
        reach = _Z * sqrt(p * (1 - p) / n + square / (4 * n * n))
        low, high = ((middle + sign * reach) / (1 + square / n) for sign in (-1, 1))
        return (low if self.failed else 0.0), (high if self.failed < n else 1.0)

    def __str__(self) -> str:
        """`37 of 100 runs failed (37.0 %, 95 % CI 28.2–46.8, Wilson)`."""
        if not self.runs:
            return "no run was made"
        low, high = (f"{100 * bound:.1f}" for bound in self.interval)
        return f"{self.failed} of {self.runs} runs failed ({100 * self.share:.1f} %, 95 % CI {low}\u2013{high}, Wilson)"
