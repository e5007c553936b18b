"""The default: a few plain schedules first, then PCT and random walk in turn.

The plain ones find what fails in every order, show the learner the order that he expects, and tell which
state is shared. PCT finds what needs few preemptions in long programs, the random walk what needs many in
short ones; taking turns costs at most a factor of two against the better of them.
"""
from __future__ import annotations

from pytest_conc.strategies.pct import PCT
from pytest_conc.strategies.plain import FirstInFirstOut, Reversed, RoundRobin
from pytest_conc.strategies.protocol import Strategy
from pytest_conc.strategies.random_walk import RandomWalk


class Auto:
    """Plain, then PCT and random walk in turn."""

    def __init__(self, seed: int) -> None:
        self._plain: list[Strategy] = [FirstInFirstOut(), Reversed(), RoundRobin()]
        self._mix: list[Strategy] = [PCT(seed), RandomWalk(seed + 1)]
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
