"""The body of one pytest test as a program that can be called again and again, with fresh fixtures each time."""

from __future__ import annotations

import bdb
import inspect
import shlex
import unittest
from contextlib import suppress
from types import ModuleType
from typing import Final

import pytest
from _pytest.outcomes import Failed

from pytest_conc.capture import Captured
from pytest_conc.fixtures.fresh import FreshFixtures
from pytest_conc.instrument.watch import watched_modules
from pytest_conc.model.settings import WrongUse
from pytest_conc.options import base_id, given_again

ENDS: Final = (pytest.skip.Exception, pytest.xfail.Exception, pytest.exit.Exception, bdb.BdbQuit, WrongUse)


class Told(Failed):
    """Fails the test with a message that is all there is to see: no frame has anything to do with it."""


def why_not(item: pytest.Item) -> str | None:
    """Why this item cannot be run again and again; None if it can."""
    if not isinstance(item, pytest.Function):
        return f"it is a {type(item).__name__}, and only test functions and methods can be"
    function = inspect.unwrap(item.obj)
    if item.cls is not None and issubclass(item.cls, unittest.TestCase):
        return "it is a method of a unittest.TestCase; make it a function, or a method of a plain class"
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        return "it is an async test, which is not possible yet; use a plain function with threads"
    if inspect.isgeneratorfunction(function):
        return "it is a generator (it has a yield), which pytest would not run either; return instead of yield"
    return None


class Body:
    """One test, ready to be called as often as need be. `captured` is to be entered around all calls."""

    def __init__(self, item: pytest.Function) -> None:
        self.item = item
        self.name = base_id(item)
        self.captured = Captured(item)
        self._fresh = FreshFixtures(item)
        if self._fresh.needed:
            item.setup = self._fresh.set_up_the_rest  # type: ignore[method-assign]

    def __call__(self) -> None:
        """Sets up the function-scoped fixtures, calls the test, tears them down."""
        __tracebackhide__ = True
        self.captured.begin()
        if not self._fresh.needed:
            self._call()
            return
        try:
            self._fresh.set_up()
            self._call()
        except BaseException:
            with suppress(Exception):  # what the body raised is what matters
                self._fresh.finish()
            raise
        self._fresh.finish()

    def shown(self) -> None:
        """The call that has just ended is the one that is shown: its output stays, that of later ones goes."""
        self.captured.keep()

    def _call(self) -> None:
        __tracebackhide__ = True
        item = self.item
        arguments = {name: item.funcargs[name] for name in item._fixtureinfo.argnames}
        item.obj(**arguments)

    def command(self, options: str, names: tuple[str, ...]) -> str:
        """The command that runs this test with some options, and with those of these names that were given here."""
        name = shlex.quote(self.name)
        quoted = name if name.startswith("'") else f"'{name}'"
        return f"pytest {quoted} {options}{given_again(self.item.config, names)}"


def modules_of(item: pytest.Function, targets: tuple[str, ...], mark: str) -> list[ModuleType]:
    """The modules whose shared state is watched. Fails the test for an unknown target."""
    problem, module = "", item.module
    try:
        found = watched_modules(str(item.config.rootpath), targets, [module.__name__])
    except WrongUse as error:
        problem = f"{mark} of {base_id(item)}: {error}"
    if problem:
        raise Told(problem, pytrace=False)
    return found if module in found else [*found, module]
