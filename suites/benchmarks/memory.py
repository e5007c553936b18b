"""Resident memory after 1 000, 10 000 and 100 000 executions, each number in a process of its own.

    python -m suites.benchmarks.memory [--executions 1000 10000 100000]

It may grow by a hash for each distinct interleaving class, and by nothing else. The strategy is `random`, because the
default one ends when it has been through all classes.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from pytest_conc import explore
from suites.benchmarks.programs import PROGRAMS
from suites.benchmarks.table import ROOT, machine, markdown

CHOSEN = ["3 threads × 2 increments", "queue, 1 producer, 2 consumers", "ThreadPoolExecutor(2), 2 callbacks"]


def resident() -> float:
    """Megabytes; the peak where the system does not tell the present value."""
    status = Path("/proc/self/status")
    if status.exists():
        fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(fields["VmRSS"].split()[0]) / 1024
    import resource

    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def measured(name: str, executions: int, host: str) -> tuple[int, int, float]:
    """(executions, classes, megabytes)."""
    body = PROGRAMS[name].body
    exploration = explore(body, strategy="random", executions=executions, seed=1, host=host, keep_going=True)
    assert exploration.executions == executions
    return executions, exploration.classes, resident()


def measured_apart(name: str, executions: int, host: str) -> tuple[int, int, float]:
    command = [sys.executable, "-m", "suites.benchmarks.memory", "--measure", name, str(executions), host]
    answer = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    done, classes, megabytes = json.loads(answer.stdout.splitlines()[-1])
    return done, classes, megabytes


def row(name: str, executions: int, host: str) -> list[object]:
    done, classes, megabytes = measured_apart(name, executions, host)
    return [name, host, done, classes, f"{megabytes:.1f}"]


def main() -> None:
    if sys.argv[1:2] == ["--measure"]:
        name, executions, host = sys.argv[2:]
        print(json.dumps(measured(name, int(executions), host)))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--executions", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--host", choices=["greenlets", "threads"], default="greenlets")
    options = parser.parse_args()
    rows = [row(name, executions, options.host) for name in CHOSEN for executions in options.executions]
    print(f"{machine()}\n\n{markdown(['program', 'host', 'executions', 'classes', 'resident, MB'], rows)}")


if __name__ == "__main__":
    main()
