"""What the plugin costs a run that does not use it, and how soon the first explored test of a big project starts.

    python -m suites.benchmarks.startup [--runs 30]

1. `pytest` on an empty test file, with the plugin and with `-p no:conc`, in turn.
2. A generated project of 5 000 functions in 50 modules, all imported by one test that increments a counter in two
   threads: explored (one execution), and the same test run once without exploring, in turn. Everything but the
   first exploration is common to both.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from suites.benchmarks.table import machine, markdown

MODULES, FUNCTIONS = 50, 100

FUNCTION = """
def function_{number}(box, items):
    box.value += {number}
    for item in items:
        if item in box.seen:
            box.seen.remove(item)
    return [box.value + item for item in items]
"""

TEST = """
import threading
from pytest_conc import interleave
{imports}

class Counter:
    def __init__(self):
        self.value = 0

    def add(self):
        self.value += 1

{mark}
def test_two_increments():
    counter = Counter()
    threads = [threading.Thread(target=counter.add) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""


def write_project(folder: Path) -> None:
    body = "".join(FUNCTION.format(number=number) for number in range(FUNCTIONS))
    for number in range(MODULES):
        Path(folder, f"part_{number}.py").write_text(body)
    imports = "\n".join(f"import part_{number}" for number in range(MODULES))
    for name, mark in {"explored": "@interleave(executions=1)", "plain": ""}.items():
        Path(folder, f"test_{name}.py").write_text(TEST.format(imports=imports, mark=mark))
    Path(folder, "test_empty.py").write_text("")
    Path(folder, "pytest.ini").write_text("[pytest]\n")


def seconds(folder: Path, *arguments: str) -> float:
    """Wall time of one run of pytest."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    begin = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)
    elapsed = time.perf_counter() - begin
    if done.returncode not in (0, 5):  # 5: no test was collected
        raise SystemExit(done.stdout + done.stderr)
    return elapsed


def compare(folder: Path, runs: int, first: list[str], second: list[str]) -> tuple[float, float, float]:
    """Medians of both, and of the differences of neighbours, in milliseconds. The first pair only warms up."""
    pairs = [(seconds(folder, *first), seconds(folder, *second)) for _ in range(runs + 1)][1:]
    with_it, without = zip(*pairs, strict=True)
    differences = [one - other for one, other in pairs]
    return median(with_it) * 1000, median(without) * 1000, median(differences) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=30)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_project(folder)
        rows = {
            "an empty file: plugin, `-p no:conc`": (["test_empty.py"], ["test_empty.py", "-p", "no:conc"]),
            f"{MODULES * FUNCTIONS} functions: explored, plain": (["test_explored.py"], ["test_plain.py"]),
        }
        table = [[what, *(f"{value:.0f}" for value in compare(folder, runs, *pair))] for what, pair in rows.items()]
    print(f"{machine()}; medians of {runs} pairs of runs, in ms\n")
    print(markdown(["pytest on", "with", "without", "difference"], table))


if __name__ == "__main__":
    main()
