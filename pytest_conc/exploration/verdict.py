"""The verdict of an exploration in one paragraph: what ran, what was found, and what may have been missed."""

from __future__ import annotations

from typing import Any


def verdict(exploration: Any) -> str:
    """What the exploration can claim, and what it cannot."""
    parts = [_found(exploration), _coverage(exploration), *exploration.notes]
    if exploration.settings.max_preemptions is not None:
        parts.append(f"bound: at most {exploration.settings.max_preemptions} preemptions")
    return "; ".join(part for part in parts if part)


def _found(exploration: Any) -> str:
    failure = exploration.failure
    if failure is None:
        return f"{exploration.executions} executions passed"
    kind = type(failure.error).__name__
    return (
        f"{kind} in execution {failure.execution} of {exploration.executions}, with {failure.preemptions} preemptions"
    )


def _coverage(exploration: Any) -> str:
    if exploration.failure is not None and not exploration.settings.keep_going:
        return ""
    if exploration.exhaustive:
        return f"exhaustive: {exploration.classes} of {exploration.classes} interleaving classes"
    classes = f"{exploration.classes} interleaving classes of at least about {exploration.estimated_classes or 0:.0f}"
    risk = f"unseen mass {exploration.unseen:.3f}"
    if exploration.failure is None and exploration.executions:
        risk += f", at most {min(100.0, 300 / exploration.executions):.2g} % per schedule at 95 %"
    shared = (
        "" if exploration.shared else "; no shared state was seen: is the code under test among the watched modules?"
    )
    return f"{classes}, {risk}{shared}"
