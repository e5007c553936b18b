"""Other explorers of interleavings for Python, each installed from its package into an environment of its own.

`Peer.rate` measures one in a process of its own; `main` is what that process runs, so this module imports nothing
of pytest-conc. Both use their random strategy, the one nearest to a default exploration of ours without a failure.
"""

import os
import signal
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from suites.benchmarks.programs import PROGRAMS, Program
from suites.benchmarks.table import ROOT, cache


def rate(run: Callable[[int], int], seconds: float) -> float:
    """Executions per second of `run(executions)`, which returns how many it made, in one call of so many seconds."""
    executions = 8
    while True:
        begin = time.perf_counter()
        done = run(executions)
        elapsed = time.perf_counter() - begin
        if elapsed >= seconds or done < executions:
            return done / elapsed
        executions = int(executions * min(16, max(2, 1.25 * seconds / elapsed)))


def run_frontrun(program: Program, executions: int) -> int:
    import frontrun

    start, tasks = program.start, program.tasks
    assert start
    assert tasks
    workers = [lambda state, number=number: state[number]() for number in range(len(tasks(start())))]
    result = frontrun.explore(
        lambda: tasks(start()), workers, lambda state: True, strategy="random", max_attempts=executions, seed=1
    )
    return int(result.num_explored)


def run_interleave_test(program: Program, executions: int) -> int:
    import interleave_test

    return int(interleave_test.explore(program.body, iterations=executions, seed=1, strategy="random").schedules_run)


RUN = {"frontrun": run_frontrun, "interleave-test": run_interleave_test}


class Peer(NamedTuple):
    """An installed peer: the name of its package, its version, and the words that start its interpreter."""

    name: str
    version: str
    command: list[str]

    def rate(self, program: Program, seconds: float) -> float | None:
        """None where the peer cannot run the program: frontrun controls only threads that it starts itself."""
        if self.name == "frontrun" and program.tasks is None:
            return None
        measure = [*self.command, "-m", "suites.benchmarks.peer_tools", self.name, program.name, str(seconds)]
        answer = subprocess.run(measure, cwd=ROOT, capture_output=True, text=True, timeout=300)
        return float(answer.stdout.split()[-1]) if answer.returncode == 0 else None

    def found(self, search: str, program: list[str], seeds: int, executions: int, seconds: float) -> list[int | str]:
        """After how many schedules it finds the bug, for each seed, or in a word why not.

        `search` is a key of `suites.benchmarks.peer_search.SEARCH`, `program` a form and a name. Seeds for which there
        is no time are left out.
        """
        words = [*self.command, "-m", "suites.benchmarks.peer_search", search, *program, str(seeds), str(executions)]
        quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        child = subprocess.Popen(words, cwd=ROOT, text=True, start_new_session=True, **quiet)
        try:
            answer = child.communicate(timeout=seconds)[0]
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            answer = child.communicate()[0]
            why = "no answer"
        else:
            why = "crashes"
        found = [int(line) if line.isdigit() else line for line in answer.splitlines()]
        return found or [why]


def install(name: str) -> Peer | str:
    """The peer, or why it is not here."""
    folder = cache() / "peers" / name
    binaries = folder / ("Scripts" if sys.platform == "win32" else "bin")
    python = str(binaries / "python")
    if not Path(folder, "pyvenv.cfg").exists():
        venv.create(folder, with_pip=True)
    done = subprocess.run([python, "-m", "pip", "install", "--quiet", name], capture_output=True, text=True)
    if done.returncode:
        return next(line for line in done.stderr.splitlines() if line.startswith("ERROR: "))
    ask = f"import importlib.metadata; print(importlib.metadata.version({name!r}))"
    version = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout.strip()
    wrapper = [str(binaries / "frontrun")] if name == "frontrun" else []
    return Peer(name, version, [*wrapper, python])


def main(tool: str, program: str, seconds: str) -> None:
    chosen = PROGRAMS[program]
    print(rate(lambda executions: RUN[tool](chosen, executions), float(seconds)))


if __name__ == "__main__":
    main(*sys.argv[1:])
