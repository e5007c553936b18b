"""The lines at the end of a session: one verdict a test, and what was found by tests that should find something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pytest_conc.report.colour import painted
from pytest_conc.report.rates import tallies, write_rates

MOST: Final = 3


def write_summary(terminal: Any, reports: Sequence[Any], once: Mapping[str, str], stressed: Sequence[Any] = ()) -> None:
    """Writes what `-v` and `--conc-show` ask for, and the rates of stressed tests.

    `once` says why a test that was to be explored or stressed ran once only.
    """
    verbose = terminal.config.get_verbosity() > 0
    if terminal.config.getoption("conc_show") or terminal.config.getoption("conc_replay"):
        _write_found(terminal, [(report.nodeid, report.conc.get("found")) for report in reports])
        _write_found(terminal, [(report.nodeid, report.conc_stress.get("found")) for report in stressed])
    if verbose and reports:
        _write_verdicts(terminal, reports)
    _write_rates(terminal, stressed, verbose)
    _write_once(terminal, once, verbose)


def _write_found(terminal: Any, found: Sequence[tuple[str, str | None]]) -> None:
    for nodeid, text in found:
        if text:
            terminal.write_sep("─", f"found by {nodeid}")
            terminal.write_line(painted(text, terminal._tw.markup))


def _write_verdicts(terminal: Any, reports: Sequence[Any]) -> None:
    terminal.write_sep("─", "interleavings")
    for report in reports:
        terminal.write_line(f"{report.nodeid}: {report.conc['verdict']}")
    watched = sorted({name for report in reports for name in report.conc["watched"]})
    terminal.write_line(f"watched: {', '.join(watched)}")


def _write_rates(terminal: Any, stressed: Sequence[Any], verbose: bool) -> None:
    """Of every test that fails or has finds=; under -v of all."""
    failing = {report.conc_stress["test"] for report in stressed if report.failed}
    counted = tallies(report.conc_stress for report in stressed)
    shown = [each for each in counted if verbose or each.rate.failed or each.expected or each.test in failing]
    if shown:
        write_rates(terminal, shown)


def _write_once(terminal: Any, once: Mapping[str, str], verbose: bool) -> None:
    """What was to be explored or stressed, and ran once: some tests for each reason, under -v all."""
    stresses = terminal.config.getoption("conc_stress", None) is not None
    label = f"ran once, not {'stressed' if stresses else 'explored'}"
    for reason in dict.fromkeys(once.values()):
        tests = [nodeid for nodeid, why in once.items() if why == reason]
        more = [] if verbose else tests[MOST:]
        for nodeid in tests[: len(tests) - len(more)]:
            terminal.write_line(f"{label}: {nodeid} ({reason})")
        if more:
            terminal.write_line(f"{label}: {len(more)} more for the same reason (-v lists them)")
