"""Guided: POS that starts half of its executions like an earlier one that showed something new.

Idea: a bug behind three preemptions needs all three in one execution, and to draw them all at once is rare. But an
execution with the first one right is often a new interleaving class already; so its choices are kept, and later
executions begin with a random part of them and go on by POS. What is rare is reached step by step, as a
coverage-guided fuzzer does it. Source: Wolff, Shi, Duck, Mathur, Roychoudhury, "Greybox Fuzzing for
Concurrency Testing", ASPLOS 2024, whose feedback is which write each read reads from; here it is the class of the
whole trace. No guarantee beyond that of POS for the other half. Cost: one list of choices a class, at most `KEPT`.

Measured on the programs of `suites/classics` (mean of 20 seeds, as part of `auto`): three_preemptions 57 executions
instead of 190, six_turns 81 instead of 220, the others unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Final

from pytest_conc.strategies.pos import POS
from pytest_conc.strategies.protocol import Pending

KEPT: Final = 1000


class Guided(POS):
    """POS with a memory for executions that were new."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._draw = Random(~seed).random
        self._kept: list[tuple[int, ...]] = []
        self._plan: tuple[int, ...] = ()
        self._choices: list[int] = []

    def begin(self) -> None:
        """Plans to start like an earlier execution, or not."""
        super().begin()
        self._choices = []
        self._plan = ()
        if self._kept and self._draw() < 0.5:
            earlier = self._kept[int(self._draw() * len(self._kept))]
            self._plan = earlier[: int(self._draw() * (len(earlier) + 1))]

    def choose(self, running: Pending, enabled: Sequence[Pending]) -> Pending:
        """The planned task while there is a plan that fits, then that of POS."""
        choices = self._choices
        chosen = self._planned(enabled, len(choices)) if len(choices) < len(self._plan) else None
        if chosen is None:
            chosen = POS.choose(self, running, enabled)
        choices.append(chosen.number)
        return chosen

    def _planned(self, enabled: Sequence[Pending], at: int) -> Pending | None:
        for task in enabled:
            if task.number == self._plan[at]:
                self._priorities.pop(task.number, None)
                return task
        self._plan = ()
        return None

    def end(self, is_new: bool) -> None:
        """The execution is over; `is_new` says that its interleaving class was not seen before."""
        if is_new and len(self._kept) < KEPT:
            self._kept.append(tuple(self._choices))
        elif is_new:
            self._kept[int(self._draw() * KEPT)] = tuple(self._choices)
