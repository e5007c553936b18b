"""A task of an execution: one thread of the test, or the test body itself."""

from __future__ import annotations

from collections.abc import Callable, Container
from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Any

from pytest_conc.model.mixing import mixed

if TYPE_CHECKING:
    from pytest_conc.execution.scheduler import Execution


@cache
def path_of(parent: int, child: int) -> int:
    """The path of the n-th child of the task with that path."""
    return mixed(parent * 1_000_003 + child)


def unique_name(name: str, taken: Container[str]) -> str:
    """The name of one more task: `adder#2` for the second of that name."""
    return name if name not in taken else next(each for n in count(2) if (each := f"{name}#{n}") not in taken)


class Task:
    """What the scheduler knows of a task. `kind` and `resource` are the operation that it has announced.

    `guard` is None if that operation is always enabled, else a function of the task that says whether it is;
    `deadline` is the virtual time at which a wait ends at the latest. `path` names the task by how it was
    started, whatever the schedule: the n-th child of its parent.
    """

    is_queue = False
    __slots__ = (
        "aborts",
        "alias",
        "barrier",
        "begun",
        "body",
        "born",
        "children",
        "daemon",
        "deadline",
        "execution",
        "finished",
        "guard",
        "ident",
        "joined",
        "kind",
        "looked_at",
        "looks",
        "name",
        "number",
        "parent",
        "path",
        "performed",
        "place",
        "reads",
        "resource",
        "thread",
        "writes",
    )

    def __init__(
        self, execution: Execution, number: int, name: str, body: Callable[[], Any], parent: Task | None
    ) -> None:
        self.execution = execution
        self.number = number
        self.name = name
        self.body = body
        self.thread: Any = None
        self.ident = 0
        self.daemon = False
        self.place: Any = None
        self.barrier: Any = None
        self.children = 0
        self.parent = parent
        self.born = len(execution.trace)
        if parent is None:
            self.path = 1
        else:
            parent.children += 1
            self.name = unique_name(name, {task.name for task in execution.tasks})
            self.path = path_of(parent.path, parent.children)
        self.alias: Any = execution.roster
        self.performed = 0
        self.reads: list[Any] = []
        self.writes: list[Any] = []
        self.kind = "begin"
        self.resource: Any = None
        self.guard: Callable[[Task], bool] | None = None
        self.deadline: float | None = None
        self.finished = self.joined = self.begun = False
        self.aborts = self.looks = self.looked_at = 0

    def is_finished(self, joiner: Task) -> bool:
        """The guard of `join`: this task is over, or the joiner's time is."""
        return self.finished or joiner.is_late()

    def is_late(self) -> bool:
        """Whether the deadline of the announced operation has come."""
        return self.deadline is not None and self.deadline <= self.execution.now

    def label(self) -> str:
        """The name of the task, as reports show it."""
        return self.name

    def __repr__(self) -> str:
        return f"<task {self.number} {self.name}>"
