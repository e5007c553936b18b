"""Why a real run does not go on: who waits for what, who holds it, where, and which kind of deadlock that is.

Each waiting member is described as if it were a blocked task of an exploration (`Blocked`), so that both share
the names of findings and the advice.
"""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass
from typing import Any, Final

from pytest_conc.execution.advice import advice
from pytest_conc.execution.stuck import SIDE, class_of
from pytest_conc.execution.task import unique_name
from pytest_conc.model.findings import ConcurrencyError, Starved, UncontrolledBlocking
from pytest_conc.stressing import children, stacks
from pytest_conc.stressing.member import Member

_KINDS: Final = {
    "Queue.get": "get",
    "Queue.put": "put",
    "Queue.join": "wait until done",
    "Condition.wait": "wake",
    "Condition.wait_for": "wake",
    "Event.wait": "wait for",
    "wait": "wait for",  # of concurrent.futures
    "as_completed": "wait for",
    "Semaphore.acquire": "acquire",
    "": "acquire",
    "Future.result": "wake",
    "Future.exception": "wake",
}
_IDLE: Final = "_worker"


@dataclass
class Resource:
    """What a blocked member waits for; `owner` holds it, if it is a lock that somebody holds."""

    owner: Any = None
    is_future: bool = False


@dataclass(eq=False)
class Blocked:
    """A member that waits without a limit, in the words of an exploration."""

    member: Member
    kind: str
    resource: Resource
    barrier: Any = None

    @property
    def thread(self) -> threading.Thread:
        """Its thread."""
        return self.member.thread

    @property
    def finished(self) -> bool:
        """Whether it has ended."""
        return self.member.ended


def hang(run: Any, seconds: float, is_deadlock: bool) -> ConcurrencyError:
    """The error for a run that does not go on; `seconds` is how long nothing has happened."""
    alive = [run.main, *run.alive()]
    blocked = _blocked([member for member in alive if member.is_stuck()], run)
    working = [each for each in blocked if not _is_idle(each)]
    guilty = [each for each in working if each.kind not in SIDE] or working
    processes = [process for process in run.processes if children.seems_alive(process)]
    others = [member for member in alive if not member.is_stuck()]
    reason = "no task can go on" if is_deadlock else f"nothing has happened for {seconds:.1f} seconds"
    lines = [f"{reason}:"]
    lines += [f"  {_line(each, run)}" for each in sorted(working, key=lambda each: each.kind in SIDE)]
    lines += [f"  {name_of(member)} is {stacks.place_of(_ident(member, run))}" for member in others]
    of_children = [line for process in processes for line in _process_lines(process)]
    lines += [line for line in of_children if not children.is_ours(line)]
    lines.append(advice(guilty) if guilty else "Give what blocks a time limit of its own, or raise hang_after.")
    return _kind(guilty, bool(others), of_children)("\n".join(lines).rstrip())


def _kind(guilty: list[Blocked], has_others: bool, of_children: list[str]) -> type[ConcurrencyError]:
    real = [each for each in guilty if each.kind not in SIDE]
    if real:
        return class_of(real)
    if any("queues.py" in line and line.endswith(" in get") for line in of_children):
        return Starved
    return UncontrolledBlocking if has_others or of_children or not guilty else class_of(guilty)


def _blocked(members: list[Member], run: Any) -> list[Blocked]:
    made = {member: Blocked(member, _kind_of(member, run), Resource()) for member in members}
    for member, blocked in made.items():
        holder = _holder(member, run)
        if holder is not None:
            blocked.resource.owner = made.get(holder) or Blocked(holder, "", Resource())
        blocked.resource.is_future = _called(member, run).startswith("Future.")
        blocked.barrier = _called(member, run) == "Barrier.wait" or None
    return list(made.values())


def _called(member: Member, run: Any) -> str:
    return stacks.called_from_users(_ident(member, run))


def _kind_of(member: Member, run: Any) -> str:
    resource = member.wait.resource if member.wait is not None else None
    if isinstance(resource, threading.Thread):
        return "join"
    if isinstance(resource, queue.SimpleQueue):
        return "get"
    called = _called(member, run)
    return _KINDS.get(called, called if _holder(member, run) is None else "acquire")


def _holder(member: Member, run: Any) -> Member | None:
    holding = None if member.wait is None else run.holders.get(id(member.wait.resource))
    return None if holding is None else holding.member


def _is_idle(blocked: Blocked) -> bool:
    """Whether it is a worker of a pool that waits for work."""
    target = getattr(blocked.thread, "_target", None)
    return blocked.kind == "get" and getattr(target, "__name__", "") == _IDLE


def _ident(member: Member, run: Any) -> int | None:
    return run.main_ident if member is run.main else member.thread.ident


def name_of(member: Member) -> str:
    """The member with its target: `a-then-b (take)`; `adder#2` is the second thread of that name."""
    target = getattr(member.thread, "_target", None)
    name = _names(member.execution)[member]
    qualified = getattr(target, "__qualname__", "").rpartition(".<locals>.")[2]
    return name if not qualified or f"({getattr(target, '__name__', qualified)})" in name else f"{name} ({qualified})"


def _names(run: Any) -> dict[Member, str]:
    """What the members of a run are called, each with a name of its own."""
    names: dict[Member, str] = {}
    for member in [run.main, *run.members]:
        if member not in names:
            name = "main" if member is run.main else member.thread.name
            names[member] = unique_name(name, names.values())
    return names


def _line(blocked: Blocked, run: Any) -> str:
    member = blocked.member
    resource = None if member.wait is None else member.wait.resource
    at, holding = _at(_ident(member, run)), run.holders.get(id(resource))
    if isinstance(resource, threading.Thread):
        joined = next((each for each in run.members if each.thread is resource), None)
        end = resource.name if joined is None else _names(run)[joined]
        return f"{name_of(member)} waits for the end of {end}{at}"
    if blocked.kind != "acquire" or holding is None:
        return f"{name_of(member)} waits in {_called(member, run) or type(resource).__name__}{at}"
    name = stacks.name_of(resource, [run.main_ident, _ident(member, run)]) or "a lock"
    taken = stacks.place(holding.code.co_filename, stacks.line_at(holding.code, holding.instruction))
    who = "it holds itself" if holding.member is member else f"{name_of(holding.member)} holds"
    return f"{name_of(member)} waits for {name}{at}, which {who} since {taken}"


def _at(ident: int | None) -> str:
    frame = stacks.users_frame(ident)
    return "" if frame is None else f" at {stacks.place(frame.f_code.co_filename, frame.f_lineno)}"


def _process_lines(process: Any) -> list[str]:
    stack = children.stack_of(process)
    where = "; it executes:" if stack else ""
    return [f"  process {process.name} (pid {process.pid}) is still running{where}", *(f"    {line}" for line in stack)]
