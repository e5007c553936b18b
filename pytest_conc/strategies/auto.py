"""The default: a few plain schedules first, then a mix led by guided POS.

The plain ones find what fails in every order, show the learner the order that he expects, and tell which
state is shared. Of ten executions after that eight are guided POS, one is a random walk, one PCT: the first is the
most even of all, but each has programs on which it is the only one that finds anything, and a mix is at worst
slower by the inverse of the right one's share.
"""

from __future__ import annotations

from pytest_conc.strategies.guided import Guided
from pytest_conc.strategies.pct import PCT
from pytest_conc.strategies.plain import FirstInFirstOut, Reversed, RoundRobin
from pytest_conc.strategies.protocol import Strategy
from pytest_conc.strategies.random_walk import RandomWalk


class Auto:
    """Plain, then the mix."""

    def __init__(self, seed: int) -> None:
        self._plain: list[Strategy] = [FirstInFirstOut(), Reversed(), RoundRobin()]
        guided, walk, pct = Guided(seed), RandomWalk(seed + 1), PCT(seed + 2)
        self._mix: list[Strategy] = [*[guided] * 4, walk, *[guided] * 4, pct]
        self._begun = 0
        self._current: Strategy = self._plain[0]
        self.choose = self._current.choose

    def begin(self) -> None:
        """The strategy whose turn it is chooses in this execution."""
        plain = len(self._plain)
        turn = self._begun
        self._current = self._plain[turn] if turn < plain else self._mix[(turn - plain) % len(self._mix)]
        self._begun += 1
        self.choose = self._current.choose
        self._current.begin()

    def end(self, is_new: bool) -> None:
        """Tells the strategy of this execution what came of it, if it wants to know."""
        if isinstance(self._current, Guided):
            self._current.end(is_new)
