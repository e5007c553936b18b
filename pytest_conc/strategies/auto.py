"""The default: a few plain schedules first, then a systematic search and a mix of random ones, turn by turn.

The plain schedules find what fails in every order, show the learner the order that he expects, and tell which task
touches what how often. After that every third execution belongs to DPOR, which does not repeat itself: it soon finds
any bug of a program with few interleaving classes. Where there are many it would stay in one corner for ever; so the
other executions are random. Of twenty of them thirteen are SURW, the strategy that is best on most programs, and
the rest are those that are good where it is not: a mix is at worst slower by the inverse of the right one's share.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import Any

from pytest_conc.strategies.dpor import DPOR
from pytest_conc.strategies.pct import PCT
from pytest_conc.strategies.plain import FirstInFirstOut, Reversed, RoundRobin
from pytest_conc.strategies.pos import POS
from pytest_conc.strategies.profile import Profile
from pytest_conc.strategies.protocol import Strategy, Trace
from pytest_conc.strategies.random_walk import RandomWalk
from pytest_conc.strategies.surw import SURW
from pytest_conc.strategies.urw import URW


class Auto:
    """Plain, then systematic and random by turns. `favourites` are what SURW draws more often: see `Profile`."""

    def __init__(self, seed: int, favourites: frozenset[tuple[str, Any]] = frozenset()) -> None:
        self._profile = Profile(favourites)
        self._trace: Trace = ()
        self._plain: list[Strategy] = [RoundRobin(), Reversed(), FirstInFirstOut()]
        self._dpor = DPOR(seed)
        surw, urw = SURW(seed + 1, self._profile), URW(seed + 2, self._profile)
        pos, pct, walk = POS(seed + 3), PCT(seed + 4), RandomWalk(seed + 5)
        ten: list[Strategy] = [surw, surw, urw, surw, pos, surw, surw, pct, surw]
        self._mix: Iterator[Strategy] = cycle([*ten, pos, *ten, walk])
        self._turn = 0
        self._current: Strategy = self._plain[-1]
        self.choose = self._current.choose

    def begin(self, trace: Trace) -> None:
        """The strategy whose turn it is chooses in this execution."""
        self._trace = trace
        self._current = self._next()
        self.choose = self._current.choose
        self._current.begin(trace)

    @property
    def draws(self) -> bool:
        """Whether this execution belongs to one of the random strategies."""
        return getattr(self._current, "draws", True)

    def _next(self) -> Strategy:
        if self._plain:
            return self._plain.pop()
        self._turn += 1
        if self._turn % 3 == 1 and not (self._dpor.exhausted or self._dpor.helpless):
            return self._dpor
        return next(self._mix)

    def end(self) -> None:
        """Tells DPOR what came of its execution; all others share what is known of the program."""
        if self._current is self._dpor:
            self._dpor.end()
        else:
            self._profile.learn(self._trace)
