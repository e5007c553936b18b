"""Time as somebody sees it who looks at a clock often: what nobody could watch does not count.

A process that is stopped (Ctrl-Z, a debugger from outside) and a machine that sleeps, or that is paused by its host,
lose minutes at once. Nothing has happened meanwhile, and yet nothing hangs.
"""

from __future__ import annotations

from typing import Final

from pytest_conc.controlled import originals

LOOKS: Final = 3  # a gap as long as so many looks should take is believed; more was not watched


class WatchedTime:
    """A clock for somebody who looks at it every `pause` seconds; it starts at 0."""

    def __init__(self, pause: float) -> None:
        self._most = LOOKS * pause
        self._last = originals.monotonic()
        self._seconds = 0.0

    def now(self) -> float:
        """Seconds that were watched until now."""
        last, self._last = self._last, originals.monotonic()
        self._seconds += min(self._last - last, self._most)
        return self._seconds
