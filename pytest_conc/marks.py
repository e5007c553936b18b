"""The decorator `interleave`: a typed way to set the mark `conc_interleave`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, overload

import pytest

from pytest_conc.model.settings import WrongUse

T = TypeVar("T", bound=Callable[..., Any])


@overload
def interleave(test: T, /) -> T:
    """Bare: `@interleave`."""


@overload
def interleave(**options: Any) -> Callable[[T], T]:
    """Called: `@interleave(finds=Deadlock)`."""


def interleave(test: Any = None, /, **options: Any) -> Any:
    """Runs the test under every interleaving that matters. Options are those of docs/reference/options.md.

    Usable bare (`@interleave`) and called (`@interleave(finds=Deadlock)`), on a function, a method or a class.
    """
    if test is None:
        return lambda marked: pytest.mark.conc_interleave(**options)(marked)
    if not callable(test):
        raise WrongUse(
            f"interleave({test!r}) got a value without a name; write a keyword, as in interleave(executions=100)"
        )
    return pytest.mark.conc_interleave(test)
