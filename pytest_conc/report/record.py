"""What was found out about one explored program, as plain data: what `--conc-json` writes and the page shows.

All of it is dicts with text as keys, lists, texts, finite numbers, booleans and None, so it is valid JSON and may
cross from an xdist worker to the controller. The schema is docs/reference/json.md.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import fields
from traceback import walk_tb
from typing import Any, Final

from pytest_conc.exploration.exploration import Exploration
from pytest_conc.model.failure import Failure
from pytest_conc.model.findings import ConcurrencyError
from pytest_conc.model.operation import Step
from pytest_conc.model.settings import Settings
from pytest_conc.model.short import short
from pytest_conc.model.words import in_words
from pytest_conc.report.columns import steps_that_matter
from pytest_conc.report.others import said_by_others
from pytest_conc.report.sources import Files

Record = dict[str, Any]
PASSED: Final = "passed"
_COUNTS: Final = ("executions", "classes", "estimated_classes", "unseen", "exhaustive", "ended_by")


def exploration_record(exploration: Exploration | None, settings: Settings) -> Record:
    """The record of an exploration; None where a token was replayed instead. It has no failure yet."""
    return {
        "verdict": "replayed" if exploration is None else str(exploration),
        "settings": settings_record(settings),
        **{name: finite(getattr(exploration, name, None)) for name in _COUNTS},
        "outcomes": {} if exploration is None else outcomes_record(exploration.outcomes),
        "notes": [] if exploration is None else list(exploration.notes),
        "watched": [] if exploration is None else list(exploration.watched),
        "failure": None,
    }


def settings_record(settings: Settings) -> Record:
    """The settings by name: exception classes by their names, a strategy object by that of its class."""
    strategy = settings.strategy
    return {
        **{field.name: finite(getattr(settings, field.name)) for field in fields(settings)},
        "strategy": strategy if isinstance(strategy, str) else type(strategy).__name__,
        "targets": list(settings.targets),
        "finds": [each.__name__ for each in settings.finds],
    }


def finite(value: Any) -> Any:
    """The value; None for a float that JSON has no number for."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def outcomes_record(outcomes: Mapping[Any, int]) -> dict[str, int]:
    """How often each outcome was met, by label, the most frequent first."""
    counted: Counter[str] = Counter()
    for outcome, times in outcomes.items():
        counted[_label(outcome)] += times
    return dict(counted.most_common())


def _label(outcome: object) -> str:
    if outcome is None:
        return PASSED
    return outcome if type(outcome) is str else short(outcome)


def failure_record(failure: Failure, command: str, root: str, expected: bool = False) -> Record:
    """The record of a failure: `command` repeats it, file names are relative to `root`, `finds=` made it `expected`."""
    files = Files(root)
    waits = [step_record(step, files) for step in _pending(failure.error)]
    trace = trace_record(failure, files)
    swap = failure.swap and [{**step_record(step, files), "stack": list(step.stack)} for step in failure.swap]
    error = error_record(failure.error, files)
    return {
        "error": error,
        "finding": failure.finding.kind,
        "explanation": failure.finding.explanation,
        "expected": expected,
        "preemptions": failure.preemptions,
        "with_gil": failure.with_gil,
        "execution": failure.execution,
        "token": failure.token,
        "diverged": failure.diverged,
        "replay": command,
        "tasks": list(failure.tasks),
        "trace": trace,
        "waits": waits,
        "swap": swap,
        "elsewhere": failure.elsewhere,
        "everywhere": failure.everywhere,
        "others": said_by_others(failure),
        "sources": files.excerpts(step for step in [*trace, *waits, *(swap or ()), error] if not step.get("internal")),
    }


def _pending(error: BaseException) -> tuple[Step, ...]:
    return error.pending if isinstance(error, ConcurrencyError) else ()


def trace_record(failure: Failure, files: Files) -> list[Record]:
    """The steps of the trace, each with whether the finding is about it and whether a reader needs it."""
    involved = {id(step) for step in failure.finding.operations}
    matter = {id(step) for step in steps_that_matter(failure)}
    return [
        {**step_record(step, files), "in_finding": id(step) in involved, "shown": id(step) in matter}
        for step in failure.trace
    ]


def step_record(step: Step, files: Files) -> Record:
    """One operation: who, what, where, and the values."""
    return {
        "task": step.task,
        "task_number": step.number,
        "kind": step.kind,
        "resource": step.resource,
        "key": step.key,
        "text": in_words(step),
        "file": files.name(step.path),
        "line": step.line,
        "function": step.function,
        "source": step.source,
        "before": step.before,
        "after": step.after,
        "lock": step.lock,
        "internal": step.internal,
    }


def error_record(error: BaseException, files: Files) -> Record:
    """What was raised, and the last line of the program's own that it came through."""
    places = [(frame.f_code, line) for frame, line in walk_tb(error.__traceback__)]
    own = [place for place in places if files.is_own(place[0].co_filename)] or places
    code, line = own[-1] if own else (None, 0)
    return {
        "type": type(error).__name__,
        "message": _message(error),
        "file": files.name(code.co_filename) if code else "",
        "line": line,
        "function": code.co_qualname if code else "",
    }


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as another:
        return f"<its text cannot be shown: {type(another).__name__}>"
