"""What a notebook shows for an exploration: the page of `--conc-html` for one program, in a frame of its own.

A frame, since several of them stand on one notebook page: no style, name or key of one reaches another or the notebook.
"""

from __future__ import annotations

import html
import os

from pytest_conc.exploration.exploration import Exploration
from pytest_conc.report.document import document, session_record
from pytest_conc.report.page import page
from pytest_conc.report.record import Record, exploration_record, failure_record


def as_html(exploration: Exploration) -> str:
    """An iframe that holds the whole page; it grows to the height of its content where the notebook allows it."""
    text = page(document(session_record(None), [_record(exploration)], [], []), kind="part")
    height = 300 if exploration.failure is None else 900
    return (
        f'<iframe title="pytest-conc: {html.escape(exploration.name)}" srcdoc="{html.escape(text)}" '
        f'style="width: 100%; height: {height}px; border: 0"></iframe>'
    )


def _record(exploration: Exploration) -> Record:
    failure, name = exploration.failure, exploration.name
    record = {
        "id": name,
        "test": name,
        "outcome": "passed" if failure is None else "failed",
        "duration": None,
        **exploration_record(exploration, exploration.settings),
    }
    if failure is not None:
        record["failure"] = failure_record(failure, f"replay({name}, {failure.token!r})", os.getcwd())
    return record
