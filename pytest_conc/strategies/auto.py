"""The default: a few plain schedules first, then a mix led by POS.

The plain ones find what fails in every order, show the learner the order that he expects, and tell which
state is shared. Of ten executions after that seven are POS, two random walk, one PCT: POS is the most even of
them, but each has programs on which it is the only one that finds anything, and a mix is at worst slower by the
inverse of the right one's share.
"""

from __future__ import annotations

from pytest_conc.strategies.pct import PCT
from pytest_conc.strategies.plain import FirstInFirstOut, Reversed, RoundRobin
from pytest_conc.strategies.pos import POS
from pytest_conc.strategies.protocol import Strategy
from pytest_conc.strategies.random_walk import RandomWalk


def _mix(pos: Strategy, walk: Strategy, pct: Strategy) -> tuple[Strategy, ...]:
    return pos, pos, walk, pos, pos, pct, pos, pos, walk, pos


class Auto:
    """Plain, then the mix."""

    def __init__(self, seed: int) -> None:
        self._plain: list[Strategy] = [FirstInFirstOut(), Reversed(), RoundRobin()]
        self._mix: list[Strategy] = [*_mix(POS(seed), RandomWalk(seed + 1), PCT(seed + 2))]
        self._begun = 0
        self.choose = self._plain[0].choose

    def begin(self) -> None:
        """The strategy whose turn it is chooses in this execution."""
        plain = len(self._plain)
        turn = self._begun
        current = self._plain[turn] if turn < plain else self._mix[(turn - plain) % len(self._mix)]
        self._begun += 1
        self.choose = current.choose
        current.begin()
