"""The default: a few plain schedules first, then a proof and a mix of random ones by turns, then what is worth more.

The plain schedules find what fails in every order, show the learner the order that he expects, and tell which task
touches what how often. After that every second execution belongs to DPOR, which does not repeat itself and soon has
all interleaving classes of a small program: that is the proof. The others are random, since DPOR would stay in one
corner of a large program for ever. Of twenty of them thirteen are SURW, the strategy that is best on most programs, and
the rest are those that are good where it is not: a mix is at worst slower by the inverse of the right one's share.

DPOR estimates how many classes are left. From execution `PROBED` on it has all turns as long as these are few, or fewer
than what has been spent already: so the proof costs no more than the search did, however many executions are
asked for, and the first ones do not depend on how many that is. Otherwise it has one turn in `SELDOM`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import Any, Final

from pytest_conc.strategies.dpor import DPOR
from pytest_conc.strategies.pct import PCT
from pytest_conc.strategies.plain import FirstInFirstOut, Reversed, RoundRobin
from pytest_conc.strategies.pos import POS
from pytest_conc.strategies.profile import Profile
from pytest_conc.strategies.protocol import Strategy, Trace
from pytest_conc.strategies.random_walk import RandomWalk
from pytest_conc.strategies.surw import SURW
from pytest_conc.strategies.urw import URW

PROBED: Final = 48
FEW: Final = 500
SELDOM: Final = 4


class Auto:
    """Plain, then systematic and random by turns; random alone if it is not to try a proof (`proves`).

    `favourites` are what SURW draws more often: see `Profile`.
    """

    def __init__(self, seed: int, favourites: frozenset[tuple[str, Any]] = frozenset(), *, proves: bool = True) -> None:
        self._profile = Profile(favourites)
        self._trace = Trace()
        self._plain: list[Strategy] = [RoundRobin(), Reversed(), FirstInFirstOut()]
        self._dpor = DPOR(seed)
        self._dpor.helpless = not proves
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

    @property
    def asks_everywhere(self) -> bool:
        """Whether this execution belongs to DPOR."""
        return getattr(self._current, "asks_everywhere", False)

    @property
    def exhausted(self) -> bool:
        """Whether DPOR has all interleaving classes."""
        return self._dpor.exhausted

    @property
    def why(self) -> str:
        """Why it is a proof, or none."""
        if self._dpor.exhausted:
            return f"proved by dpor in {self._dpor.executions} of them"
        if self._dpor.helpless:
            return "sampled, since dpor cannot prove anything here"
        if self._dpor.estimate is None:
            return ""
        return f"sampled, since a proof would need about {_rounded(self._dpor.estimate)} executions"

    def _next(self) -> Strategy:
        if self._plain:
            return self._plain.pop()
        self._turn += 1
        return self._dpor if self._turn % self._every() == 0 and not self._dpor.helpless else next(self._mix)

    def _every(self) -> int:
        """One turn in how many is DPOR's."""
        if self._turn < PROBED or self._dpor.estimate is None:
            return 2
        left = self._dpor.estimate - self._dpor.executions
        return 1 if left <= max(FEW, self._turn) else SELDOM

    def end(self) -> None:
        """Tells DPOR what came of its execution; all others share what is known of the program."""
        if self._current is self._dpor:
            self._dpor.end()
        else:
            self._profile.learn(self._trace)


def _rounded(number: float) -> str:
    """A large number, as roughly as it is known."""
    return f"{float(f'{number:.1g}'):,.0f}".replace(",", " ") if number < 1e7 else f"{number:.0e}"
