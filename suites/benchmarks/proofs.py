"""What a proof costs: executions, interleaving classes, executions a second and memory of `strategy="dpor"`.

    python -m suites.benchmarks.proofs [--only NAME ...]

Each program is proved in a process of its own. The small ones are over in a few executions, and most of their time is
the start of the exploration: so the rate is that of proving them again and again for a second.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable

from pytest_conc.exploration.classes import ClassHash
from pytest_conc.exploration.explore import modules_for
from pytest_conc.exploration.runner import Runner, runner
from pytest_conc.model.settings import Settings
from pytest_conc.strategies.dpor import DPOR
from suites.benchmarks.memory import resident
from suites.benchmarks.programs import PROGRAMS
from suites.benchmarks.table import ROOT, machine, markdown, significant
from suites.classics import models

LEAST = 1.0  # seconds
CHOSEN: dict[str, tuple[Callable[[], object], str]] = {
    "sleep counter": (PROGRAMS["sleep counter, 3 threads"].body, "virtual"),
    'sleep counter, timing="any"': (PROGRAMS["sleep counter, 3 threads"].body, "any"),
    "queue, 1 producer, 2 consumers": (PROGRAMS["queue, 1 producer, 2 consumers"].body, "virtual"),
    **{name: (models.PROGRAMS[name], "virtual") for name in ("sections_2x3", "sections_3x2", "reorder_3_seen")},
    **{f"readers_{n}": (models.PROGRAMS[f"readers_{n}"], "virtual") for n in (5, 9, 13)},
}


def proved(run: Runner, seed: int) -> tuple[int, int]:
    """Executions and classes of one proof."""
    strategy, numbers, met, executions = DPOR(seed), ClassHash(), set(), 0
    while not strategy.exhausted:
        execution = run.run(strategy)
        met.add(numbers.of(execution.trace, run.learned.exits))
        strategy.end()
        executions += 1
    return executions, len(met)


def measured(name: str) -> list[object]:
    program, timing = CHOSEN[name]
    settings = Settings(timing=timing)
    with runner(program, settings, modules_for(program, settings, str(ROOT))) as run:
        executions, classes = proved(run, 0)
        begin, done, seed = time.perf_counter(), 0, 0
        while time.perf_counter() - begin < LEAST:
            done += proved(run, seed := seed + 1)[0]
        rate = done / (time.perf_counter() - begin)
    return [name, executions, classes, significant(rate), f"{resident():.1f}"]


def apart(name: str) -> list[object]:
    command = [sys.executable, "-m", "suites.benchmarks.proofs", "--measure", name]
    answer = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return list(json.loads(answer.stdout.splitlines()[-1]))


def main() -> None:
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measured(sys.argv[2])))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=CHOSEN, default=list(CHOSEN))
    header = ["program", "executions", "classes", "executions/s", "resident, MB"]
    print(f"{machine()}\n\n{markdown(header, map(apart, parser.parse_args().only))}")


if __name__ == "__main__":
    main()
