"""Modules of the standard library do their work with every one of their functions rewritten in place."""

import functools
import inspect
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, ModuleType, SimpleNamespace

import pytest

from pytest_conc.instrument import stack
from pytest_conc.instrument.listing import listing
from pytest_conc.instrument.rewrite import rewrite
from pytest_conc.instrument.site import Site
from suites.plugin.library_programs import MODULES, WORK
from suites.plugin.rewriting import HOOKS, codes_in


def functions_of(module: ModuleType) -> Iterator[FunctionType]:
    """All functions and methods that the module defines."""
    pending: list[object] = list(vars(module).values())
    seen: set[int] = set()
    while pending:
        thing = inspect.unwrap(pending.pop())
        thing = getattr(thing, "__func__", thing)  # of static methods and class methods
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, FunctionType) and thing.__globals__ is vars(module):
            yield thing
        elif isinstance(thing, property):
            pending += (thing.fget, thing.fset, thing.fdel)
        elif isinstance(thing, type) and thing.__module__ == module.__name__:
            pending += vars(thing).values()


class Counter:
    """Hooks that count, and check that they are told their site."""

    def __init__(self) -> None:
        self.count = 0
        for name in HOOKS:
            setattr(self, name, self._hook())

    def _hook(self) -> Callable[..., None]:
        def hook(*arguments):
            assert arguments[-1].__class__ is Site
            self.count += 1

        return hook


@functools.cache
def rewritten_library(gil: bool) -> tuple[Counter, dict[FunctionType, CodeType]]:
    """The counting hooks, and the rewritten code of all functions of the modules."""
    hooks = Counter()
    return hooks, {
        function: rewrite(function.__code__, hooks, vars(module), frozenset(vars(module)), gil=gil)
        for module in MODULES
        for function in functions_of(module)
    }


@pytest.fixture(params=[False, True], ids=["any", "gil"])
def run_rewritten(request):
    """Runs a function with all functions of the modules rewritten; returns its result and the number of hooks run."""
    hooks, codes = rewritten_library(request.param)

    def run(function):
        originals = {each: each.__code__ for each in codes}
        before = hooks.count
        for each, code in codes.items():
            each.__code__ = code
        try:
            return function(), hooks.count - before
        finally:
            for each, code in originals.items():
                each.__code__ = code

    return run


@pytest.mark.parametrize("work", WORK, ids=lambda work: work.__name__)
def test_a_rewritten_module_gives_the_same_results(work, run_rewritten):
    expected = work()
    result, hooks_run = run_rewritten(work)
    assert repr(result) == repr(expected)
    assert hooks_run > 20


@pytest.mark.parametrize("gil", [False, True])
def test_rewritten_code_has_room_for_what_the_hooks_push(gil, monkeypatch):
    deepest = 0
    step = stack._step

    def measured(values, operation, argument):
        nonlocal deepest
        step(values, operation, argument)
        deepest = max(deepest, len(values))

    monkeypatch.setattr(stack, "_step", measured)
    looked_at = 0
    for function, code in rewritten_library(gil)[1].items():
        for old, new in zip(codes_in(function.__code__), codes_in(code), strict=True):
            if old.co_code != new.co_code:
                deepest, looked_at = 0, looked_at + 1
                stack._Walk(listing(new)).run()
                assert deepest <= new.co_stacksize, (old, deepest, new.co_stacksize)
    assert looked_at > 1000


def test_every_call_that_can_run_is_understood():
    calls = 0
    for function in rewritten_library(False)[1]:
        for code in codes_in(function.__code__):
            listed = listing(code)
            slots = stack.call_slots(listed)
            assert not [each for each in slots.values() if stack.UNKNOWN in each[:2]]
            assert len(slots) == sum(each in stack.CALLS or each in stack.UNPACKING_CALLS for each in listed.opcodes)
            calls += len(slots)
    assert calls > 3000


@pytest.mark.parametrize("gil", [False, True])
def test_the_cost_of_rewriting_is_written_out(gil):
    hooks = SimpleNamespace(**{name: value for name, value in vars(Counter()).items() if name != "count"})
    milliseconds = []
    for function in rewritten_library(gil)[1]:
        code = function.__code__
        start = time.perf_counter()
        rewrite(code, hooks, function.__globals__, frozenset(), gil=gil)
        milliseconds.append(1000 * (time.perf_counter() - start))
    assert len(milliseconds) > 1000
    median, *_, slowest = statistics.median(milliseconds), *statistics.quantiles(milliseconds, n=10)
    sys.stdout.write(
        f"cost of rewriting a function, {gil=}: median {median:.2f} ms, nine of ten below {slowest:.2f} ms\n"
    )
