"""Tracebacks as the user's code alone would have made them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import CodeType, TracebackType

from pytest_conc.execution.recorder import OWN
from pytest_conc.instrument.instrumentation import is_stub


def without_ours(trace: TracebackType | None) -> TracebackType | None:
    """The traceback from the first frame on that is the user's, without frames of ours."""
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith((OWN, threading.__file__)):
        trace = trace.tb_next
    kept = [each for each in _entries(trace) if not _is_ours(each.tb_frame.f_code)]
    for entry, following in zip(kept, [*kept[1:], None], strict=False):
        entry.tb_next = following
    return kept[0] if kept else None


def _entries(trace: TracebackType | None) -> Iterator[TracebackType]:
    while trace is not None:
        yield trace
        trace = trace.tb_next


def _is_ours(code: CodeType) -> bool:
    return code.co_filename.startswith(OWN) or is_stub(code)
