"""A thousand failing executions, replayed from their tokens in a new process.

    python -m suites.benchmarks.replays [--seeds 15] [--lesson-seeds 2]

Every program of `suites/classics` that can fail is explored with several seeds. Then a new process replays the
tokens and compares: the type and text of the error, and each step of the trace with its place and values. Every lesson
that finds something is replayed by its own command line, in a process of its own.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from pytest_conc import Failure, explore, replay
from suites.benchmarks.table import machine
from suites.classics import models, peers, small_races

PROGRAMS: dict[str, Callable[[], object]] = {
    **{f"peers {name}": buggy for name, (buggy, _) in peers.PROGRAMS.items()},
    **{
        f"models {name}": models.PROGRAMS[name]
        for name, known in models.EXPECTED.items()
        if known.preemptions is not None
    },
    **{f"small {name}": program for name, program in small_races.PROGRAMS.items()},
}


def signature(failure: Failure | None) -> str:
    """The same for two failures only if everything that a report shows is the same."""
    if failure is None:
        return "passes"
    shown = [type(failure.error).__name__, str(failure.error), failure.preemptions, *map(tuple, failure.trace)]
    return sha256(repr(shown).encode()).hexdigest()


def failing(seeds: int) -> list[tuple[str, str, str]]:
    """Program, token and signature of each failure."""
    found = []
    for name, program in PROGRAMS.items():
        for seed in range(seeds):
            failure = explore(program, seed=seed).failure
            assert failure is not None, (name, seed)
            found.append((name, failure.token, signature(failure)))
    return found


def replayed() -> None:
    """In the new process: reads programs and tokens, prints signatures."""
    for line in sys.stdin:
        name, token = json.loads(line)
        print(signature(replay(PROGRAMS[name], token)))


def pytest_record(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    """The failures that a session of pytest has found, as `--conc-json` tells them."""
    path = folder / "conc.json"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--conc-json={path}", *arguments]
    subprocess.run(command, stdout=subprocess.DEVNULL)
    tests = json.loads(re.sub("0x[0-9a-f]+", "0x…", path.read_text()))["tests"]  # addresses of objects in messages
    return [{"id": test["id"], **test["failure"]} for test in tests if test.get("failure")]


def same_lesson(folder: Path, found: dict[str, Any]) -> bool:
    """Whether the command that a lesson prints shows the same error and the same trace."""
    again = pytest_record(folder, found["id"], f"--conc-replay={found['token']}")
    return [{**each, "execution": 0} for each in again] == [{**found, "execution": 0}]


def lessons(seeds: int) -> None:
    """Replays every lesson and prints how many did the same."""
    with tempfile.TemporaryDirectory() as name:
        found = [
            each for seed in range(seeds) for each in pytest_record(Path(name), "suites/lessons", f"--conc-seed={seed}")
        ]
        same = sum(same_lesson(Path(name), each) for each in found)
    longest = max((len(each["token"]) for each in found), default=0)
    print(f"{same} of {len(found)} failures of lessons replayed with the same trace, each in a new process;")
    print(f"the longest of their tokens has {longest} characters")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=15)
    parser.add_argument("--lesson-seeds", type=int, default=2)
    parser.add_argument("--replay", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.replay:
        replayed()
        return
    found = failing(options.seeds)
    lines = "\n".join(json.dumps([name, token]) for name, token, _ in found)
    command = [sys.executable, "-m", "suites.benchmarks.replays", "--replay"]
    answers = subprocess.run(command, input=lines, capture_output=True, text=True, check=True).stdout.split()
    same = sum(wanted == answer for (_, _, wanted), answer in zip(found, answers, strict=True))
    longest = max(len(token) for _, token, _ in found)
    print(f"{machine()}; {same} of {len(found)} failing executions replayed with the same trace in a new process;")
    print(f"{len({token for _, token, _ in found})} different tokens, the longest has {longest} characters")
    lessons(options.lesson_seeds)


if __name__ == "__main__":
    main()
