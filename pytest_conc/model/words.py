"""What a task did in a step, in words: "puts 3 into jobs", and in the past "put 3 into jobs"."""

from __future__ import annotations

from typing import Final, NamedTuple

from pytest_conc.model.operation import READ, WRITE, Step
from pytest_conc.model.short import MISSING


class _Verb(NamedTuple):
    """How an operation is told; `{}` stands for the resource, `[]` for the value that it gave or got."""

    present: str
    past: str


_WITH_VALUE: Final = {
    READ: _Verb("reads {} = []", "read {} = []"),
    WRITE: _Verb("writes {} = []", "wrote {} = []"),
    "put": _Verb("puts [] into {}", "put [] into {}"),
    "try-put": _Verb("puts [] into {}", "put [] into {}"),
    "get": _Verb("gets [] from {}", "got [] from {}"),
    "try-get": _Verb("gets [] from {}", "got [] from {}"),
    "size": _Verb("looks at {}: []", "looked at {} ([])"),
    "is_alive": _Verb("asks whether {} is alive: []", "asked whether {} was alive ([])"),
    "is_set": _Verb("asks whether {} is set: []", "asked whether {} was set ([])"),
    "locked": _Verb("asks whether {} is locked: []", "asked whether {} was locked ([])"),
    "try-acquire": _Verb("tries to acquire {}: []", "tried to acquire {} ([])"),
}
_WITHOUT: Final = {
    READ: _Verb("reads {}", "read {}"),
    WRITE: _Verb("writes {}", "wrote {}"),
    "acquire": _Verb("acquires {}", "acquired {}"),
    "release": _Verb("releases {}", "released {}"),
    "failed release": _Verb("tries to release {}, which nobody holds", "tried to release {}, which nobody held"),
    "try-acquire": _Verb("tries to acquire {}", "tried to acquire {}"),
    "wait": _Verb("waits, releasing {}", "waited for {}"),
    "wake": _Verb("wakes from {}", "woke from {}"),
    "try-wake": _Verb("wakes from {}", "woke from {}"),
    "notify": _Verb("notifies {}", "notified {}"),
    "set": _Verb("sets {}", "set {}"),
    "clear": _Verb("clears {}", "cleared {}"),
    "begin to wait": _Verb("begins to wait for {}", "began to wait for {}"),
    "wait for": _Verb("has waited for {}", "had waited for {}"),
    "try-wait": _Verb("has waited for {}", "had waited for {}"),
    "put": _Verb("puts into {}", "put an item into {}"),
    "get": _Verb("gets from {}", "got an item from {}"),
    "try-put": _Verb("finds no room in {}", "found no room in {}"),
    "try-get": _Verb("finds nothing in {}", "found nothing in {}"),
    "size": _Verb("looks at the size of {}", "looked at the size of {}"),
    "task_done": _Verb("says that an item of {} is done", "said that an item of {} was done"),
    "wait until done": _Verb("has waited until {} was done", "had waited until {} was done"),
    "shutdown": _Verb("shuts down {}", "shut down {}"),
    "sleep": _Verb("has slept", "had slept"),
    "spin": _Verb("goes round until there is news", "went round until there was news"),
    "start": _Verb("starts {}", "started {}"),
    "join": _Verb("joins {}", "joined {}"),
    "try-join": _Verb("joins {}, if it ends in time", "joined {}, if it ended in time"),
    "exit": _Verb("ends", "ended"),
    "is_alive": _Verb("asks whether {} is alive", "asked whether {} was alive"),
    "is_set": _Verb("asks whether {} is set", "asked whether {} was set"),
    "locked": _Verb("asks whether {} is locked", "asked whether {} was locked"),
}


def in_words(step: Step) -> str:
    """What the task does in this step: a verb and its object, and for a write what was there before."""
    return _told(step, _verb(step).present) + _before(step)


def _before(step: Step) -> str:
    if step.kind != WRITE or step.before is None:
        return ""
    return " (new)" if step.before == MISSING else f" (was {step.before})"


def in_past(step: Step) -> str:
    """What the task did in this step."""
    return _told(step, _verb(step).past)


def in_short(step: Step) -> str:
    """What the task does in this step, whatever the values: "reads counter.value"."""
    return _told(step._replace(after=None), (_WITHOUT.get(step.kind) or _Verb(f"{step.kind} {{}}", "")).present)


def with_value(sign: str, text: str | None, otherwise: str = "") -> str:
    """The sign and the value; what stands there otherwise if the value is not known."""
    return otherwise if text is None else f"{sign}{text}"


def _verb(step: Step) -> _Verb:
    if step.kind == READ and step.after == MISSING:
        return _Verb("finds no {}", "found no {}")
    known = _WITHOUT if step.after is None else _WITH_VALUE
    return known.get(step.kind) or _WITHOUT.get(step.kind) or _Verb(f"{step.kind} {{}}", f"{step.kind} {{}}")


def _told(step: Step, phrase: str) -> str:
    return phrase.replace("[]", step.after or "", 1).replace("{}", step.resource, 1).rstrip()
