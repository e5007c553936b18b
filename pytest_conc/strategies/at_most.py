"""A bound on preemptions around any strategy: most bugs need very few (Musuvathi and Qadeer, PLDI 2007)."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_conc.strategies.protocol import Pending, Strategy, Trace


class AtMost:
    """Lets the strategy preempt so many times in an execution; after that a task goes on while it can."""

    def __init__(self, preemptions: int, strategy: Strategy) -> None:
        self._bound = self._left = preemptions
        self._strategy = strategy

    def begin(self, trace: Trace) -> None:
        """A new execution has all its preemptions again."""
        self._left = self._bound
        self._strategy.begin(trace)

    def end(self) -> None:
        """Tells the strategy that the execution is over, if it wants to know."""
        end = getattr(self._strategy, "end", None)
        if end is not None:
            end()

    @property
    def exhausted(self) -> bool:
        """Whether the strategy has nothing left to try."""
        return bool(getattr(self._strategy, "exhausted", False))

    @property
    def draws(self) -> bool:
        """Whether the strategy chooses at random."""
        return bool(getattr(self._strategy, "draws", True))

    @property
    def curious(self) -> bool:
        """Whether the strategy wants to be asked now and then where it seems not to matter."""
        return bool(getattr(self._strategy, "curious", True))

    def choose(self, running: Pending, enabled: Sequence[Pending]) -> Pending:
        """What the strategy chooses, if it is no preemption or one is left."""
        could_go_on = running in enabled
        if could_go_on and self._left == 0:
            return running
        chosen = self._strategy.choose(running, enabled)
        self._left -= could_go_on and chosen is not running
        return chosen
