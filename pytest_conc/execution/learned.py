"""What one exploration has learned about the program, from one execution to the next."""

from __future__ import annotations

from typing import Any


class Learned:
    """The sites that have touched state that matters, and whether anybody looks at the end of a task."""

    def __init__(self) -> None:
        self.hot: list[Any] = []
        self.exits = False

    def forget(self) -> None:
        """The exploration is over; the next one starts cold, or it would not be repeatable."""
        for site in self.hot:
            site.hot = False
        self.hot.clear()
        self.exits = False
