"""What an exploration has found, as `explore` returns it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from pytest_conc.execution.scheduler import Execution
from pytest_conc.model.failure import Failure
from pytest_conc.model.settings import Settings


class Exploration:
    """What an exploration has found; see `explore`.

    `executions` ran; `outcomes` counts what they returned or the class name of what they raised; `classes` is the
    number of distinct interleaving classes among them, of which `seen_once` were met a single time; `failure` is the
    first failure, minimised, or None. `ended_by` says which bound ended it, `watched` which modules were watched, `why`
    in one sentence why a strategy that could have proved it did so or not.
    `outdated` are the tokens of earlier runs that pass now.
    `drawn_by` makes the HTML that a notebook shows; the public face of the package sets it, since reports lie above.
    """

    drawn_by: ClassVar[Callable[[Exploration], str] | None] = None

    def __init__(self, settings: Settings, name: str) -> None:
        self.settings = settings
        self.name = name
        self.executions = 0
        self.exhaustive = False
        self.outcomes: Counter[Any] = Counter()
        self.failure: Failure | None = None
        self.ended_by = ""
        self.ended_with: BaseException | None = None
        self.watched: tuple[str, ...] = ()
        self.saw_sharing = False
        self.notes: list[str] = []
        self.why = ""
        self.outdated: list[str] = []
        self._classes: dict[int, int] = {}
        self._searched: set[int] = set()
        self._drawn = 0

    @property
    def classes(self) -> int:
        """How many distinct interleaving classes were seen."""
        return len(self._classes)

    @property
    def class_counts(self) -> Mapping[int, int]:
        """How often each interleaving class was met, by its number, which is the same in all explorations."""
        return self._classes

    @property
    def seen_once(self) -> int:
        """How many classes were drawn exactly once, and not met by a systematic search."""
        return self._seen(1)

    @property
    def drawn(self) -> int:
        """How many executions had a schedule that was drawn at random."""
        return self._drawn

    def _seen(self, times: int) -> int:
        return sum(count == times and number not in self._searched for number, count in self._classes.items())

    @property
    def estimated_classes(self) -> float | None:
        """Chao's lower bound for the number of classes there are (Chao 1984); None before anything ran."""
        if not self._classes:
            return None
        once = self.seen_once
        twice = self._seen(2)
        return self.classes + (once * once / (2 * twice) if twice else once * (once - 1) / 2)

    @property
    def unseen(self) -> float:
        """Good and Turing's estimate of the probability that one more drawn execution shows a new class (Good 1953)."""
        if self.exhaustive:
            return 0.0
        return self.seen_once / self.drawn if self.drawn else 1.0

    def raise_if_failed(self) -> None:
        """Raises the error of the failure, if there is one."""
        __tracebackhide__ = True
        if self.failure is not None:
            raise self.failure.error

    def __str__(self) -> str:
        from pytest_conc.exploration.verdict import verdict

        return verdict(self)

    def _repr_html_(self) -> str | None:
        """The timeline, in a notebook."""
        return None if Exploration.drawn_by is None else Exploration.drawn_by(self)

    def count(self, execution: Execution, class_number: int, drawn: bool) -> None:
        """One more execution has ended, whose schedule was drawn or belongs to a systematic search."""
        self.executions += 1
        self._drawn += drawn
        if not drawn:
            self._searched.add(class_number)
        self.outcomes[_outcome(execution)] += 1
        self._classes[class_number] = self._classes.get(class_number, 0) + 1


def _outcome(execution: Execution) -> Any:
    if execution.error is not None:
        return type(execution.error).__name__
    try:
        hash(execution.value)
    except TypeError:
        return repr(execution.value)
    return execution.value
