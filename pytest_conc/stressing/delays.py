"""Where real runs sleep: before the accesses at which a switch could matter.

A policy is asked before each access to shared state and each attempt to take a lock. It is called by all threads of
the run at once, so it does nothing that takes more than one step of the interpreter and must not be torn.
"""

from __future__ import annotations

from random import Random
from typing import Any, Final, Protocol

from pytest_conc.controlled.originals import sleep
from pytest_conc.instrument.site import Site
from pytest_conc.stressing.member import Member

MOST_SLEEPS: Final = 50  # of one thread in one run
LONGEST_RANDOM: Final = 0.0002  # seconds
SELDOM: Final = 10
OFTEN: Final = 3  # in a child process, which has no run before it to learn from
LONGEST_AT_POINT: Final = 0.002


class Delays(Protocol):
    """When and how long a thread sleeps."""

    @property
    def watches(self) -> bool:
        """Whether accesses to shared state are to be announced at all."""

    def begin(self, number: int) -> None:
        """A run begins."""

    def end(self, has_failed: bool) -> None:
        """The run is over."""

    def before(self, member: Member, writes: bool, resource: Any, site: Site) -> None:
        """Called before an access; may sleep."""

    def at_point(self, label: str) -> None:
        """Called at a sleep point; may sleep."""


class NoDelays:
    """`delays="off"`: sleeps nowhere."""

    watches = False

    def begin(self, number: int) -> None:
        """Nothing to prepare."""

    def end(self, has_failed: bool) -> None:
        """Nothing to learn."""

    def before(self, member: Member, writes: bool, resource: Any, site: Site) -> None:
        """Goes on."""

    def at_point(self, label: str) -> None:
        """Goes on."""


class RandomDelays:
    """`delays="random"`: before one access in `one_in`, for up to 0.2 ms."""

    watches = True

    def __init__(self, seed: int, one_in: int = SELDOM) -> None:
        self._seed = seed
        self._chance = 1 / one_in
        self._random = Random(seed)

    def begin(self, number: int) -> None:
        """A generator of its own for each run."""
        self._random = Random(f"{self._seed}:{number}")

    def end(self, has_failed: bool) -> None:
        """Nothing to learn."""

    def before(self, member: Member, writes: bool, resource: Any, site: Site) -> None:
        """Sleeps, or not."""
        if member.sleeps < MOST_SLEEPS and self._random.random() < self._chance:
            member.sleeps += 1
            sleep(self._random.random() * LONGEST_RANDOM)

    def at_point(self, label: str) -> None:
        """Half of the time."""
        sleep_at_point(self._random)


def sleep_at_point(random: Random) -> None:
    """Half of the time not at all, else for up to 2 ms: somebody has marked the place because it matters."""
    if random.random() < 0.5:
        sleep(random.random() * LONGEST_AT_POINT)
