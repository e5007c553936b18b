"""What is printed below a failing stress test: how often it failed and how, where its runs slept, how to go on."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from pytest_conc.stressing.outcomes import Outcomes
from pytest_conc.stressing.rate import Rate

WIDTH: Final = 100
MOST_GROUPS: Final = 8
MOST_LABELS: Final = 5
_OTHER_DELAYS: Final = {
    "random": "Threads slept at random accesses to shared state.",
    "points": "Greenlets switch where they wait: nothing slept but sleep points.",
    "off": "No sleeps were injected.",
}


def stress_section(outcomes: Outcomes, delays: str, labels: Sequence[str], exploration: str, commands: str) -> str:
    """The section; `labels` are what threads nearly met at, `exploration` what an exploration says, in words."""
    lines = [str(Rate(outcomes.failed, outcomes.runs)), *_groups(outcomes), ""]
    lines += _wrapped(_slept(delays, labels))
    if exploration:
        lines += _wrapped(f"{exploration[0].upper()}{exploration[1:]}.")
    return "\n".join([*lines, "", commands])


def _groups(outcomes: Outcomes) -> Iterator[str]:
    groups = outcomes.groups
    width = len(str(max((group.times for group in groups), default=0)))
    for group in groups[:MOST_GROUPS]:
        what = f"{group.name}: {group.message}" if group.message else group.name
        where = f" ({group.file}:{group.line})" if group.file else ""
        tail = f"{where}, first in run {group.first_run}"
        yield f"  {group.times:{width}} × {_cut(what, WIDTH - width - 5 - len(tail))}{tail}"
    if len(groups) > MOST_GROUPS:
        yield f"  and {len(groups) - MOST_GROUPS} more kinds of failure"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(width - 1, 1)] + "…"


def _slept(delays: str, labels: Sequence[str]) -> str:
    if delays != "learned":
        return _OTHER_DELAYS[delays]
    if not labels:
        return ""
    more = f" and {len(labels) - MOST_LABELS} more" if len(labels) > MOST_LABELS else ""
    return f"Threads came near each other at {', '.join(labels[:MOST_LABELS])}{more}: they slept there."


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH)
