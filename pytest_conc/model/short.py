"""Short texts for values, as reports show them."""

from __future__ import annotations

from reprlib import Repr

from pytest_conc.model.current import outside

_short = Repr()
_short.maxstring = _short.maxother = 40


def short(value: object) -> str:
    """A short text for a value; never raises, never runs long, and is no part of the execution."""
    with outside():
        try:
            return _short.repr(value)
        except Exception:
            return f"<{type(value).__name__}>"
