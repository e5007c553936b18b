"""Why no task can go on: who waits for what, who holds it, and which kind of deadlock that is."""

from __future__ import annotations

from typing import Any

from pytest_conc.execution.advice import advice, is_worker, waits_for_result
from pytest_conc.execution.recorder import NOWHERE, label_of
from pytest_conc.model.findings import Deadlock, LeakedTask, Livelock, LostWakeup, Starved
from pytest_conc.model.operation import Step

SIDE = frozenset({"join", "drain", "wait until done"})
ROUND = 20
_WAKES = frozenset({"wake", "wait for"})


def deadlock(execution: Any) -> Deadlock:
    """The error for an execution in which tasks are alive and none is enabled."""
    blocked = [task for task in execution.alive if task.guard is not None]
    working = [task for task in blocked if not _is_idle_worker(task)]
    guilty = [task for task in working if task.kind not in SIDE] or blocked
    lines = ["no task can go on:", *_lines(execution, working), advice(guilty)]
    return _about(execution, class_of(guilty)("\n".join(lines).rstrip()), blocked, working)


def _about(execution: Any, error: Deadlock, blocked: list[Any], working: list[Any]) -> Deadlock:
    error.waits = tuple((task.number, task.kind, key_of(task.resource)) for task in blocked)
    error.pending = tuple(_pending(execution, task) for task in working)
    return error


def _lines(execution: Any, blocked: list[Any]) -> list[str]:
    return [f"  {_line(execution, task)}" for task in blocked]


def _pending(execution: Any, task: Any) -> Step:
    """The operation that a task has announced, as it is shown."""
    announced = {} if execution.recorder is None else execution.recorder.announced
    place = announced.get(task.number, NOWHERE)
    return Step(
        task=task.label(),
        kind=task.kind,
        resource=_shown(execution, task.resource),
        site=str(place),
        line=place.line,
        source=place.source,
        internal=not place.is_users,
        path=place.filename,
        function=place.function,
        number=task.number,
        lock=label_of(getattr(task.resource, "alias", None)) or None,
        key=label_of(task.resource),
    )


def leak(left: list[Any]) -> LeakedTask:
    """The error for tasks that nobody has waited for."""
    names = ", ".join(f"{task.label()}{_started(task)}" for task in left)
    is_alive, it = ("is still alive", "it") if len(left) == 1 else ("are still alive", "them")
    return LeakedTask(f"{names} {is_alive} when the test body returns: join {it}, or make {it} daemon")


def livelock(execution: Any) -> Livelock | Deadlock:
    """The error for an execution that does not end; with a recorder it says where its tasks go round.

    Who waits in a circle for each other's locks is in a deadlock, whatever goes on beside it.
    """
    last = range(max(0, len(execution.trace) - 1 - ROUND), len(execution.trace) - 1)
    where = ", ".join(dict.fromkeys(_visited(execution, index) for index in last))
    text = (
        f"the execution did not end within max_steps={execution.patience // 2} operations, nor within as many more in "
        f"which every task had its turn; in the last {len(last)} of them {where}."
    )
    blocked = [task for task in execution.alive if task.guard is not None and task.kind in WANTS]
    working = [task for task in blocked if not _is_idle_worker(task)]
    if _in_a_circle(blocked):
        lines = ["some tasks cannot go on:", *_lines(execution, working), advice(blocked), text]
        return _about(execution, Deadlock("\n".join(lines)), blocked, working)
    lines = [f"{text} Either the program never ends, or it needs a larger max_steps"]
    guilty = [task for task in working if task.kind not in SIDE]
    return Livelock("\n".join([*lines, "Meanwhile:", *_lines(execution, guilty)] if guilty else lines))


def _in_a_circle(blocked: list[Any]) -> bool:
    for task in blocked:
        met = [task]
        while (owner := getattr(met[-1].resource, "owner", None)) in blocked:
            if owner in met:
                return True
            met.append(owner)
    return False


def _visited(execution: Any, index: int) -> str:
    task, kind, resource = execution.trace[index]
    note = None if execution.recorder is None else execution.recorder.notes.get(index)
    if note is None or not note.place.is_users:
        return f"{task.label()} was at {kind}"
    what = f"{kind} {_shown(execution, resource)}".rstrip()
    return f"{task.label()} was at {what}, {note.place} ({note.place.source})"


def _started(task: Any) -> str:
    recorder = task.execution.recorder
    place = None if recorder is None else recorder.started.get(task.number)
    where = "" if place is None else f", started at {place} ({place.source})"
    return f"{where}, {f'now at {task.kind}' if task.begun else 'not begun yet'},"


def key_of(resource: Any) -> Any:
    """What identifies a resource in every execution with the same schedule."""
    key = getattr(resource, "key", None)
    if key is not None:
        return key()
    return getattr(resource, "number", None) or getattr(resource, "name", None)


def _shown(execution: Any, resource: Any) -> str:
    return label_of(resource) if execution.recorder is None else str(execution.recorder.label(resource))


def _is_idle_worker(task: Any) -> bool:
    return task.kind == "get" and is_worker(task)


def class_of(guilty: list[Any]) -> type[Deadlock]:
    """Which kind of deadlock it is when these tasks wait for ever."""
    kinds = {task.kind for task in guilty}
    if kinds <= {"get", "try-get"}:
        return Starved
    if any(waits_for_result(task) or task.barrier is not None for task in guilty):
        return Deadlock
    if kinds <= _WAKES and not any(_holds_what_is_wanted(task, guilty) for task in guilty):
        return LostWakeup
    return Deadlock


def _holds_what_is_wanted(task: Any, guilty: list[Any]) -> bool:
    return any(getattr(other.resource, "owner", None) is task for other in guilty)


def _line(execution: Any, task: Any) -> str:
    if task.barrier is not None:
        came = f"{task.barrier.n_waiting} of {task.barrier.parties} have come"
        return f"{task.label()} waits at a barrier where {came}{_where(execution, task)}"
    wants = "for" if waits_for_result(task) else WANTS.get(task.kind, "at " + task.kind + " of")
    parts = [f"{task.label()} waits {wants} {_shown(execution, task.resource)}".rstrip()]
    parts.append(_where(execution, task))
    owner = getattr(task.resource, "owner", None)
    if owner is not None:
        parts.append(f", which {'it holds itself' if owner is task else owner.label() + ' holds'}")
        parts.append(_taken(execution, task.resource, owner))
    return "".join(parts)


def _where(execution: Any, task: Any) -> str:
    place = None if execution.recorder is None else execution.recorder.announced.get(task.number)
    return "" if place is None or not place.is_in_users_code else f" at {place} ({place.source})"


WANTS = {
    "acquire": "for",
    "join": "for the end of",
    "get": "for an item of",
    "put": "for room in",
    "wake": "for a notification of",
    "wait for": "for",
    "drain": "for the workers of a pool",
    "wait until done": "for all tasks of",
    "release": "to release",
}


def _taken(execution: Any, lock: Any, owner: Any) -> str:
    if execution.recorder is None:
        return ""
    for index in range(len(execution.trace) - 1, -1, -1):
        task, kind, resource = execution.trace[index]
        if task is owner and resource is lock and kind in ("acquire", "try-acquire"):
            place = execution.recorder.notes[index].place
            return f" since {place} ({place.source})"
    return ""
