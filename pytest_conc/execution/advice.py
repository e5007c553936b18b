"""How a deadlock is usually mended: one sentence for each way in which tasks wait for ever."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


def advice(blocked: Sequence[Any]) -> str:
    """What to do about these blocked tasks; empty where nothing general can be said."""
    return next((text for applies, text in _ADVICE if applies(blocked)), "")


def is_worker(task: Any) -> bool:
    """Whether the task is a worker of a `ThreadPoolExecutor`."""
    return getattr(getattr(task.thread, "_target", None), "__module__", "") == "concurrent.futures.thread"


def waits_for_result(task: Any) -> bool:
    """Whether the task waits for the result of a future."""
    return task.kind == "wake" and getattr(task.resource, "is_future", False)


def _owner(task: Any) -> Any:
    return getattr(task.resource, "owner", None)


def _own_pool(blocked: Sequence[Any]) -> bool:
    return any(is_worker(task) and waits_for_result(task) for task in blocked)


def _own_lock(blocked: Sequence[Any]) -> bool:
    return any(task.kind == "acquire" and _owner(task) is task for task in blocked)


def _kept_lock(blocked: Sequence[Any]) -> bool:
    return any(task.kind == "acquire" and _owner(task) is not None and _owner(task).finished for task in blocked)


def _cycle(blocked: Sequence[Any]) -> bool:
    return sum(_owner(task) in blocked for task in blocked) > 1


def _somebody_waits_to(kind: str) -> Callable[[Sequence[Any]], bool]:
    return lambda blocked: any(task.kind == kind for task in blocked)


_ADVICE: tuple[tuple[Callable[[Sequence[Any]], bool], str], ...] = (
    (
        _own_pool,
        "A job waits for another job of its own pool, and no worker is free to run that one: give the pool more "
        "workers, or do not wait for a job inside of a job.",
    ),
    (
        lambda blocked: any(task.barrier is not None for task in blocked),
        "A barrier lets nobody pass before all its parties have come: start as many tasks as it has parties, or abort "
        "it where one of them fails.",
    ),
    (_own_lock, "A Lock cannot be taken twice, not even by its owner: take it once, or use an RLock."),
    (_kept_lock, "Its owner is over and has not released it: take it in a `with` statement, which never forgets."),
    (_cycle, "Each holds what another one wants: take the locks in the same order everywhere, or use one lock."),
    (
        _somebody_waits_to("get"),
        "Nobody is left who puts anything in: give every consumer an end of its own (as many sentinels as consumers, "
        "after all items), and do not rely on empty(), which may be outdated at once.",
    ),
    (
        _somebody_waits_to("put"),
        "The queue is full and nobody is left who takes anything out: let somebody consume meanwhile.",
    ),
    (_somebody_waits_to("wait until done"), "Queue.join() waits for one task_done() for each item that was put in."),
    (
        _somebody_waits_to("wake"),
        "Nobody is left who notifies. A notify before the wait is lost: keep a flag under the same lock, and wait only "
        "while it is not set (`while not ready: condition.wait()`).",
    ),
    (
        lambda blocked: any(task.kind == "acquire" and _owner(task) is None for task in blocked),
        "Nobody is left who releases it: take it in a `with` statement, which never forgets.",
    ),
    (_somebody_waits_to("wait for"), "Nobody is left who sets it: set it on every path, also where something fails."),
)
