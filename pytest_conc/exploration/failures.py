"""From a failing schedule to a Failure: minimise it, run it once more with places and values, say what happened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pytest_conc.execution.tracebacks import without_ours
from pytest_conc.exploration.minimise import Attempt, attempt_of, minimised
from pytest_conc.exploration.patterns import Failing, finding_of
from pytest_conc.exploration.runner import Runner
from pytest_conc.exploration.steps import bare_steps_of, steps_of
from pytest_conc.exploration.swap import Swaps
from pytest_conc.exploration.tokens import followed_schedule, lasting, noting, recipe_of
from pytest_conc.model.failure import Failure, Finding
from pytest_conc.model.findings import DataRace, Deadlock, TaskInterrupted
from pytest_conc.model.schedule import Schedule, token_of
from pytest_conc.model.settings import Settings
from pytest_conc.strategies.follow import Unusual
from pytest_conc.strategies.replay import Replay
from pytest_conc.strategies.witness import Witness


def signature_of(execution: Any) -> Any:
    """What makes two failures the same: the kind of error, and where it was raised or who waits for what."""
    error = execution.error
    if error is None:
        return None
    if isinstance(error, Deadlock):
        return type(error).__name__, error.waits
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = None if trace is None else (trace.tb_frame.f_code.co_filename, trace.tb_lineno)
    return type(error).__name__, place


def explain(run: Runner, schedule: Schedule, name: str, number: int) -> Failure:
    """The Failure of a schedule that is known to fail."""
    wanted = signature_of(run.run(Replay(schedule)))

    def attempt(candidate: Schedule) -> Attempt | None:
        strategy = Unusual(Replay(candidate))
        execution = run.run(strategy)
        return attempt_of(execution, strategy.count) if signature_of(execution) == wanted else None

    schedule = minimised(schedule, attempt)
    shown, witness, token = _shown(run, schedule, name)
    if signature_of(shown) != wanted:
        return unconfirmed(run.run(Replay(schedule)), schedule, run.settings, name, number)
    return failure_of(shown, token, number, run, witness)


def raced(run: Runner, schedule: Schedule, race: DataRace, name: str, number: int) -> Failure:
    """The Failure of a schedule that passes, but for a data race."""
    shown, _, token = _shown(run, schedule, name)
    shown.error = race
    return failure_of(shown, token, number, run)


def _shown(run: Runner, schedule: Schedule, name: str) -> tuple[Any, Witness, str]:
    """The execution that is reported, who could have gone on in it, and its token."""
    strategy = noting(run, schedule)
    witness = Witness(strategy)
    shown = run.run(witness, show=True)
    run.report_this()
    recipe = lasting(run, recipe_of(shown, followed_schedule(shown), run.settings), strategy.switches)
    return shown, witness, token_of(recipe, name)


def failure_of(shown: Any, token: str, number: int, run: Runner, witness: Witness | None = None) -> Failure:
    """The Failure that an execution with a recorder shows; the swap pair is looked for if there is a witness of it."""
    steps = steps_of(shown)
    error = shown.error
    assert error is not None
    if isinstance(error, KeyboardInterrupt):
        error = _interrupted(shown, error)
    failure = Failure(
        error=error.with_traceback(without_ours(error.__traceback__)),
        finding=Finding(type(error).__name__, str(error)),
        trace=steps,
        preemptions=shown.preemptions,
        token=token,
        execution=number,
        tasks=tuple(task.label() for task in shown.tasks),
    )
    swaps = None if witness is None else Swaps(_runs(run), shown, steps, witness.left_over())
    finding, swap = finding_of(Failing(shown, error, steps, swaps))
    return replace(failure, finding=finding, swap=swap)


def _runs(run: Runner) -> Callable[[Schedule, bool], Any]:
    return lambda schedule, show: run.run(Replay(schedule), show=show)


def unconfirmed(execution: Any, schedule: Schedule, settings: Settings, name: str, number: int) -> Failure:
    """The Failure of an execution that is not worth a replay; its trace has neither places nor values."""
    error = execution.error
    return Failure(
        error=error.with_traceback(None),
        finding=Finding(type(error).__name__, str(error)),
        trace=bare_steps_of(execution),
        preemptions=execution.preemptions,
        token=token_of(recipe_of(execution, schedule, settings), name),
        execution=number,
        tasks=tuple(task.label() for task in execution.tasks),
    )


def _interrupted(shown: Any, error: KeyboardInterrupt) -> TaskInterrupted:
    wrapped = TaskInterrupted(f"{shown.failed_task.label()} raised KeyboardInterrupt by itself; nobody pressed a key")
    wrapped.__cause__ = error
    return wrapped
