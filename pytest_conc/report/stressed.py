"""What is printed below a failing stress test: how often it failed and how, where its runs slept, how to go on."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from pytest_conc.stressing.outcomes import Outcomes
from pytest_conc.stressing.rate import Rate

WIDTH: Final = 100
MOST_GROUPS: Final = 8
MOST_PLACES: Final = 5
_OTHER_DELAYS: Final = {
    "random": "Threads slept at random accesses to shared state.",
    "points": "Greenlets switch where they wait: nothing slept but sleep points.",
    "off": "No sleeps were injected.",
}


def stress_section(outcomes: Outcomes, delays: str, places: Sequence[str], exploration: str, commands: str) -> str:
    """The section; `places` are the lines at which threads slept, `exploration` what an exploration says, in words."""
    lines = [str(Rate(outcomes.failed, outcomes.runs)), *_groups(outcomes), ""]
    lines += _slept(delays, places)
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


def _slept(delays: str, places: Sequence[str]) -> list[str]:
    if delays != "learned":
        return [_OTHER_DELAYS[delays]]
    if not places:
        return []
    more = [f"  and at {len(places) - MOST_PLACES} more"] if len(places) > MOST_PLACES else []
    shown = [f"  {_cut(place, WIDTH - 2)}" for place in places[:MOST_PLACES]]
    return ["Threads slept where they had come near each other:", *shown, *more, ""]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH)
