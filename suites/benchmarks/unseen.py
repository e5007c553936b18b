"""Whether what a verdict says about unseen classes is true: its estimate against the true unseen mass.

    python -m suites.benchmarks.unseen [--seeds 200] [--long 50000]

A random walk draws the interleaving classes of a program with certain chances, which are counted in one long
exploration. Then there are many short ones, of 100 and of 1000 executions: for each it is known which classes it
has seen, so the chance that one more execution shows another one is, too. `estimate` and `true` are the means of both.
"""

import argparse
from collections.abc import Callable
from statistics import mean
from typing import Any, NamedTuple

from pytest_conc import explore
from suites.benchmarks.table import machine, markdown
from suites.classics import models

PROGRAMS = ("readers_5", "reorder_3_seen", "sections_3x2")
SIZES = (100, 1000)


class Unseen(NamedTuple):
    """Means over the seeds for one program and one number of executions."""

    program: str
    executions: int
    estimate: float
    true: float


def classes_of(program: Callable[[], object], seed: int, executions: int) -> Any:
    return explore(program, strategy="random", seed=seed, executions=executions, races="off")


def measure(name: str, seeds: int, long: int) -> list[Unseen]:
    program = models.PROGRAMS[name]
    counted = classes_of(program, 10**6, long).class_counts
    rows = []
    for size in SIZES:
        pairs = []
        for seed in range(seeds):
            exploration = classes_of(program, seed, size)
            seen = sum(counted.get(number, 0) for number in exploration.class_counts)
            pairs.append((exploration.unseen, 1 - seen / long))
        rows.append(Unseen(name, size, mean(each for each, _ in pairs), mean(each for _, each in pairs)))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--long", type=int, default=50_000)
    options = parser.parse_args()
    rows = [row for name in PROGRAMS for row in measure(name, options.seeds, options.long)]
    cells = [[row.program, row.executions, f"{row.estimate:.4f}", f"{row.true:.4f}"] for row in rows]
    print(f"{machine()}; {options.seeds} seeds\n\n{markdown(['program', 'executions', 'estimate', 'true'], cells)}")


if __name__ == "__main__":
    main()
