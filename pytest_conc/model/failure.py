"""A failure, and the finding that explains it: records."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_conc.model.operation import Step


@dataclass(frozen=True, slots=True)
class Finding:
    """What a failure means: its kind, one paragraph in plain words, and the operations involved."""

    kind: str
    explanation: str
    operations: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """One failing schedule of a program, minimised, with all that is needed to understand and repeat it.

    `swap` are two operations that, in the other order, make it pass; None if there are none or nobody looked.
    `elsewhere` is the number of other schedules that were tried, if it failed in the same way in all of them, else 0;
    `everywhere` that these were one of every interleaving class there is. `with_gil` says whether it was also found
    where only a CPython with the GIL switches; None where nobody looked.
    `diverged` says what of the token that was replayed did not fit the code any more, "" if all did.
    """

    error: BaseException
    finding: Finding
    trace: tuple[Step, ...]
    preemptions: int
    token: str
    swap: tuple[Step, Step] | None = None
    execution: int = 0
    tasks: tuple[str, ...] = ()
    with_gil: bool | None = None
    elsewhere: int = 0
    everywhere: bool = False
    diverged: str = ""
