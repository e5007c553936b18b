"""Executions per second, next to really running the threads and next to peers, measured in turn in one run.

    python -m suites.benchmarks.speed [--rounds 5] [--seconds 0.3] [--without-peers]

A cell is the median over the rounds; in each round every tool runs every program once, so that a slow moment of
the machine hits all of them. Ratios are medians of the ratios of single rounds. The column `OS threads` runs the
same program on plain threads, without sleeping. All explore with their random strategy, as ours by default ends when
it has been through all classes. Nothing asserts a time.
"""

import argparse
import time
from collections.abc import Callable
from statistics import median
from unittest.mock import patch

from pytest_conc import explore
from suites.benchmarks.peer_tools import Peer, install, rate
from suites.benchmarks.programs import PROGRAMS, Program
from suites.benchmarks.table import machine, markdown, significant

Measure = Callable[[Program, float], float | None]
Rates = dict[str, dict[str, list[float | None]]]
GREENLETS, THREADS, REAL = "greenlets", "threads", "OS threads"


def ours(host: str) -> Measure:
    def measure(program: Program, seconds: float) -> float:
        def run(executions: int) -> int:
            options = {"executions": executions, "strategy": "random", "seed": 1, "host": host, "keep_going": True}
            assert explore(program.body, **options).executions == executions
            return executions

        return rate(run, seconds)

    return measure


def really(program: Program, seconds: float) -> float:
    def run(executions: int) -> int:
        for _ in range(executions):
            program.body()
        return executions

    with patch.object(time, "sleep", lambda seconds: None):
        return rate(run, seconds)


def columns(peers: list[Peer]) -> dict[str, Measure]:
    own: dict[str, Measure] = {GREENLETS: ours("greenlets"), THREADS: ours("threads"), REAL: really}
    return own | {f"{peer.name} {peer.version}": peer.rate for peer in peers}


def measured(tools: dict[str, Measure], rounds: int, seconds: float) -> Rates:
    """{program: {tool: rate in each round}}."""
    rates: Rates = {name: {tool: [] for tool in tools} for name in PROGRAMS}
    for _ in range(rounds):
        for name, program in PROGRAMS.items():
            for tool, measure in tools.items():
                rates[name][tool].append(measure(program, seconds))
    return rates


def middle(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def ratio(ours: list[float | None], theirs: list[float | None]) -> float | None:
    return middle([our / their if our and their else None for our, their in zip(ours, theirs, strict=True)])


def shown(rates: Rates) -> str:
    tools = list(next(iter(rates.values())))
    others = [tool for tool in tools if tool not in (GREENLETS, THREADS)]
    header = ["executions per second", *tools, *(f"{GREENLETS} : {tool}" for tool in others)]
    rows = [
        [name, *(significant(middle(row[tool])) for tool in tools)]
        + [significant(ratio(row[GREENLETS], row[tool])) for tool in others]
        for name, row in rates.items()
    ]
    return markdown(header, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.3, help="of one measurement, at least")
    parser.add_argument("--without-peers", action="store_true")
    options = parser.parse_args()
    wanted = [] if options.without_peers else ["frontrun", "interleave-test"]
    found = {name: install(name) for name in wanted}
    rates = measured(columns([p for p in found.values() if isinstance(p, Peer)]), options.rounds, options.seconds)
    print(f"{machine()}; median of {options.rounds} rounds\n\n{shown(rates)}")
    for name, why in found.items():
        if isinstance(why, str):
            print(f"\n{name} is not in the table: {why}")


if __name__ == "__main__":
    main()
