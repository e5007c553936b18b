"""The decorators `interleave` and `stress`: typed ways to set the marks `conc_interleave` and `conc_stress`."""

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
    """Called: `@interleave(finds=Deadlock)`; also a mark for `pytestmark`."""


def interleave(test: Any = None, /, **options: Any) -> Any:
    """Runs the test under every interleaving that matters. Options are those of docs/reference/options.md.

    Usable bare (`@interleave`) and called (`@interleave(finds=Deadlock)`), on a function, a method or a class.
    """
    return _marked("interleave", "executions=100", test, options)


@overload
def stress(test: T, /) -> T:
    """Bare: `@stress`."""


@overload
def stress(**options: Any) -> Callable[[T], T]:
    """Called: `@stress(runs=1000)`; also a mark for `pytestmark`."""


def stress(test: Any = None, /, **options: Any) -> Any:
    """Runs the test for real, again and again, with sleeps where they matter. Options: docs/reference/options.md.

    Usable bare (`@stress`) and called (`@stress(runs=1000, finds=AssertionError)`), on a function, a method or a
    class.
    """
    return _marked("stress", "runs=100", test, options)


def _marked(name: str, example: str, test: Any, options: dict[str, Any]) -> Any:
    mark = getattr(pytest.mark, f"conc_{name}")
    if test is None:
        return mark(**options)
    if not callable(test):
        raise WrongUse(f"{name}({test!r}) got a value without a name; write a keyword, as in {name}({example})")
    return mark(test)
