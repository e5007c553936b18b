"""A strategy object of the user's: its code may be watched itself, and must not become part of the execution."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_conc.model.current import outside
from pytest_conc.strategies.around import Around
from pytest_conc.strategies.protocol import Pending, Trace


class Foreign(Around):
    """Calls the strategy inside as if there were no execution."""

    def begin(self, trace: Trace) -> None:
        """A new execution starts."""
        with outside():
            super().begin(trace)

    def choose(self, running: Pending, enabled: Sequence[Pending]) -> Pending:
        """What the strategy inside chooses."""
        with outside():
            return super().choose(running, enabled)

    def end(self) -> None:
        """The execution is over."""
        end = getattr(self._strategy, "end", None)
        if end is not None:
            with outside():
                end()
