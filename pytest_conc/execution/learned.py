"""What one exploration has learned about the program, from one execution to the next."""

from __future__ import annotations

from typing import Any


class Learned:
    """The sites that have touched state that matters, and what makes further operations worth a switch.

    `exits`: somebody looks whether a task is over, so its end is a scheduling point. `tries`: somebody looks at a lock
    without waiting for it, so releasing a lock is one; otherwise a switch before a release differs in nothing
    from one before the operation ahead of it. `pulses`: somebody clears an event, so it is one when a task begins to
    wait for it. `spun`: a loop that waits was held until there was news.
    """

    def __init__(self) -> None:
        self.hot: list[Any] = []
        self.exits = False
        self.tries = False
        self.pulses = False
        self.spun = False
        self.begun = 0

    def is_curious(self) -> bool:
        """Whether the execution that begins now treats all sites as hot.

        One in sixteen does: a location that two tasks touch only if one of them is preempted at a cold site would
        never be found otherwise.
        """
        self.begun += 1
        return self.begun % 16 == 6

    def forget(self) -> None:
        """The exploration is over; the next one starts cold, or it would not be repeatable."""
        for site in self.hot:
            site.hot = False
        self.hot.clear()
        self.exits = self.tries = self.pulses = self.spun = False
        self.begun = 0
