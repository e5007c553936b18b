"""From real runs to exploration: does it find the same failure, and with which schedule?

A real run says that a test can fail, an exploration says how, step by step, and repeats it. So a stress test that has
failed is explored for a moment, first where its threads nearly met.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, Final

from pytest_conc.controlled import originals
from pytest_conc.exploration.explore import explore_with
from pytest_conc.model.failure import Failure
from pytest_conc.model.findings import Deadlock, Livelock, Refused, UncontrolledBlocking
from pytest_conc.model.settings import Settings
from pytest_conc.stressing.near_misses import NearMisses

SECONDS: Final = 3.0
HANG_AFTER: Final = 1.0  # seconds: whatever blocks on something that is not controlled is not for explorations
EXECUTIONS: Final = 500
_ENDLESS: Final = (Deadlock, Livelock, UncontrolledBlocking)


def also_explored(
    program: Callable[[], Any],
    name: str,
    modules: Sequence[ModuleType],
    settings: Settings,
    errors: Sequence[BaseException],
    near_misses: NearMisses,
    ends_with: tuple[type[BaseException], ...],
) -> tuple[str, Failure | None]:
    """In words whether an exploration of `program` fails like one of `errors`; and its failure if it does."""
    began = originals.monotonic()
    bounds = {"executions": min(settings.executions, EXECUTIONS), "seconds": SECONDS, "finds": None}
    bounds["hang_after"] = min(settings.hang_after or HANG_AFTER, HANG_AFTER)
    exploration = explore_with(
        program, settings.with_options(bounds), name, modules, ends_with=ends_with, favourites=near_misses.favourites()
    )
    failure = exploration.failure
    if failure is None:
        seconds = originals.monotonic() - began
        blind = "; it does not see what is in files" if near_misses.at_files() else ""
        return f"an exploration does not find it in {exploration.executions} executions ({seconds:.1f} s){blind}", None
    if isinstance(failure.error, Refused):
        return f"it cannot be explored: the scheduler controls threads only, and not {failure.error.what}", None
    if isinstance(failure.error, UncontrolledBlocking):  # what it says after that is how to mend an exploration
        return f"it cannot be explored: {_line(failure.error).partition(';')[0]}", None
    if not any(_is_like(failure.error, error) for error in errors):
        return f"an exploration finds something else, {type(failure.error).__name__}: {_line(failure.error)}", failure
    return f"an exploration finds it too, in execution {failure.execution}: {failure.finding.kind}", failure


def _is_like(one: BaseException, other: BaseException) -> bool:
    """The same kind of failure: the class of both, or that somebody does not go on."""
    return type(one) is type(other) or (isinstance(one, _ENDLESS) and isinstance(other, _ENDLESS))


def _line(error: BaseException) -> str:
    try:
        return (str(error).splitlines() or [""])[0]
    except Exception:
        return ""
