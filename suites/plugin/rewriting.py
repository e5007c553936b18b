"""Rewrites functions for tests, with hooks that record what they are called with."""

from collections.abc import Callable
from types import CodeType, FunctionType, SimpleNamespace

from pytest_conc.instrument.rewrite import rewrite
from pytest_conc.instrument.site import Hooks, Site

HOOKS = [name for name in vars(Hooks) if not name.startswith("_")]


def silent_hooks() -> SimpleNamespace:
    """Hooks that do nothing."""
    return SimpleNamespace(**{name: lambda *arguments: None for name in HOOKS})


def recording_hooks(events: list[tuple]) -> SimpleNamespace:
    """Hooks that append (hook, name, arguments…) to events."""

    def recorder(hook: str) -> Callable[..., None]:
        def record(*arguments):
            *values, site = arguments
            assert type(site) is Site
            events.append((hook, site.name, *values))

        return record

    return SimpleNamespace(**{name: recorder(name) for name in HOOKS})


def rewritten(function: FunctionType, hooks=None, shared=frozenset(), **options) -> FunctionType:
    """A copy of the function with rewritten code and the same closure."""
    code = rewrite(function.__code__, hooks or silent_hooks(), function.__globals__, frozenset(shared), **options)
    copy = FunctionType(code, function.__globals__, function.__name__, function.__defaults__, function.__closure__)
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy


def compiled(source: str, **namespace) -> FunctionType:
    """The function `f` of a source text."""
    exec(compile(source, "<corpus>", "exec"), namespace)
    return namespace["f"]


def events_of(function: FunctionType, *arguments, **options) -> list[str]:
    """`hook name`, one for each hook that runs during a call."""
    events: list[tuple] = []
    rewritten(function, recording_hooks(events), **options)(*arguments)
    return [f"{hook} {name}".strip() for hook, name, *_ in events]


def codes_in(code: CodeType) -> list[CodeType]:
    """The code and all code nested in it."""
    return [code, *(inner for each in code.co_consts if isinstance(each, CodeType) for inner in codes_in(each))]
