"""The verdict of an exploration in one paragraph: what ran, what was found, and what may have been missed."""

from __future__ import annotations

from typing import Any


def verdict(exploration: Any) -> str:
    """What the exploration can claim, and what it cannot."""
    why = exploration.why if exploration.saw_sharing else ""
    parts = [_found(exploration), _coverage(exploration), why, *exploration.notes]
    if exploration.ended_by == "seconds":
        parts.append(f"ended by seconds={exploration.settings.seconds:g}, after {exploration.executions} executions")
    if exploration.settings.max_preemptions is not None:
        parts.append(f"bound: at most {_count(exploration.settings.max_preemptions, 'preemption')}")
    return "; ".join(part for part in parts if part)


def _found(exploration: Any) -> str:
    failure, ran = exploration.failure, exploration.executions
    if failure is None:
        return f"{_count(ran, 'execution')} passed"
    preemptions = _count(failure.preemptions, "preemption")
    if not failure.execution:
        return f"{type(failure.error).__name__} in a schedule that failed before, with {preemptions}"
    return f"{type(failure.error).__name__} in execution {failure.execution} of {ran}, with {preemptions}"


def _coverage(exploration: Any) -> str:
    if exploration.ended_with is not None or (exploration.failure is not None and not exploration.settings.keep_going):
        return ""
    if not exploration.saw_sharing:
        return "no shared state was seen: is the code under test among the watched modules?"
    return _all_of(exploration) if exploration.exhaustive else ", ".join(_some_of(exploration))


def _all_of(exploration: Any) -> str:
    return f"exhaustive: {exploration.classes} of {_count(exploration.classes, 'interleaving class')}"


def _some_of(exploration: Any) -> list[str]:
    if not exploration.drawn:
        return [f"{_count(exploration.classes, 'class')} seen"]
    parts = [
        f"{exploration.classes} of at least about {exploration.estimated_classes or 0:.0f} classes",
        f"unseen mass {exploration.unseen:.2g}",
    ]
    if exploration.failure is None:
        parts.append(f"≤ {min(100.0, 300 / exploration.drawn):.2g} % per schedule at 95 %")
    return parts


def _count(number: int, what: str) -> str:
    plural = "es" if what.endswith("s") else "s"
    return f"{number} {what}{'' if number == 1 else plural}"
