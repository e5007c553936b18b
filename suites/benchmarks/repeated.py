"""How often the programs of `suites/classics/repeated.py` fail when they are run for real, and how soon.

    python -m suites.benchmarks.repeated [--sessions 20] [--runs 100] [--fixed 1000] [--only NAME ...]

A session is what one `@stress` test does with default delays and nothing learned before. `found` says in how many
sessions a run failed, `first` in which run on the average and at worst, `rate` how many of all runs failed where all
are made (a hang ends a session). `repeated` is the same program just repeated, with the switch interval that pytest
has, and `fixed` the mended program in one session. A run that hangs is recognised by its blocked threads.
"""

import argparse
from collections.abc import Callable
from statistics import mean

from pytest_conc.instrument.instrumentation import REWRITTEN, Instrumentation
from pytest_conc.stressed import SWITCH_INTERVAL
from pytest_conc.stressing.delays import Delays, NoDelays
from pytest_conc.stressing.guarded import Guarded
from pytest_conc.stressing.near_misses import NearMisses
from suites.benchmarks.table import machine, markdown, significant
from suites.classics import repeated


def session(program: Callable[[], None], delays: Delays, runs: int, interval: float | None) -> list[bool]:
    """Whether each run failed; a hang is the last one."""
    failed: list[bool] = []
    instrumentation = Instrumentation([repeated], False, REWRITTEN) if delays.watches else None
    with Guarded(delays, 10.0, instrumentation).on_guard(interval) as guarded:
        while len(failed) < runs and not guarded.hung:
            failed.append(guarded.run(program) is not None)
    return failed


def row(name: str, sessions: int, runs: int, fixed_runs: int) -> list[str]:
    buggy, fixed = repeated.PROGRAMS[name]
    made = [session(buggy, NearMisses(seed, {}), runs, SWITCH_INTERVAL) for seed in range(sessions)]
    first = [failed.index(True) + 1 for failed in made if any(failed)]
    plain = session(buggy, NoDelays(), runs, None)
    mended = session(fixed, NearMisses(1, {}), fixed_runs, SWITCH_INTERVAL)
    return [
        name,
        f"{len(first)} of {sessions}",
        f"{significant(mean(first))}, {max(first)}" if first else "–",
        rate(made),
        rate([plain]),
        f"{sum(mended)} of {len(mended)}",
    ]


def rate(sessions: list[list[bool]]) -> str:
    """The share of failed runs; "hangs" where the only failures are hangs."""
    runs = [failed for session in sessions for failed in session]
    hangs = all(sum(failed) <= failed[-1] for failed in sessions) and any(map(any, sessions))
    return "hangs" if hangs else f"{100 * sum(runs) / len(runs):.0f} %"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--fixed", type=int, default=1000)
    parser.add_argument("--only", nargs="+", choices=repeated.PROGRAMS, default=list(repeated.PROGRAMS))
    options = parser.parse_args()
    header = ["program", "found", "first run, worst", "rate", "repeated", "fixed"]
    rows = [row(name, options.sessions, options.runs, options.fixed) for name in options.only]
    print(f"{machine()}; {options.sessions} sessions of {options.runs} runs\n\n{markdown(header, rows)}")


if __name__ == "__main__":
    main()
