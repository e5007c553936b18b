"""What other schedules say about a failure: whether all of them fail, and whether the GIL prevents it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any, Final

from pytest_conc.exploration.patterns import in_every_order
from pytest_conc.exploration.runner import runner
from pytest_conc.model.failure import Failure
from pytest_conc.model.findings import ConcurrencyError
from pytest_conc.model.settings import Settings
from pytest_conc.strategies import strategy_named

RACES: Final = frozenset({"LostUpdate", "CheckThenAct", "OrderViolation"})
GIL_EXECUTIONS: Final = 100
ELSEWHERE: Final = 17


def compared(
    failure: Failure, program: Callable[[], Any], settings: Settings, modules: Sequence[ModuleType]
) -> Failure:
    """The failure, with what other schedules say about it."""
    error = type(failure.error)
    if failure.preemptions == 0 and not issubclass(error, ConcurrencyError):
        failure = replace(failure, elsewhere=_fails_elsewhere(program, settings, modules, error))
    if failure.elsewhere and failure.finding.kind == "OrderViolation":
        return replace(failure, finding=in_every_order(failure))
    if failure.finding.kind in RACES and settings.preemption == "any":
        return replace(failure, with_gil=_exists_with_gil(program, settings, modules, error))
    return failure


def _fails_elsewhere(
    program: Callable[[], Any], settings: Settings, modules: Sequence[ModuleType], error: type[BaseException]
) -> int:
    """How many other schedules were tried, if all of them failed with that error; else 0."""
    plain = [strategy_named(name, settings.seed) for name in ("fifo", "reversed", "round-robin")]
    tried = [*plain, *[strategy_named("random", settings.seed)] * ELSEWHERE]
    with runner(program, settings, modules) as run:
        return len(tried) if all(type(run.run(strategy).error) is error for strategy in tried) else 0


def _exists_with_gil(
    program: Callable[[], Any], settings: Settings, modules: Sequence[ModuleType], error: type[BaseException]
) -> bool:
    """Whether a short exploration finds the error where only this CPython with the GIL can switch."""
    strategy = strategy_named("auto", settings.seed)
    with runner(program, settings.with_options({"preemption": "gil"}), modules) as run:
        return any(type(run.run(strategy).error) is error for _ in range(GIL_EXECUTIONS))
