"""The numbers of stressed tests: what the steps of pytest-repeat and the workers of xdist report, added up by test.

A report carries the record of its own runs, `report.conc_stress`, as plain data. The process that prints gets all of
them, whichever worker ran which step, so it alone adds up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from pytest_conc.stressing.outcomes import without_numbers
from pytest_conc.stressing.rate import Rate

Record = Mapping[str, Any]
MOST: Final = 3
WIDEST: Final = 120
_WHY_ENDED: Final = {
    "seconds": "the time was over",
    "failure": "it was to stop at the first failure",
    "hang": "a run did not end",
    "exit": "the session was stopped",
}


class Group(NamedTuple):
    """Failures that are the same: what was raised, with which text, where; and how often."""

    error: str
    message: str
    file: str
    line: int
    times: int

    def __str__(self) -> str:
        what = f"{self.error}: {self.message}" if self.message else self.error
        return f"{what} ({self.file}:{self.line})" if self.file else what


class Tally(NamedTuple):
    """All runs of one test. `test` is its id without a step, `ended_by` says what ended how many steps."""

    test: str
    rate: Rate
    seconds: float
    ended_by: Mapping[str, int]
    delays: str
    seed: int
    expected: bool
    groups: tuple[Group, ...]
    again: str


def tallies(records: Iterable[Record]) -> list[Tally]:
    """One tally a test, in the order in which the tests came first."""
    steps: dict[str, list[Record]] = {}
    for record in records:
        steps.setdefault(record["test"], []).append(record)
    return [_added_up(test, of_test) for test, of_test in steps.items()]


def _added_up(test: str, steps: Sequence[Record]) -> Tally:
    telling = next((step for step in steps if step["failed"]), steps[0])
    return Tally(
        test=test,
        rate=Rate(sum(step["failed"] for step in steps), sum(step["runs"] for step in steps)),
        seconds=sum(step["seconds"] for step in steps),
        ended_by=Counter(step["ended_by"] for step in steps),
        delays=telling["delays"],
        seed=telling["session_seed"],
        expected=any(step["expected"] for step in steps),
        groups=_merged(steps),
        again=telling["again"],
    )


def _merged(steps: Sequence[Record]) -> tuple[Group, ...]:
    """The groups of all steps, the most frequent first."""
    times: Counter[Group] = Counter()
    met: dict[Group, Group] = {}
    for step in steps:
        for group in step["groups"]:
            first = Group(group["error"], group["message"], group["file"], group["line"], times=0)
            same = met.setdefault(first._replace(message=without_numbers(first.message)), first)
            times[same] += group["times"]
    return tuple(group._replace(times=count) for group, count in times.most_common())


def write_rates(terminal: Any, shown: Sequence[Tally]) -> None:
    """Writes a line for each test, and its distinct failures below."""
    verbose = terminal.config.get_verbosity() > 0
    terminal.write_sep("\u2500", "stress")
    for tally in shown:
        terminal.write_line(f"{tally.test}: {tally.rate}")
        for line in _details(tally, verbose):
            terminal.write_line(f"  {line}")


def _details(tally: Tally, verbose: bool) -> Iterator[str]:
    groups = tally.groups if verbose else tally.groups[:MOST]
    width = len(str(max((group.times for group in groups), default=0)))
    for group in groups:
        yield _shortened(f"{group.times:{width}} \u00d7 {group}", verbose)
    if len(groups) < len(tally.groups):
        yield f"and {len(tally.groups) - len(groups)} more kinds of failure (-v lists them)"
    for bound, why in _WHY_ENDED.items():
        if bound in tally.ended_by:
            yield f"ended before all runs were made: {why}"
    if tally.rate.failed and not tally.expected:
        yield f"again: {tally.again}"


def _shortened(line: str, verbose: bool) -> str:
    """The line, with its middle left out if it is long: what was raised is at its start, where at its end."""
    if verbose or len(line) <= WIDEST:
        return line
    return f"{line[: WIDEST - 42]}\u2026{line[-41:]}"


def stressed_record(tally: Tally) -> dict[str, Any]:
    """The numbers of one test, as `--conc-json` has them; the schema is docs/reference/json.md."""
    low, high = tally.rate.interval
    return {
        "test": tally.test,
        "runs": tally.rate.runs,
        "failed": tally.rate.failed,
        "share": tally.rate.share,
        "low": low,
        "high": high,
        "rate": str(tally.rate),
        "seconds": tally.seconds,
        "ended_by": dict(tally.ended_by),
        "delays": tally.delays,
        "expected": tally.expected,
        "failures": [group._asdict() for group in tally.groups],
        "again": tally.again if tally.rate.failed else "",
    }


def junit_properties(record: Record) -> list[tuple[str, object]]:
    """The properties of the testcase in the file of --junitxml: those of its own runs, as a step is a testcase."""
    return [("conc_runs", record["runs"]), ("conc_failed", record["failed"])]
