"""All Python functions that exist: found through the garbage collector, wherever somebody keeps them."""

from __future__ import annotations

import gc
from types import FunctionType


def all_functions() -> list[FunctionType]:
    """Methods, closures, what decorators have made, all. It looks at every object there is: do it once."""
    return [thing for thing in gc.get_objects() if type(thing) is FunctionType]
