"""Colour for a report on a terminal that has it. Nothing is said by colour alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

SECTION: Final = "interleaving"
_LINES: Final = (
    (re.compile(r"^[A-Z]\w+(: \w+)? (in|under) (execution \d|a schedule|the schedule)"), {"bold": True, "red": True}),
    (re.compile(r"^replay: "), {"bold": True}),
    (re.compile(r"^ *([\w.]+:)?\d+: "), {"cyan": True}),
    (re.compile(r"^ +(writes|puts|gets|sets|clears|notifies) "), {"yellow": True}),
    (re.compile(r"^[─ ]+$"), {"light": True}),
)


def painted(text: str, markup: Callable[..., str]) -> str:
    """The report with its lines marked up by pytest's `TerminalWriter.markup`."""
    lines = text.split("\n")
    return "\n".join(_painted(line, following, markup) for line, following in zip(lines, [*lines[1:], ""], strict=True))


def _painted(line: str, following: str, markup: Callable[..., str]) -> str:
    if following.startswith("─"):  # the names of the tasks stand above the rule
        return markup(line, bold=True)
    return next((markup(line, **how) for pattern, how in _LINES if pattern.match(line)), line)


@contextmanager
def coloured(reports: Iterable[Any], markup: Callable[..., str]) -> Iterator[None]:
    """Within, the reports are painted for the terminal; then they are plain again for everybody else."""
    plain = [(report, report.sections) for report in reports]
    for report, sections in plain:
        report.sections = [(name, painted(text, markup) if name == SECTION else text) for name, text in sections]
    try:
        yield
    finally:
        for report, sections in plain:
            report.sections = sections
