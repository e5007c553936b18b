"""`explore`: many executions of one program, and their verdict."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from time import monotonic
from types import ModuleType
from typing import Any, Final

from pytest_conc.execution.recorder import label_of
from pytest_conc.execution.scheduler import Execution
from pytest_conc.execution.spinning import WINDOW
from pytest_conc.execution.stuck import key_of
from pytest_conc.exploration.classes import ClassHash
from pytest_conc.exploration.elsewhere import compared
from pytest_conc.exploration.exploration import Exploration
from pytest_conc.exploration.failures import explain, failure_of, raced, signature_of, unconfirmed
from pytest_conc.exploration.remarks import Remarks
from pytest_conc.exploration.runner import Runner, runner
from pytest_conc.exploration.stored import retried
from pytest_conc.exploration.tokens import followed_schedule, following, misfit
from pytest_conc.instrument.watch import watched_modules
from pytest_conc.model.current import current_task
from pytest_conc.model.failure import Failure, Finding
from pytest_conc.model.findings import (
    Deadlock,
    ReplayDiverged,
    UncontrolledBlocking,
    UncontrolledNondeterminism,
)
from pytest_conc.model.operation import INSERT, MODES, NOTHING, READ, WRITE
from pytest_conc.model.schedule import Recipe, read_token
from pytest_conc.model.settings import Settings, WrongUse
from pytest_conc.strategies import strategy_named
from pytest_conc.strategies.at_most import AtMost
from pytest_conc.strategies.auto import Auto
from pytest_conc.strategies.bounded import Bounded
from pytest_conc.strategies.protocol import Strategy
from pytest_conc.strategies.replay import Replay
from pytest_conc.strategies.witness import Witness

SHARING: Final = (
    frozenset(MODES) - {READ, WRITE, INSERT, "exit"} - {kind for kind, mode in MODES.items() if mode == NOTHING}
)
SPUN: Final = f"a loop that waits was held after {WINDOW} operations until there was news"
RECHECKED: Final = frozenset({2, 10, 100, 1000, 10000})


def explore(program: Callable[[], Any], **options: Any) -> Exploration:
    """Runs `program`, a callable without arguments, under one schedule after the other.

    Options are those of docs/reference/options.md: strategy, executions, seconds, seed, host, preemption, timing,
    max_preemptions, max_steps, hang_after, targets, keep_going. Never raises for a failing program, only for wrong
    use (WrongUse). The first `n` executions do not depend on how many are asked for.
    """
    __tracebackhide__ = True
    _refuse_nesting()
    settings = Settings().with_options(options)
    if not callable(program):
        raise WrongUse(f"explore({program!r}) got something that cannot be called; pass a function without arguments")
    return explore_with(program, settings, name_of(program), modules_for(program, settings, os.getcwd()))


def _refuse_nesting() -> None:
    __tracebackhide__ = True
    if current_task() is not None:
        raise WrongUse(
            "explore() was called inside of an exploration; call it outside, or call the inner program itself"
        )


def modules_for(program: Callable[[], Any], settings: Settings, root: str) -> list[ModuleType]:
    """The modules that are watched: the program's own, the project's below `root`, the targets."""
    function = getattr(program, "__func__", program)
    own = getattr(function, "__module__", None) or type(program).__module__
    modules = watched_modules(root, settings.targets, (own,) if own in sys.modules else ())
    return [module for module in modules if not module.__name__.startswith("pytest_conc")]


def name_of(program: Callable[[], Any]) -> str:
    """The name that tokens of this program carry."""
    return str(getattr(program, "__qualname__", type(program).__qualname__))


def explore_with(
    program: Callable[[], Any],
    settings: Settings,
    name: str,
    modules: Sequence[ModuleType],
    *,
    ends_with: tuple[type[BaseException], ...] = (),
    tokens: Sequence[str] = (),
    once_if_alone: bool = False,
    favourites: frozenset[tuple[str, Any]] = frozenset(),
) -> Exploration:
    """As `explore`, with checked settings, for a program of that name and these watched modules.

    An execution that raises one of `ends_with` (a skip, say) ends the exploration without being a failure. The
    schedules of `tokens` are tried first; they are not counted as executions. With `once_if_alone` a program that
    starts no task is run once. `favourites` are resources that real runs have shown to be contested (see `Profile`).
    """
    exploration = Exploration(settings, name)
    exploration.watched = tuple(module.__name__ for module in modules)
    strategy = _strategy_for(settings, favourites)
    exploration.failure, exploration.outdated = retried(program, settings, name, modules, tokens)
    if exploration.failure is None or settings.keep_going:
        with runner(program, settings, modules) as run:
            loop = _Loop(exploration, run, strategy, ends_with, once_if_alone)
            loop.go()
            if exploration.failure is None:
                exploration.notes += loop.remarks.notes(exploration.exhaustive)
            if run.learned.spun:
                exploration.exhaustive = False
                exploration.notes.append(SPUN)
            elif settings.max_preemptions is None:
                exploration.why = getattr(strategy, "why", "")
            exploration.saw_sharing = exploration.saw_sharing or bool(run.learned.hot)
    if exploration.failure is not None:
        exploration.failure = compared(exploration.failure, program, settings, modules)
    return exploration


def _strategy_for(settings: Settings, favourites: frozenset[tuple[str, Any]]) -> Strategy:
    __tracebackhide__ = True
    if settings.strategy == "dpor" and settings.preemption == "gil":
        raise WrongUse("strategy='dpor' needs preemption='any': with 'gil' several accesses are one step; try 'surw'")
    bound = settings.max_preemptions
    if bound is not None and settings.strategy in ("dpor", "bounded"):
        return Bounded(bound)  # under a bound DPOR would miss schedules within it (Coons and others, OOPSLA 2013)
    if settings.strategy == "auto":
        strategy: Strategy = Auto(settings.seed, favourites, proves=bound is None)
    else:
        strategy = strategy_named(settings.strategy, settings.seed)
    return strategy if bound is None else AtMost(bound, strategy)


class _Loop:
    """The executions of one exploration."""

    def __init__(
        self,
        exploration: Exploration,
        run: Runner,
        strategy: Any,
        ends_with: tuple[type[BaseException], ...],
        once_if_alone: bool,
    ) -> None:
        self.ends_with = ends_with
        self.once_if_alone = once_if_alone
        self.was_alone = False
        self.exploration = exploration
        self.run = run
        self.strategy = strategy
        self.tell: Callable[[], None] | None = getattr(strategy, "end", None)
        self.hash = ClassHash()
        self.remarks = Remarks(run)

    def go(self) -> None:
        """Runs until a bound or a failure ends it."""
        settings = self.exploration.settings
        until = None if settings.seconds is None else monotonic() + settings.seconds
        while self.exploration.executions < settings.executions:
            if until is not None and monotonic() > until and self.exploration.executions:
                self.exploration.ended_by = "seconds"
                return
            failed = self._one()
            if failed and (not settings.keep_going or self.exploration.ended_with is not None):
                self.exploration.ended_by = "failure"
                return
            if self.once_if_alone and self.was_alone:
                self.exploration.ended_by = "alone"
                return
            if getattr(self.strategy, "exhausted", False):
                self.exploration.ended_by = "exhausted"
                self.exploration.exhaustive = settings.max_preemptions is None
                return
        self.exploration.ended_by = "executions"

    def _one(self) -> bool:
        """One execution; returns whether it failed."""
        execution = self.run.run(self.strategy)
        self.was_alone = len(execution.tasks) == 1
        if not self.exploration.saw_sharing:
            self.exploration.saw_sharing = any(kind in SHARING for _, kind, _ in execution.trace)
        number = self.hash.of(execution.trace, self.run.learned.exits, isinstance(execution.error, Deadlock))
        self.exploration.count(execution, number, getattr(self.strategy, "draws", True))
        if self.tell is not None:
            self.tell()
        number = self.exploration.executions
        if isinstance(execution.error, self.ends_with):
            self.exploration.ended_with = execution.error
            return True
        if execution.error is not None:
            if self.exploration.failure is None:
                self.exploration.failure = self._confirmed(execution)
            return True
        if (number == 1 or number in RECHECKED) and self._recheck(execution):
            return True
        race = self.remarks.look(execution, number)
        if race is not None and self.exploration.failure is None:
            number = self.exploration.executions
            self.exploration.failure = raced(
                self.run, followed_schedule(execution), race, self.exploration.name, number
            )
        return race is not None

    def _recheck(self, execution: Execution) -> bool:
        """Runs the same schedule again, and once more if that differs; returns whether it keeps differing."""
        again = self.run.run(Replay(followed_schedule(execution)))
        step = first_difference(execution, again)
        if step is None:
            return False
        third = self.run.run(Replay(followed_schedule(again)))
        if first_difference(again, third) is None:
            self.exploration.notes.append(f"lazy initialisation in execution {self.exploration.executions}: {step}")
            return False
        self.exploration.failure = self._nondeterministic(execution, step)
        return True

    def _confirmed(self, execution: Execution) -> Failure:
        """The failure, after it has been replayed twice with the same signature."""
        schedule = followed_schedule(execution)
        if isinstance(execution.error, UncontrolledBlocking):  # a replay would block as long again
            return unconfirmed(
                execution, schedule, self.run.settings, self.exploration.name, self.exploration.executions
            )
        wanted = signature_of(execution)
        replays = [self.run.run(Replay(schedule)) for _ in range(2)]
        if [signature_of(again) for again in replays] != [wanted, wanted]:
            step = first_difference(execution, replays[0]) or first_difference(execution, replays[1]) or "its end"
            return self._nondeterministic(execution, step)
        return explain(self.run, schedule, self.exploration.name, self.exploration.executions)

    def _nondeterministic(self, execution: Execution, step: str) -> Failure:
        error = UncontrolledNondeterminism(
            f"the same schedule gave two different executions; the first step that differs: {step}. Something the "
            "program uses is not the same in each execution: state that survives from one to the next (a module "
            "global, a cache, a pool of threads in a fixture of wider scope), the order of a set, the real time, a file"
        )
        error.__cause__ = execution.error
        finding = Finding("UncontrolledNondeterminism", str(error))
        return Failure(error, finding, (), 0, "", execution=self.exploration.executions)


def first_difference(one: Execution, other: Execution) -> str | None:
    """Where two traces differ first, in words; None if they are the same.

    Resources are told apart by when they come up first: their numbers also count what was used before any
    task was started.
    """
    met: tuple[dict[Any, int], dict[Any, int]] = ({}, {})
    for (task, kind, resource), (task2, kind2, resource2) in zip(one.trace, other.trace, strict=False):
        place, place2 = _ordinal(met[0], resource), _ordinal(met[1], resource2)
        if (task.path, kind, place) != (task2.path, kind2, place2):
            return f"{task.label()}: {kind} {label_of(resource)}, then {task2.label()}: {kind2} {label_of(resource2)}"
    if len(one.trace) != len(other.trace):
        return f"the length: {len(one.trace)} operations, then {len(other.trace)}"
    return None


def _ordinal(met: dict[Any, int], resource: Any) -> int:
    return met.setdefault(key_of(resource), len(met))


def replay(program: Callable[[], Any], token: str, **options: Any) -> Failure | None:
    """Runs `program` under the schedule of a token: the same Failure, or None if it passes now.

    Raises WrongUse for a token that is malformed or of another program, ReplayDiverged if the program has changed so
    that the schedule does not fit any more.
    """
    __tracebackhide__ = True
    _refuse_nesting()
    settings = Settings().with_options(options)
    name = name_of(program)
    read_token(token, name)
    return replay_with(program, token, settings, name, modules_for(program, settings, os.getcwd()))


def replay_with(
    program: Callable[[], Any],
    token: str,
    settings: Settings,
    name: str,
    modules: Sequence[ModuleType],
    *,
    ends_with: tuple[type[BaseException], ...] = (),
    once: Callable[[], bool] = lambda: False,
) -> Failure | None:
    """As `replay`, with checked settings, for a program of that name and these watched modules.

    `once` is asked after the failing execution whether that was all, as somebody wants who has set a breakpoint: then
    nobody looks at what other schedules say.
    """
    recipe = read_token(token, name)
    settings = settings_of(settings, recipe)
    with runner(program, settings, modules) as run:
        follower = following(run, recipe)
        witness = Witness(follower)
        execution = run.run(witness, show=True)
        run.report_this()
        if isinstance(execution.error, ends_with):
            raise execution.error
        diverged = misfit(follower, execution)
        if execution.error is None and settings.races == "error":
            execution.error = Remarks(run).look(execution, 1)
        if execution.error is None:
            if diverged:
                raise ReplayDiverged(
                    f"{name} passed, but not under the schedule of {token}: the code has changed since, {diverged}. "
                    "Explore it again without --conc-replay"
                )
            return None
        stops = once()
        failure = replace(failure_of(execution, token, 0, run, None if stops else witness), diverged=diverged)
    return failure if stops else compared(failure, program, settings, modules)


def settings_of(settings: Settings, recipe: Recipe) -> Settings:
    """The settings under which the schedule of a token was found."""
    seed = settings.seed if recipe.seed is None else recipe.seed
    return settings.with_options({"timing": recipe.timing, "preemption": recipe.preemption, "seed": seed})
