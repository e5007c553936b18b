"""What has gone wrong in the helpers of a run, until somebody asks for it."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from pytest_conc.model.findings import Abort


class Trouble:
    """An exception that left a helper: `who` raised it, `key` is what somebody can ask for it."""

    def __init__(self, who: str, error: BaseException, key: Any) -> None:
        self.who = who
        self.error = error
        self.key = key
        self.trace: TracebackType | None = error.__traceback__
        self.raised_again_counts = False

    def is_collected(self) -> bool:
        """Whether it was raised again where somebody waited for it, if that can be seen at the exception only."""
        return self.raised_again_counts and self.error.__traceback__ is not self.trace

    def told(self) -> BaseException:
        """The exception, which says who has raised it."""
        self.error.add_note(f"raised in {self.who}")
        return self.error


class Troubles:
    """The troubles of one run."""

    def __init__(self) -> None:
        self._all: list[Trouble] = []

    def note(self, who: str, error: BaseException, key: Any = None) -> Trouble | None:
        """An exception left a helper. What we have raised ourselves to end it is none."""
        if isinstance(error, (Abort, SystemExit)):
            return None
        trouble = Trouble(who, error, key)
        self._all.append(trouble)
        return trouble

    def collect(self, key: Any) -> None:
        """Somebody has asked what became of it."""
        self._all = [trouble for trouble in self._all if trouble.key is not key]

    def uncollected(self) -> list[Trouble]:
        """Those that nobody has asked for, each exception once."""
        left = [trouble for trouble in self._all if not trouble.is_collected()]
        return list({id(trouble.error): trouble for trouble in left}.values())
