"""The operations of an execution that had a recorder, as they are shown."""

from __future__ import annotations

from typing import Any

from pytest_conc.execution.recorder import NOWHERE, Note, label_of
from pytest_conc.model.operation import INSERT, WRITE, Step


def steps_of(execution: Any) -> tuple[Step, ...]:
    """One step for each operation of the trace."""
    notes = execution.recorder.notes
    return tuple(_step(execution, index, notes.get(index, Note(NOWHERE))) for index in range(len(execution.trace)))


def bare_steps_of(execution: Any) -> tuple[Step, ...]:
    """The same without places and values, for an execution that had none."""
    return tuple(
        Step(task.label(), kind, label_of(resource), "", key=label_of(resource))
        for task, kind, resource in execution.trace
    )


def _step(execution: Any, index: int, note: Note) -> Step:
    task, kind, resource = execution.trace[index]
    return Step(
        task.label(),
        WRITE if kind is INSERT else kind,
        execution.recorder.label(resource),
        str(note.place),
        note.place.line,
        note.place.source,
        note.before,
        note.after,
        not note.place.is_users,
        note.place.filename,
        note.place.function,
        task.number,
        label_of(getattr(resource, "alias", None)) or None,
        label_of(resource),
        note.stack,
    )
