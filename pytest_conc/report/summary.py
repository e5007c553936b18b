"""The lines at the end of a session: one verdict a test, and what was found by tests that should find something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pytest_conc.report.colour import painted

MOST: Final = 3


def write_summary(terminal: Any, reports: Sequence[Any], once: Mapping[str, str]) -> None:
    """Writes what `-v` and `--conc-show` ask for; `once` says why a test that was to be explored ran once only."""
    verbose = terminal.config.get_verbosity() > 0
    if terminal.config.getoption("conc_show") or terminal.config.getoption("conc_replay"):
        for report in reports:
            if report.conc.get("found"):
                terminal.write_sep("─", f"found by {report.nodeid}")
                terminal.write_line(painted(report.conc["found"], terminal._tw.markup))
    if verbose and reports:
        terminal.write_sep("─", "interleavings")
        for report in reports:
            terminal.write_line(f"{report.nodeid}: {report.conc['verdict']}")
        watched = sorted({name for report in reports for name in report.conc["watched"]})
        terminal.write_line(f"watched: {', '.join(watched)}")
    for reason in dict.fromkeys(once.values()):
        tests = [nodeid for nodeid, why in once.items() if why == reason]
        more = [] if verbose else tests[MOST:]
        for nodeid in tests[: len(tests) - len(more)]:
            terminal.write_line(f"ran once, not explored: {nodeid} ({reason})")
        if more:
            terminal.write_line(f"ran once, not explored: {len(more)} more for the same reason (-v lists them)")
