"""Tracebacks as the user's code alone would have made them, and one exception that tells of others."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from types import CodeType, TracebackType

from pytest_conc.execution.recorder import OWN
from pytest_conc.instrument.instrumentation import is_stub
from pytest_conc.model.findings import ConcurrencyError


def without_ours(trace: TracebackType | None) -> TracebackType | None:
    """The traceback from the first frame on that is the user's, without frames of ours."""
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith((OWN, threading.__file__)):
        trace = trace.tb_next
    kept = [each for each in _entries(trace) if not _is_ours(each.tb_frame.f_code)]
    for entry, following in zip(kept, [*kept[1:], None], strict=False):
        entry.tb_next = following
    return kept[0] if kept else None


def with_others(error: BaseException, others: Iterable[BaseException]) -> BaseException:
    """The error, with a note about each of the others."""
    for other in others:
        if other is not error:
            error.add_note(f"and {in_short(other)}")
    return error


def in_short(error: BaseException) -> str:
    """What it is, where its innermost frame of the user's is, and its notes: `ValueError: lost (test_x.py:7)`."""
    entries, place = list(_entries(without_ours(error.__traceback__))), ""
    if entries and not isinstance(error, ConcurrencyError):  # a finding says itself where
        place = f" ({os.path.basename(entries[-1].tb_frame.f_code.co_filename)}:{entries[-1].tb_lineno})"
    return "\n".join([f"{type(error).__name__}: {error}{place}", *getattr(error, "__notes__", ())])


def _entries(trace: TracebackType | None) -> Iterator[TracebackType]:
    while trace is not None:
        yield trace
        trace = trace.tb_next


def _is_ours(code: CodeType) -> bool:
    return code.co_filename.startswith(OWN) or is_stub(code)
