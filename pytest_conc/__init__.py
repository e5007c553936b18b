"""pytest-conc: run the threads of a test under every interleaving that matters, or for real with stress."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_conc.exploration.exploration import Exploration
    from pytest_conc.exploration.explore import explore, replay
    from pytest_conc.fixtures.sleep_points import NeverPassed
    from pytest_conc.marks import interleave, stress
    from pytest_conc.model.failure import Failure, Finding
    from pytest_conc.model.findings import (
        ConcurrencyError,
        DataRace,
        Deadlock,
        LeakedTask,
        Livelock,
        LostWakeup,
        ProcessExit,
        Refused,
        ReplayDiverged,
        Starved,
        TaskInterrupted,
        UncontrolledBlocking,
        UncontrolledNondeterminism,
    )
    from pytest_conc.model.settings import WrongUse
    from pytest_conc.sleep_points import sleep_point

_FINDINGS = (
    "ConcurrencyError",
    "DataRace",
    "Deadlock",
    "LeakedTask",
    "Livelock",
    "LostWakeup",
    "ProcessExit",
    "Refused",
    "ReplayDiverged",
    "Starved",
    "TaskInterrupted",
    "UncontrolledBlocking",
    "UncontrolledNondeterminism",
)
_WHERE = {
    **dict.fromkeys(_FINDINGS, "model.findings"),
    **dict.fromkeys(("Failure", "Finding"), "model.failure"),
    **dict.fromkeys(("Exploration", "explore", "replay"), "exploration.explore"),
    "NeverPassed": "fixtures.sleep_points",
    "WrongUse": "model.settings",
    "interleave": "marks",
    "stress": "marks",
    "sleep_point": "sleep_points",
}
__all__ = [
    "ConcurrencyError",
    "DataRace",
    "Deadlock",
    "Exploration",
    "Failure",
    "Finding",
    "LeakedTask",
    "Livelock",
    "LostWakeup",
    "NeverPassed",
    "ProcessExit",
    "Refused",
    "ReplayDiverged",
    "Starved",
    "TaskInterrupted",
    "UncontrolledBlocking",
    "UncontrolledNondeterminism",
    "WrongUse",
    "explore",
    "interleave",
    "replay",
    "sleep_point",
    "stress",
]


def __getattr__(name: str) -> Any:
    """Imports the engine only when it is asked for: pytest loads this package in every run of every project."""
    if name in _WHERE:
        module = importlib.import_module(f"pytest_conc.{_WHERE[name]}")
        if hasattr(module, "Exploration"):
            module.Exploration.drawn_by = _as_html
        return getattr(module, name)
    raise AttributeError(f"module 'pytest_conc' has no attribute {name!r}")


def _as_html(exploration: Exploration) -> str:
    """What a notebook shows for an exploration."""
    from pytest_conc.report.notebook import as_html

    return as_html(exploration)
