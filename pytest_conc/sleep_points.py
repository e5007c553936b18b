"""Sleep points: places that a person has marked as worth a switch."""

from __future__ import annotations

from _thread import get_ident

from pytest_conc.model.current import RUNNING


def sleep_point(label: str) -> None:
    """A scheduling point while a test is explored, nothing otherwise. `label` names it in reports."""
    task = RUNNING.get(get_ident())
    if task is not None:
        task.execution.announce(task, "sleep point", label)
