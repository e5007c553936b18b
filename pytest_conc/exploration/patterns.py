"""Names what went wrong, from the trace of the failing execution, in plain words.

Three questions of a reader: who saw what, who changed it meanwhile, and what came of it. A *lost update* is a write
by a task whose last read of that location was before another task's write; a *torn read* is two reads of what another
task changes together, one of them before and one after that; *check-then-act* is a read, another task's write to the
same place, and anything that the reader does afterwards. A pattern is a guess until it is confirmed: if two of its
operations, in the other order, make the failure go away (see `swap`). Where none is confirmed, the swap pair itself is
what went wrong: an *order violation*.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

from pytest_conc.exploration.orders import order_violation, unexplained
from pytest_conc.exploration.stalls import stall
from pytest_conc.exploration.swap import Pair, Swaps
from pytest_conc.model.failure import Finding
from pytest_conc.model.findings import ConcurrencyError
from pytest_conc.model.operation import READ, WRITE, Step
from pytest_conc.model.words import in_past, with_value

Triple = tuple[Step, Step, Step]
TRIED: Final = 12
_ACCESSES: Final = (READ, WRITE)
_TAKES: Final = ("acquire", "try-acquire", "wake", "try-wake", "wait")


class Failing(NamedTuple):
    """A failing execution with its steps; `swaps` is None where nothing else may be run."""

    execution: Any
    error: BaseException
    steps: Sequence[Step]
    swaps: Swaps | None


class _Pattern(NamedTuple):
    """Finds three operations of two tasks in turn, and tells what they mean."""

    kind: str
    find: Callable[[Sequence[Step]], Iterator[Triple]]
    describe: Callable[[Step, Step, Step], str]


Guess = tuple[_Pattern, Triple]


def finding_of(failing: Failing) -> tuple[Finding, Pair | None]:
    """The finding that explains a failing execution, and the two operations whose swap makes it pass."""
    execution, error, steps, swaps = failing
    if isinstance(error, ConcurrencyError):
        return stall(error, steps), None if swaps is None else swaps.any()
    guesses = [(pattern, triple) for pattern in _PATTERNS for triple in islice(pattern.find(steps), TRIED)]
    guess, pair = (next(iter(guesses), None), None) if swaps is None else _confirmed(guesses, swaps)
    if guess is not None:
        return _told(steps, *guess), pair
    return (unexplained(execution, error, steps) if pair is None else order_violation(steps, pair)), pair


def _confirmed(guesses: Sequence[Guess], swaps: Swaps) -> tuple[Guess | None, Pair | None]:
    """The first guess that a swap confirms. If there is no swap at all, any; none if only something else is one."""
    for guess in guesses:
        early, middle, late = guess[1]
        pair = swaps.first_of([(early, middle), (middle, late)])
        if pair is not None:
            return guess, pair
    pair = swaps.any()
    return next((guess for guess in guesses if pair is None or _inside(pair, guess[1])), None), pair


def _inside(pair: Pair, triple: Triple) -> bool:
    """Whether the pair takes locks, and two operations of the triple that follow each other may be inside of them."""
    early, middle, late = (step.task for step in triple)
    tasks = tuple(step.task for step in pair)
    return tasks in ((early, middle), (middle, late)) and all(step.kind in _TAKES for step in pair)


def _told(steps: Sequence[Step], pattern: _Pattern, triple: Triple) -> Finding:
    given_up = _waits_between(steps, triple)
    text = pattern.describe(*triple) if given_up is None else _woken(*triple, given_up)
    return Finding(pattern.kind, text, triple)


def _waits_between(steps: Sequence[Step], triple: Triple) -> Step | None:
    """The wait by which the task that looked gave its lock up before it acted."""
    read, _, mine = triple
    between = steps[steps.index(read) : steps.index(mine)]
    return next((step for step in between if step.kind == "wait" and step.task == mine.task), None)


def overlap(one: Step, other: Step) -> bool:
    """Whether two accesses touch the same location, or one an item and the other the whole of a container."""
    mine, theirs = one.key, other.key
    return mine == theirs or mine == theirs.partition("[")[0] or theirs == mine.partition("[")[0]


def _lost_updates(steps: Sequence[Step]) -> Iterator[Triple]:
    for index, mine in enumerate(steps):
        if mine.kind != WRITE or mine.after is None:
            continue
        for earlier in range(index - 1, -1, -1):
            if steps[earlier].task == mine.task and steps[earlier].key == mine.key:
                if steps[earlier].kind == READ:
                    between = reversed(steps[earlier + 1 : index])
                    yield from ((steps[earlier], step, mine) for step in between if _assigns(step, mine))
                break


def _assigns(step: Step, mine: Step) -> bool:
    return step.kind == WRITE and step.key == mine.key and step.task != mine.task


def _torn_reads(steps: Sequence[Step]) -> Iterator[Triple]:
    """Two reads of a task that writes nothing afterwards; between them another task changes what both have read."""
    for index, early in enumerate(steps):
        if early.kind != READ or early.internal or any(_is_shared_write(step, early, steps) for step in steps[index:]):
            continue
        for at in range(index + 1, len(steps)):
            late = steps[at]
            if late.kind == READ and late.task == early.task and not late.internal and not overlap(early, late):
                yield from ((early, step, late) for step in _changes(steps[index:at], early, late))


def _is_shared_write(step: Step, mine: Step, steps: Sequence[Step]) -> bool:
    if step.kind != WRITE or step.task != mine.task:
        return False
    return any(other.task != mine.task and other.kind in _ACCESSES and overlap(step, other) for other in steps)


def _changes(between: Sequence[Step], early: Step, late: Step) -> Iterator[Step]:
    """The writes to what was read early by tasks that also write what is read late."""
    writes = [step for step in between if step.kind == WRITE and step.task != early.task]
    both = {step.task for step in writes if overlap(step, late)}
    return (step for step in writes if step.task in both and overlap(step, early))


def _checks_then_acts(steps: Sequence[Step]) -> Iterator[Triple]:
    for index, read in enumerate(steps):
        if read.kind != READ:
            continue
        first = next((at for at in range(index + 1, len(steps)) if _overwrites(steps[at], read)), None)
        if first is None or steps[first].task == read.task:
            continue
        for at in range(len(steps) - 1, first - 1, -1):
            if steps[at].task != read.task and _overwrites(steps[at], read):
                yield from _acts(read, steps[at], steps[at + 1 :])


def _acts(read: Step, theirs: Step, after: Sequence[Step]) -> Iterator[Triple]:
    """What the task that has read does afterwards; what it writes says more than what else it reads."""
    mine = [step for step in after if step.task == read.task and step.kind in _ACCESSES and not step.internal]
    if mine:
        yield read, theirs, next((step for step in mine if step.kind == WRITE), mine[0])


def _overwrites(step: Step, read: Step) -> bool:
    return step.kind == WRITE and overlap(step, read)


def _lost_update(read: Step, theirs: Step, mine: Step) -> str:
    value, own = with_value(" ", theirs.after, " it"), with_value(" ", mine.after, " it")
    return (
        f"{read.task} {in_past(read)} at {read.site} before {theirs.task} wrote{value} at {theirs.site}; its own write "
        f"of{own} at {mine.site} then overwrote that update. Read and write belong together: hold one lock around both."
    )


def _torn_read(early: Step, theirs: Step, late: Step) -> str:
    return (
        f"{early.task} {in_past(early)} at {early.site}, then {theirs.task} changed it"
        f"{with_value(' to ', theirs.after)} at {theirs.site} together with {late.resource}, and {early.task} "
        f"{in_past(late)} at {late.site}: one half is from before the change, the other from after it. What is changed "
        "together is read together: hold one lock around both reads, and the same one around both writes."
    )


def _check_then_act(read: Step, theirs: Step, mine: Step) -> str:
    return (
        f"{read.task} {in_past(read)} at {read.site}, then {theirs.task} changed it"
        f"{with_value(' to ', theirs.after)} at {theirs.site}, and {read.task} went on at {mine.site} with what it had "
        "seen. What was checked and what depends on it belong together: hold one lock around both."
    )


def _woken(read: Step, theirs: Step, mine: Step, wait: Step) -> str:
    return (
        f"{read.task} {in_past(read)} at {read.site} and gave its lock up in the wait at {wait.site}; meanwhile "
        f"{theirs.task} {in_past(theirs)} at {theirs.site}, and {mine.task} went on at {mine.site} with what it had "
        "seen. To be woken says nothing about the state: look again after each wait (`while not ready: "
        "condition.wait()`, or `condition.wait_for(...)`)."
    )


_PATTERNS: tuple[_Pattern, ...] = (
    _Pattern("LostUpdate", _lost_updates, _lost_update),
    _Pattern("TornRead", _torn_reads, _torn_read),
    _Pattern("CheckThenAct", _checks_then_acts, _check_then_act),
)
