"""Sleep points: places that a person has marked as worth a switch."""

from __future__ import annotations

from _thread import get_ident

from pytest_conc.model.current import MEMBERS, POINTS, RUNNING


def sleep_point(label: str) -> None:
    """A scheduling point while a test is explored, a sleep while it is stressed, nothing otherwise.

    `label` names it in reports, and for `sleep_points.at`. Costs less than 100 ns where nothing is to be done.
    """
    if RUNNING or MEMBERS or POINTS:
        _pass(label)


def _pass(label: str) -> None:
    injected = POINTS.get(label)
    task = RUNNING.get(get_ident())
    if task is not None:
        if injected is not None:
            injected.count()
        task.execution.announce(task, "sleep point", label)
    elif injected is not None:
        injected.act()
    else:
        member = MEMBERS.get(get_ident())
        if member is not None:
            member.execution.sleep_point(label)
