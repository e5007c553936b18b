"""After how many executions each strategy finds the bugs of `suites/classics`: means over the seeds, next to others'.

    python -m suites.benchmarks.strategies [--seeds 20] [--executions 3000] [--only NAME ...]

`auto max` is the worst seed of the default strategy. A number in brackets is the mean of other implementations on
models of the same programs (`suites/classics/published.py`); a dash says that a seed found nothing.
"""

import argparse
from collections.abc import Sequence
from statistics import mean

from pytest_conc import explore
from suites.benchmarks.table import machine, markdown, significant
from suites.classics import models, peers
from suites.classics.published import PUBLISHED

PROGRAMS = {
    **{name: models.PROGRAMS[name] for name in PUBLISHED},
    **{name: buggy for name, (buggy, _) in peers.PROGRAMS.items()},
}
STRATEGIES = ("auto", "surw", "urw", "pos", "pct", "random", "bounded", "dpor")


def found_at(name: str, strategy: str, seed: int, executions: int) -> int | None:
    exploration = explore(PROGRAMS[name], strategy=strategy, executions=executions, seed=seed)
    return None if exploration.failure is None else exploration.executions


def cell(numbers: Sequence[int | None], published: int | None) -> str:
    found = [number for number in numbers if number is not None]
    ours = significant(mean(found)) if len(found) == len(numbers) else "–"
    return ours if published is None else f"{ours} ({published})"


def row(name: str, seeds: int, executions: int) -> list[str]:
    cells = [name]
    for strategy in STRATEGIES:
        numbers = [found_at(name, strategy, seed, executions) for seed in range(1 if strategy == "bounded" else seeds)]
        cells.append(cell(numbers, PUBLISHED.get(name, {}).get(strategy)))
        if strategy == "auto":
            cells.append("–" if None in numbers else str(max(filter(None, numbers))))
    return cells


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--executions", type=int, default=3000)
    parser.add_argument("--only", nargs="+", choices=PROGRAMS, default=list(PROGRAMS))
    options = parser.parse_args()
    header = ["program", "auto", "auto max", *STRATEGIES[1:]]
    rows = [row(name, options.seeds, options.executions) for name in options.only]
    print(f"{machine()}; mean executions to the first failure, {options.seeds} seeds\n\n{markdown(header, rows)}")


if __name__ == "__main__":
    main()
