"""A failing execution as text: what happened in plain words, one column a task, the command that repeats it.

Only the steps that matter are shown: operations on what more than one task has touched, one of them changing it, and
what starts, ends and blocks tasks. Each task has a column of its own, so that time runs down the page and a switch is
a jump to the right or left.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from pytest_conc.model.failure import Failure
from pytest_conc.model.operation import READ, WRITE, Step
from pytest_conc.model.words import in_words
from pytest_conc.report.others import said_by_others

WIDTH = 100
MOST_STEPS = 26
FEW = 6
MOST_COLUMNS = 4
_NEVER = frozenset({"begin", "switch", "drain"})
_ASKS_FOR_THE_END = frozenset({"is_alive", "try-join"})


def report(failure: Failure, command: str, explained: bool = True, replayed: bool = False) -> str:
    """The report of a failure, at most 100 columns wide; `command` repeats it, `explained` adds the explanation.

    `replayed` says that it is the schedule of a token that was asked for.
    """
    columns = _columns(failure)
    parts = [_headline(failure, replayed), *_diverged(failure), *([""] if columns else []), *columns]
    text = failure.finding.explanation
    told = text if explained else text.removeprefix(str(failure.error)).lstrip()
    sentences = [*told.splitlines(), *said_by_others(failure)]
    if sentences:
        parts += ["", *(line for each in sentences for line in _wrapped(each))]
    if failure.token:
        parts += ["", f"replay: {command}"]
    return "\n".join(line.rstrip() for line in parts)


def _headline(failure: Failure, replayed: bool) -> str:
    where = f"in execution {failure.execution}" if failure.execution else "in a schedule that failed before"
    if not failure.token:
        return f"{failure.finding.kind} {where}"
    count = failure.preemptions
    switches = "no preemption" if count == 0 else "1 preemption" if count == 1 else f"{count} preemptions"
    error = type(failure.error).__name__
    kind = failure.finding.kind if failure.finding.kind in (error, "Failure") else f"{failure.finding.kind}: {error}"
    return f"{kind} under the schedule of the token" if replayed else f"{kind} {where}, minimised to {switches}"


def _diverged(failure: Failure) -> list[str]:
    return textwrap.wrap(f"The code has changed since: {failure.diverged}.", WIDTH) if failure.diverged else []


def _wrapped(paragraph: str) -> list[str]:
    return textwrap.wrap(paragraph, WIDTH, subsequent_indent="    " if paragraph.startswith("  ") else "") or [""]


def steps_that_matter(failure: Failure) -> list[Step]:
    """The steps of the trace that a reader needs."""
    touched: dict[str, set[str]] = {}
    changed: set[str] = set()
    for step in failure.trace:
        touched.setdefault(_whole(step), set()).add(step.task)
        if step.kind != READ:
            changed.add(_whole(step))
    asked = {step.key for step in failure.trace if step.kind in _ASKS_FOR_THE_END}
    steps = [step for step in failure.trace if _is_shown(step, asked)]
    told = {id(step) for step in (*failure.finding.operations, *(failure.swap or ()))}
    if failure.finding.kind == "Livelock":
        return steps[-FEW:]
    shown = [step for step in steps if id(step) in told or _matters(step, touched, changed)]
    return shown or [step for step in steps if "#" not in step.resource][-FEW:]  # no name: made on the way


def _is_shown(step: Step, asked: set[str]) -> bool:
    if step.kind == "exit":
        return step.key in asked
    return step.kind not in _NEVER and not step.internal


def _whole(step: Step) -> str:
    """The container of an item, any other resource itself."""
    return step.key.partition("[")[0]


def _matters(step: Step, touched: dict[str, set[str]], changed: set[str]) -> bool:
    if step.kind in (READ, WRITE):
        return len(touched[_whole(step)]) > 1 and _whole(step) in changed
    return step.kind not in ("start", "join")


def _columns(failure: Failure) -> list[str]:
    steps = steps_that_matter(failure)
    if not steps:
        return []
    tasks = [name for name in failure.tasks if any(step.task == name for step in steps)]
    shown, hidden = steps[-MOST_STEPS:], len(steps) - MOST_STEPS
    more = [f"… {hidden} earlier steps"] if hidden > 0 else []
    return _in_rows(shown, tasks, more) if len(tasks) > MOST_COLUMNS else _in_columns(shown, tasks, more)


def _in_columns(steps: Sequence[Step], tasks: Sequence[str], more: list[str]) -> list[str]:
    """One column a task."""
    width = min(44, (WIDTH - 2) // len(tasks) - 2)
    lines = ["  ".join(name[:width].ljust(width) for name in tasks), "  ".join("─" * width for _ in tasks), *more]
    for step, where in _with_places(steps):
        indent = " " * ((width + 2) * tasks.index(step.task))
        cell = [where] * bool(where) + [f"   {in_words(step)}"]
        lines += [indent + _cut(line, WIDTH - len(indent)) for line in cell]
    return lines


def _in_rows(steps: Sequence[Step], tasks: Sequence[str], more: list[str]) -> list[str]:
    """The name of the task in front of each step, for more tasks than columns fit on a line."""
    width = min(28, max(map(len, tasks)))
    lines = list(more)
    last = ""
    for step, where in _with_places(steps):
        name = "" if step.task == last else step.task
        lines.append(_cut(f"{name[:width].ljust(width)}  {in_words(step).ljust(34)}  {where}", WIDTH))
        last = step.task
    return lines


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else line[: width - 1] + "…"


def _with_places(steps: Sequence[Step]) -> Iterator[tuple[Step, str]]:
    """Each step with its line of source, empty where it is that of the step before."""
    last = ""
    in_one_file = len({step.path for step in steps if step.line}) == 1
    for step in steps:
        here = f"{step.task}{step.site}"
        line = str(step.line) if in_one_file else step.site
        yield step, "" if here == last or not step.line else f"{line}: {step.source}"
        last = here
