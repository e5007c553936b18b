"""A bound on preemptions around any strategy: most bugs need very few (Musuvathi and Qadeer, PLDI 2007)."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_conc.strategies.around import Around
from pytest_conc.strategies.protocol import Pending, Strategy, Trace


class AtMost(Around):
    """Lets the strategy preempt so many times in an execution; after that a task goes on while it can."""

    def __init__(self, preemptions: int, strategy: Strategy) -> None:
        super().__init__(strategy)
        self._bound = self._left = preemptions

    def begin(self, trace: Trace) -> None:
        """A new execution has all its preemptions again."""
        self._left = self._bound
        super().begin(trace)

    def choose(self, running: Pending, enabled: Sequence[Pending]) -> Pending:
        """What the strategy chooses, if it is no preemption or one is left."""
        could_go_on = running in enabled
        if could_go_on and self._left == 0:
            return running
        chosen = super().choose(running, enabled)
        self._left -= could_go_on and chosen is not running
        return chosen
