"""A strategy around another one passes on what it does not change."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_conc.strategies.protocol import Pending, Strategy, Trace


class Around:
    """The strategy inside, unchanged; what it need not have is there with its usual value."""

    def __init__(self, strategy: Strategy) -> None:
        self._strategy = strategy

    def begin(self, trace: Trace) -> None:
        """A new execution starts."""
        self._strategy.begin(trace)

    def choose(self, running: Pending, enabled: Sequence[Pending]) -> Pending:
        """What the strategy inside chooses."""
        return self._strategy.choose(running, enabled)

    def end(self) -> None:
        """Tells the strategy inside that the execution is over, if it wants to know."""
        end = getattr(self._strategy, "end", None)
        if end is not None:
            end()

    @property
    def exhausted(self) -> bool:
        """Whether nothing is left to try."""
        return bool(getattr(self._strategy, "exhausted", False))

    @property
    def draws(self) -> bool:
        """Whether this execution is drawn at random."""
        return bool(getattr(self._strategy, "draws", True))

    @property
    def curious(self) -> bool:
        """Whether to be asked now and then about what does not seem to matter."""
        return bool(getattr(self._strategy, "curious", True))

    @property
    def asks_always(self) -> bool:
        """Whether to be asked at every operation, also where only one task is enabled."""
        return bool(getattr(self._strategy, "asks_always", False))
