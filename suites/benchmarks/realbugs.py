"""Real concurrency bugs of released packages: found in the release that has them, not in the one that does not.

    python -m suites.benchmarks.realbugs [--seeds 5] [--executions 1000] [--only CASE ...]

Each case in the folder `realbugs` names a package, its buggy and its fixed release, and a small program:
`setup() -> state`, `threads(state) -> callables`, `check(state)`. Both releases are installed beside the project
and explored with default options and `targets` as the case says, each in a process of its own.
"""

import argparse
import importlib.util
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import mean
from types import ModuleType
from typing import NamedTuple

from pytest_conc import explore
from suites.benchmarks.table import ROOT, cache, machine, markdown, significant

FOLDER = Path(__file__).parent / "realbugs"
CASES = sorted(path.stem for path in FOLDER.glob("*.py"))
INCONCLUSIVE = {"UncontrolledBlocking", "UncontrolledNondeterminism"}  # the tool gave up: nothing was found


class Result(NamedTuple):
    """One exploration: executions made, and the kind of failure, if any."""

    executions: int
    failure: str | None


def case(name: str) -> ModuleType:
    """The case as a module. Its package is imported only by `setup`."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def program(module: ModuleType) -> Callable[[], None]:
    def run() -> None:
        state = module.setup()
        threads = [threading.Thread(target=target) for target in module.threads(state)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        module.check(state)

    return run


def explored(name: str, seed: int, executions: int) -> Result:
    module = case(name)
    exploration = explore(program(module), executions=executions, seed=seed, targets=module.MODULES)
    failure = exploration.failure
    return Result(exploration.executions, None if failure is None else type(failure.error).__name__)


def installed(module: ModuleType, release: str) -> Path:
    """The folder with that release of the case's package, and what else it needs."""
    folder = cache() / "releases" / f"{module.PACKAGE}-{release}"
    if not folder.exists():
        wanted = [f"{module.PACKAGE}=={release}", *module.DEPS]
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), *wanted]
        subprocess.run(pip, check=True)
    return folder


def explored_apart(name: str, release: str, seed: int, executions: int) -> Result:
    """In a process of its own, which finds that release of the package first."""
    folder = installed(case(name), release)
    command = [sys.executable, "-m", "suites.benchmarks.realbugs", "--explore", name, str(folder), str(seed)]
    answer = subprocess.run([*command, str(executions)], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return Result(*json.loads(answer.stdout.splitlines()[-1]))


def row(name: str, seeds: int, executions: int) -> list[object]:
    begin, module = time.perf_counter(), case(name)
    buggy = [explored_apart(name, module.BUGGY, seed, executions) for seed in range(seeds)]
    fixed = explored_apart(name, module.FIXED, 0, executions)
    at = [result.executions for result in buggy if result.failure and result.failure not in INCONCLUSIVE]
    how = ", ".join(sorted({result.failure for result in buggy if result.failure})) or "nothing"
    found = f"{significant(mean(at)) if at else '–'} ({len(at)} of {seeds} seeds; {how})"
    passes = f"**{fixed.failure}**" if fixed.failure else f"passes {fixed.executions}"
    title = f"{name} ({module.PACKAGE} {module.BUGGY} / {module.FIXED})"
    return [title, module.KIND, found, passes, f"{time.perf_counter() - begin:.1f}"]


def main() -> None:
    if sys.argv[1:2] == ["--explore"]:
        name, folder, seed, executions = sys.argv[2:]
        sys.path.insert(0, folder)
        print(json.dumps(explored(name, int(seed), int(executions))))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--executions", type=int, default=1000)
    parser.add_argument("--only", nargs="+", choices=CASES, default=CASES)
    options = parser.parse_args()
    for name in options.only:
        installed(case(name), case(name).BUGGY)
        installed(case(name), case(name).FIXED)
    header = ["case", "kind", "buggy: found at execution", "fixed", "seconds"]
    rows = [row(name, options.seeds, options.executions) for name in options.only]
    print(f"{machine()}\n\n{markdown(header, rows)}")


if __name__ == "__main__":
    main()
