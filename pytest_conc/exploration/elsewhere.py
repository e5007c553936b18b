"""What other schedules say about a failure: whether all of them fail, and whether the GIL prevents it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any, Final

from pytest_conc.exploration.minimise import replays_of
from pytest_conc.exploration.orders import in_every_order, in_every_serial_order, in_some_orders
from pytest_conc.exploration.runner import Runner, runner
from pytest_conc.model.failure import Failure
from pytest_conc.model.findings import UncontrolledBlocking
from pytest_conc.model.settings import Settings
from pytest_conc.strategies import strategy_named
from pytest_conc.strategies.at_most import AtMost

RACES: Final = frozenset({"LostUpdate", "CheckThenAct", "TornRead", "OrderViolation"})
GIL_EXECUTIONS: Final = 100
RANDOM: Final = 17
EXECUTIONS: Final = 100


def compared(
    failure: Failure, program: Callable[[], Any], settings: Settings, modules: Sequence[ModuleType]
) -> Failure:
    """The failure, with what other schedules say about it."""
    error = type(failure.error)
    if failure.swap is None and failure.token and not isinstance(failure.error, UncontrolledBlocking):
        elsewhere, everywhere = _fails_elsewhere(program, settings, modules, failure)
        failure = replace(failure, elsewhere=elsewhere, everywhere=everywhere)
        if not elsewhere and failure.finding.kind == "Failure":
            return replace(failure, finding=in_some_orders(failure))
    if failure.elsewhere and failure.finding.kind in ("OrderViolation", "Failure"):
        return replace(failure, finding=in_every_order(failure))
    if failure.finding.kind not in RACES:
        return failure
    if failure.swap is not None and not failure.preemptions and _fails_serially(program, settings, modules, error):
        return replace(failure, finding=in_every_serial_order(failure))
    with_gil = _exists_with_gil(program, settings, modules, error) if settings.preemption == "any" else None
    return replace(failure, with_gil=with_gil)


def _fails_elsewhere(
    program: Callable[[], Any], settings: Settings, modules: Sequence[ModuleType], failure: Failure
) -> tuple[int, bool]:
    """How many other schedules were tried, if all of them failed with that error, else 0; and whether these are all."""
    names = ["fifo", "reversed", "round-robin", *["random"] * RANDOM][: replays_of(len(failure.trace), EXECUTIONS)]
    systematic = 0 if settings.preemption == "gil" else replays_of(len(failure.trace), EXECUTIONS) - len(names)
    error = type(failure.error)
    with runner(program, settings, modules) as run:
        if any(_error(run, strategy_named(name, seed)) is not error for seed, name in enumerate(names)):
            return 0, False
        dpor: Any = strategy_named("dpor", settings.seed)
        for tried in range(1, systematic + 1):
            if _error(run, dpor) is not error:
                return 0, False
            if dpor.exhausted:
                return tried, True
    return len(names) + systematic, False


def _fails_serially(
    program: Callable[[], Any], settings: Settings, modules: Sequence[ModuleType], error: type[BaseException]
) -> bool:
    """Whether all schedules without a preemption fail with that error, as far as they are tried."""
    with runner(program, settings, modules) as run:
        serial = [AtMost(0, strategy_named(name, settings.seed)) for name in ("fifo", "reversed", *["random"] * RANDOM)]
        return all(_error(run, strategy) is error for strategy in serial)


def _exists_with_gil(
    program: Callable[[], Any], settings: Settings, modules: Sequence[ModuleType], error: type[BaseException]
) -> bool:
    """Whether a short exploration finds the error where only this CPython with the GIL can switch."""
    strategy = strategy_named("auto", settings.seed)
    with runner(program, settings.with_options({"preemption": "gil"}), modules) as run:
        return any(_error(run, strategy) is error for _ in range(GIL_EXECUTIONS))


def _error(run: Runner, strategy: Any) -> type[BaseException] | None:
    """What one more execution raises; None also if it left a task that will not end: then there are enough."""
    execution = run.run(strategy)
    end = getattr(strategy, "end", None)
    if end is not None:
        end()
    return None if execution.error is None or execution.lost else type(execution.error)
