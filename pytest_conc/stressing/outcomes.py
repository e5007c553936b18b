"""The failures of many runs, grouped: what was raised, with which text (whatever its numbers are), where."""

from __future__ import annotations

import os
import re
from traceback import walk_tb
from typing import Any

from pytest_conc.stressing.stacks import is_users


class Group:
    """Failures that are the same. `error` is the first of them."""

    def __init__(self, error: BaseException, run: int, root: str) -> None:
        self.error = error
        self.first_run = run
        self.times = 0
        self.name = type(error).__name__
        self.message = _first_line(error)
        self.file, self.line = _place(error, root)

    @property
    def key(self) -> tuple[str, str, str, int]:
        """What makes two failures the same."""
        return self.name, without_numbers(self.message), self.file, self.line

    def record(self) -> dict[str, Any]:
        """The group as plain data."""
        return {
            "error": self.name,
            "message": self.message,
            "file": self.file,
            "line": self.line,
            "times": self.times,
            "first_run": self.first_run,
        }


class Outcomes:
    """What came of the runs of one test."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._groups: dict[tuple[str, str, str, int], Group] = {}
        self.runs = 0

    @property
    def failed(self) -> int:
        """How many runs have failed."""
        return sum(group.times for group in self._groups.values())

    @property
    def groups(self) -> list[Group]:
        """The distinct failures, the most frequent first."""
        return sorted(self._groups.values(), key=lambda group: -group.times)

    @property
    def errors(self) -> list[BaseException]:
        """The first failure of each group, in the order in which they came."""
        return [group.error for group in self._groups.values()]

    @property
    def first_failing_run(self) -> int:
        """The number of the first run that has failed."""
        return min(group.first_run for group in self._groups.values())

    def count(self, error: BaseException | None) -> None:
        """One more run."""
        self.runs += 1
        if error is not None:
            group = Group(error, self.runs, self._root)
            self._groups.setdefault(group.key, group).times += 1


def without_numbers(text: str) -> str:
    """The text with each number masked: `assert 98 == 100` and `assert 99 == 100` are one failure."""
    return re.sub(r"0x[0-9a-f]+|\d+", "#", text)


def _first_line(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception as another:
        return f"<its text cannot be shown: {type(another).__name__}>"
    lines = text.splitlines()
    return " ".join(line.strip() for line in lines[: 2 if lines[:1] and lines[0].endswith(":") else 1])


def _place(error: BaseException, root: str) -> tuple[str, int]:
    """The innermost line of the user's code that the error came through, its file relative to `root` if below it."""
    places = [(frame.f_code, line) for frame, line in walk_tb(error.__traceback__) if is_users(frame.f_code)]
    if not places:
        return "", 0
    code, line = places[-1]
    name = code.co_filename
    return (os.path.relpath(name, root) if name.startswith(os.path.join(root, "")) else name), line
