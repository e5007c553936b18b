"""The shadow state of what tasks wait for: one object for each lock, condition, queue … of an execution."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from pytest_conc.controlled.originals import (
    LOCK,
    acquire_lock,
    acquire_rlock,
    lock_is_locked,
    release_lock,
    release_rlock,
)


class Resource:
    """Something that tasks operate on. Kept by address for one execution, together with the thing itself."""

    title = "resource"
    exclusive = False
    is_queue = False
    __slots__ = ("alias", "number", "reads", "thing", "writes")

    def __init__(self, execution: Any, thing: Any) -> None:
        self.thing = thing
        counts = execution.counts
        self.number = counts[self.title] = counts.get(self.title, 0) + 1
        self.alias: Resource | None = None
        self.reads: list[Any] = []
        self.writes: list[Any] = []

    def label(self) -> str:
        """The name of the resource, as reports show it."""
        return f"{self.title}#{self.number}"

    def key(self) -> tuple[Any, ...]:
        """What identifies the resource in every execution with the same schedule."""
        return (self.title, self.number)

    def let_go(self) -> None:
        """The execution is over: leaves the real thing as somebody outside expects it."""


R = TypeVar("R", bound=Resource)


def resource_of(execution: Any, thing: Any, make: Callable[[Any, Any], R]) -> R:
    """The shadow state of a thing in this execution."""
    state = execution.states.get(id(thing))
    if state is None:
        state = execution.states[id(thing)] = make(execution, thing)
    return state  # type: ignore[no-any-return]


class LockState(Resource):
    """A lock: who owns it, and how often. The real lock is kept in step."""

    title = "Lock"
    exclusive = True
    __slots__ = ("depth", "owner")
    reentrant = False

    def __init__(self, execution: Any, thing: Any) -> None:
        super().__init__(execution, thing)
        self.owner: Any = None
        self.depth = 0

    def is_free(self, task: Any) -> bool:
        """The guard of `acquire`: nobody has it, or the task has waited long enough."""
        return (self.owner is None and not lock_is_locked(self.thing)) or task.is_late()

    def free(self) -> bool:
        """Whether it could be taken now."""
        return self.owner is None and not lock_is_locked(self.thing)

    def take(self, task: Any, depth: int = 1) -> None:
        """The task owns it from now on."""
        self.owner = task
        self.depth = depth
        acquire_lock(self.thing, False)

    def give(self) -> int:
        """Nobody owns it from now on; returns how often it was held."""
        depth, self.owner, self.depth = self.depth, None, 0
        release_lock(self.thing)
        return depth

    def forget(self) -> None:
        """The real lock is made anew: nobody owns it."""
        self.owner, self.depth = None, 0

    def held_outside(self) -> bool:
        """Whether somebody has it who is not a task."""
        return self.owner is None and bool(lock_is_locked(self.thing))

    def let_go(self) -> None:
        """Releases the real lock if a task ended without."""
        if self.owner is not None:
            self.give()


class RLockState(LockState):
    """A reentrant lock."""

    title = "RLock"
    __slots__ = ()
    reentrant = True

    def is_free(self, task: Any) -> bool:
        """The guard of `acquire`: nobody has it, or the task itself."""
        return self.owner is None or self.owner is task or task.is_late()

    def free(self) -> bool:
        """Whether it could be taken now."""
        return self.owner is None

    def take(self, task: Any, depth: int = 1) -> None:
        """The task owns it from now on, once more if it did."""
        self.owner = task
        self.depth += depth
        for _ in range(depth):
            acquire_rlock(self.thing, False)

    def give(self) -> int:
        """Nobody owns it from now on; returns how often it was held."""
        depth, self.owner, self.depth = self.depth, None, 0
        for _ in range(depth):
            try:
                release_rlock(self.thing)
            except RuntimeError:
                break
        return depth

    def held_outside(self) -> bool:
        """Not known for a reentrant lock."""
        return False


def lock_state(execution: Any, lock: Any) -> LockState:
    """The shadow state of a lock of either kind."""
    state = execution.states.get(id(lock))
    if state is None:
        make = LockState if isinstance(lock, LOCK) else RLockState
        state = execution.states[id(lock)] = make(execution, lock)
    return state  # type: ignore[no-any-return]
