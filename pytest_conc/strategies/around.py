"""A strategy around another one passes on what it does not change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pytest_conc.strategies.protocol import Pending, Strategy, Trace


class Around:
    """The strategy inside, unchanged."""

    def __init__(self, strategy: Strategy) -> None:
        self._strategy = strategy

    def begin(self, trace: Trace) -> None:
        """A new execution starts."""
        self._strategy.begin(trace)

    def choose(self, running: Pending, enabled: Sequence[Pending]) -> Pending:
        """What the strategy inside chooses."""
        return self._strategy.choose(running, enabled)

    def __getattr__(self, name: str) -> Any:
        """What a strategy may have besides: `end`, `exhausted`, `draws`, …; missing here exactly if it is inside."""
        return getattr(self._strategy, name)
