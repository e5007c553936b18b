"""After how many executions each program of `suites/classics/peers.py` fails, and that its mended form does not.

    python -m suites.benchmarks.peers_found [--seeds 20] [--executions 1000] [--only NAME ...]

`wrong` counts the seeds that found nothing, or another kind of failure than the one that the program has.
"""

import argparse
import time
from statistics import mean

from pytest_conc import explore
from suites.benchmarks.table import machine, markdown, significant
from suites.classics import peers


def found_at(name: str, seed: int, executions: int) -> int | None:
    """The number of the execution that failed; None if none did, or if it failed in another way."""
    exploration = explore(peers.PROGRAMS[name][0], executions=executions, seed=seed)
    failure = exploration.failure
    known = failure is not None and type(failure.error).__name__ in peers.HOW[name]
    return exploration.executions if known else None


def mended(name: str, executions: int) -> str:
    exploration = explore(peers.PROGRAMS[name][1], executions=executions, seed=0)
    if exploration.failure is None:
        return f"passes {exploration.executions}"
    return f"**{type(exploration.failure.error).__name__} in {exploration.executions}**"


def row(name: str, seeds: int, executions: int) -> list[object]:
    begin = time.perf_counter()
    numbers = [found_at(name, seed, executions) for seed in range(seeds)]
    found = [number for number in numbers if number is not None]
    spread = [min(found), significant(mean(found)), max(found)] if found else ["–"] * 3
    result = mended(name, executions)
    return [name, *spread, seeds - len(found), result, f"{time.perf_counter() - begin:.1f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--executions", type=int, default=1000)
    parser.add_argument("--only", nargs="+", choices=peers.PROGRAMS, default=list(peers.PROGRAMS))
    options = parser.parse_args()
    header = ["program", "min", "mean", "max", f"wrong of {options.seeds}", "mended", "seconds"]
    rows = [row(name, options.seeds, options.executions) for name in options.only]
    print(f"{machine()}; executions to the first failure\n\n{markdown(header, rows)}")


if __name__ == "__main__":
    main()
