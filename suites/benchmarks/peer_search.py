"""After how many schedules a peer finds a bug: what runs in a process of the peer's own environment.

    python -m suites.benchmarks.peer_search TOOL FORM PROGRAM SEEDS EXECUTIONS

(FORM is buggy or mended) prints a line for each seed: the number of the schedule that failed, or in one word why there
is none. So this module imports nothing of pytest-conc.

interleave-test runs a program as it is. frontrun controls only the threads that it starts itself, so a program is
stopped where it hands its tasks to `together`, frontrun runs these, and then the program goes on to its assertions; a
program that starts threads in another way is given to frontrun as one task.
"""

import sys
from _thread import allocate_lock, start_new_thread
from collections.abc import Callable
from typing import Any

from suites.benchmarks.buggy import MENDED, OWN_THREADS, PROGRAMS, STARTERS, Program

Tasks = tuple[Callable[[], object], ...]


class Whole:
    """A program as one task."""

    def __init__(self, program: Program) -> None:
        self.tasks: Tasks = (program,)
        self.failed = False

    def perform(self, number: int) -> None:
        """Runs a task; a failure is remembered, so that frontrun counts it as one and does not stop at it."""
        try:
            self.tasks[number]()
        except Exception as error:
            if type(error).__module__.startswith("frontrun"):
                raise
            self.failed = True

    def passes(self) -> bool:
        return not self.failed


class Parts(Whole):
    """A call of a program in a thread of its own, which stands still while somebody else runs its tasks."""

    current: "Parts"

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self._stopped, self._resumed = allocate_lock(), allocate_lock()
        self._stopped.acquire()
        self._resumed.acquire()
        Parts.current = self
        start_new_thread(self._run, (program,))
        self._stopped.acquire()

    def _run(self, program: Program) -> None:
        try:
            program()
        except BaseException:
            self.failed = True
        self._stopped.release()

    def together(self, *tasks: Callable[[], object]) -> None:
        self.tasks = tasks
        self._stopped.release()
        self._resumed.acquire()

    def passes(self) -> bool:
        """Lets the program go on to its end."""
        self._resumed.release()
        self._stopped.acquire()
        return not self.failed


def stop_at_together() -> None:
    for module in STARTERS:
        module.together = lambda *tasks: Parts.current.together(*tasks)


def frontrun(program: Program, whole: bool, **options: Any) -> int | str:
    import frontrun

    stop_at_together()
    start = Whole if whole else Parts
    workers = [lambda call, number=number: call.perform(number) for number in range(len(start(program).tasks))]
    result = frontrun.explore(lambda: start(program), workers, start.passes, reproduce_on_failure=0, **options)
    if result.property_holds is None:
        return "no verdict"
    return "passes" if result.property_holds else int(result.num_explored)


def frontrun_dpor(program: Program, whole: bool, seed: int, executions: int) -> int | str:
    return frontrun(program, whole, max_executions=executions)


def frontrun_random(program: Program, whole: bool, seed: int, executions: int) -> int | str:
    return frontrun(program, whole, strategy="random", max_attempts=executions, seed=seed)


def interleave_test(program: Program, whole: bool, seed: int, executions: int) -> int | str:
    import interleave_test

    result = interleave_test.explore(program, iterations=executions, seed=seed, raise_on_failure=False)
    return "passes" if result.failure is None else int(result.schedules_run)


SEARCH = {"frontrun dpor": frontrun_dpor, "frontrun random": frontrun_random, "interleave-test": interleave_test}


def main(tool: str, form: str, name: str, seeds: str, executions: str) -> None:
    program = {"buggy": PROGRAMS, "mended": MENDED}[form][name]
    for seed in range(int(seeds)):
        try:
            found = SEARCH[tool](program, name in OWN_THREADS, seed, int(executions))
        except Exception as error:
            found = type(error).__name__
        print(found, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
