"""A strategy object of the user's: its code may be watched itself, and must not become part of the execution."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_conc.model.current import outside
from pytest_conc.strategies.protocol import Pending, Strategy, Trace


class Foreign:
    """Passes everything on, outside of the execution."""

    def __init__(self, strategy: Strategy) -> None:
        self._strategy = strategy

    def begin(self, trace: Trace) -> None:
        """Passed on."""
        with outside():
            self._strategy.begin(trace)

    def choose(self, running: Pending, enabled: Sequence[Pending]) -> Pending:
        """Passed on."""
        with outside():
            return self._strategy.choose(running, enabled)

    def end(self) -> None:
        """Passed on, to a strategy that wants to know."""
        end = getattr(self._strategy, "end", None)
        if end is not None:
            with outside():
                end()

    @property
    def exhausted(self) -> bool:
        """Whether it has nothing left to try."""
        return bool(getattr(self._strategy, "exhausted", False))

    @property
    def draws(self) -> bool:
        """Whether it chooses at random."""
        return bool(getattr(self._strategy, "draws", True))

    @property
    def curious(self) -> bool:
        """Whether it wants to be asked now and then where it seems not to matter."""
        return bool(getattr(self._strategy, "curious", True))

    @property
    def asks_always(self) -> bool:
        """Whether it wants to be asked at every operation, also where only one task is enabled."""
        return bool(getattr(self._strategy, "asks_always", False))
