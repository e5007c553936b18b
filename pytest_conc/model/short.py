"""Short texts for values, as reports show them."""

from __future__ import annotations

import re
from reprlib import Repr

from pytest_conc.model.current import outside

_ADDRESS = re.compile(" at 0x[0-9a-fA-F]+")
_short = Repr()
_short.maxstring = _short.maxother = 40


def short(value: object) -> str:
    """A short text for a value; never raises, never runs long, shows no address, and is no part of the execution."""
    with outside():
        try:
            return _ADDRESS.sub("", _short.repr(value))
        except Exception:
            return f"<{type(value).__name__}>"
