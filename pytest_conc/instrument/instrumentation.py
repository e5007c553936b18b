"""Rewrites the functions of the watched modules for the duration of an exploration, each one when it is first called.

Rewriting a function costs a good part of a millisecond, and a project has thousands of them, of which a test calls a
few. So every function first gets a stub: a tiny code object with the same signature that rewrites the function,
puts the new code in its place and calls it. All functions of a module are found through the garbage collector:
methods, closures that exist already, what decorators and dataclasses have made. Afterwards every function gets
its own code back. Rewritten code is kept for the next exploration, by code object.
"""

from __future__ import annotations

import inspect
import opcode
import warnings
from collections.abc import Iterable, Iterator, Sequence
from types import CodeType, FunctionType, ModuleType
from typing import Any

from pytest_conc.instrument import hooks
from pytest_conc.instrument.containers import watch_files
from pytest_conc.instrument.functions import all_functions
from pytest_conc.instrument.rewrite import ORIGINALS, rewrite
from pytest_conc.model.current import outside

REWRITTEN: dict[Any, CodeType] = {}  # kept from one exploration or stress test to the next
_NO_STUB = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
_FLAGS = inspect.CO_GENERATOR | inspect.CO_ITERABLE_COROUTINE


class Instrumentation:
    """The functions of some modules, hooked while it is applied. `reached` counts those that were called.

    `functions` are all that exist; without them they are looked for.
    """

    def __init__(
        self,
        modules: Sequence[ModuleType],
        gil: bool,
        cache: dict[Any, CodeType],
        functions: Sequence[FunctionType] | None = None,
    ) -> None:
        self._everywhere = functions
        self._namespaces = {id(module.__dict__): module.__dict__ for module in modules}
        self._files = {str(module.__file__) for module in modules}
        self._gil = gil
        self._cache = cache
        self._original: dict[FunctionType, CodeType] = {}
        self._shared: dict[int, frozenset[str]] = {}
        self.reached = 0

    def apply(self) -> None:
        """Gives each function its stub."""
        watch_files(self._files)
        functions = list(self._functions())
        self._everywhere = None
        self._original = {function: function.__code__ for function in functions}
        self._find_shared_globals()
        for function, code in self._original.items():
            function.__code__ = _stub(self, function, code)

    def undo(self) -> None:
        """Gives each function its own code back."""
        for function, code in self._original.items():
            function.__code__ = code
        self._original = {}

    def _functions(self) -> Iterator[FunctionType]:
        wanted = self._namespaces
        for function in all_functions() if self._everywhere is None else self._everywhere:
            if id(function.__globals__) in wanted:
                code = function.__code__
                if not code.co_flags & _NO_STUB and (
                    code.co_filename in self._files or code.co_filename.startswith("<")
                ):
                    yield function

    def _find_shared_globals(self) -> None:
        """Which global names of each module some function binds; only those are read with a hook."""
        bound: dict[int, set[str]] = {key: set() for key in self._namespaces}
        attributes: set[str] = set()
        for function, code in self._original.items():
            for each in _with_nested(code):
                _stored_names(each, bound[id(function.__globals__)], attributes)
        for key, namespace in self._namespaces.items():
            also = {name for name in attributes if name in namespace}
            self._shared[key] = frozenset(bound[key] | also)

    def rewritten(self, function: FunctionType) -> CodeType:
        """The hooked code of a function."""
        code = self._original[function]
        key = (id(code), self._gil, self._shared[id(function.__globals__)])
        known = self._cache.get(key)
        if known is None:
            namespace = function.__globals__
            known = rewrite(code, hooks, namespace, key[2], gil=self._gil)
            self._cache[key] = known
            self._cache[code] = code
        return known

    def code_of(self, function: FunctionType) -> CodeType:
        """The own code of a function."""
        return self._original.get(function, function.__code__)

    def reach(self, function: FunctionType) -> FunctionType:
        """Called by the stub of a function that is called for the first time."""
        if function in self._original:
            with outside():
                function.__code__ = self.rewritten(function)
            self.reached += 1
        return function


def _with_nested(code: CodeType) -> Iterable[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _with_nested(constant)


_STORE_GLOBAL = {opcode.opmap[name] for name in ("STORE_GLOBAL", "DELETE_GLOBAL")}
_STORE_ATTRIBUTE = {opcode.opmap[name] for name in ("STORE_ATTR", "DELETE_ATTR")}
_STORES = bytes(sorted(_STORE_GLOBAL | _STORE_ATTRIBUTE))


def _stored_names(code: CodeType, bound: set[str], attributes: set[str]) -> None:
    """Adds the global names and the attribute names that this code binds or deletes."""
    raw = code.co_code
    if not any(number in raw for number in _STORES):
        return
    extended = 0
    for index in range(0, len(raw), 2):
        number, argument = raw[index], raw[index + 1] | extended
        extended = argument << 8 if number == opcode.EXTENDED_ARG else 0
        if number in _STORE_GLOBAL:
            bound.add(code.co_names[argument])
        elif number in _STORE_ATTRIBUTE:
            attributes.add(code.co_names[argument])


class _Reached:
    """Stands in a stub for the function itself."""

    __slots__ = ("function", "instrumentation")

    def __init__(self, instrumentation: Instrumentation, function: FunctionType) -> None:
        self.instrumentation = instrumentation
        self.function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        return self.instrumentation.reach(self.function)(*args, **kwargs)


def is_stub(code: CodeType) -> bool:
    """Whether this is the code that stands in for a function until it is called for the first time."""
    return any(isinstance(constant, _Reached) for constant in code.co_consts)


def original(code: CodeType) -> CodeType:
    """The code as it was before it was rewritten, or before a stub took its place."""
    for constant in code.co_consts:
        if isinstance(constant, _Reached):
            return constant.instrumentation.code_of(constant.function)
    return ORIGINALS.get(code, code)


_PLACEHOLDER = "pytest_conc stub"
_COPY = opcode.opmap["COPY_FREE_VARS"]
_NO_LINE = b"\xf8"  # one instruction without a place in the source
_shapes: dict[tuple[int, int, int, int], CodeType] = {}


def _stub(instrumentation: Instrumentation, function: FunctionType, code: CodeType) -> CodeType:
    """A code object with the signature of `code` that calls `_Reached`."""
    shape = (code.co_posonlyargcount, code.co_argcount, code.co_kwonlyargcount, code.co_flags & 0x0C)
    template = _shapes.get(shape)
    if template is None:
        template = _shapes[shape] = _template(*shape)
    count = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4) + bool(code.co_flags & 8)
    names = code.co_varnames[:count]
    reached = _Reached(instrumentation, function)
    renamed = dict(zip(template.co_varnames, names, strict=True))
    free = len(code.co_freevars)  # copied into the frame, or whoever looks at its variables crashes the interpreter
    return template.replace(
        co_code=(bytes((_COPY, free)) if free else b"") + template.co_code,
        co_linetable=(_NO_LINE if free else b"") + template.co_linetable,
        co_varnames=names,
        co_consts=tuple(_constant(each, reached, renamed) for each in template.co_consts),
        co_freevars=code.co_freevars,
        co_name=code.co_name,
        co_qualname=code.co_qualname,
        co_filename=code.co_filename,
        co_firstlineno=code.co_firstlineno,
        co_flags=template.co_flags | (code.co_flags & _FLAGS),
    )


def _constant(constant: Any, reached: _Reached, renamed: dict[str, str]) -> Any:
    if constant == _PLACEHOLDER:
        return reached
    if isinstance(constant, tuple):
        return tuple(renamed.get(each, each) for each in constant)
    return renamed.get(constant, constant) if isinstance(constant, str) else constant


def _template(posonly: int, positional: int, keywords: int, stars: int) -> CodeType:
    names = [f"_a{index}" for index in range(positional)]
    parameters = [*names[:posonly], *(["/"] if posonly else []), *names[posonly:]]
    arguments = list(names)
    if stars & 4:
        parameters.append("*_star")
        arguments.append("*_star")
    elif keywords:
        parameters.append("*")
    only = [f"_k{index}" for index in range(keywords)]
    parameters += only
    arguments += [f"{name}={name}" for name in only]
    if stars & 8:
        parameters.append("**_stars")
        arguments.append("**_stars")
    source = f"def stub({', '.join(parameters)}): return {_PLACEHOLDER!r}({', '.join(arguments)})"  # where it begins
    namespace: dict[str, Any] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        exec(compile(source, "<stub>", "exec"), namespace)
    code = namespace["stub"].__code__
    assert isinstance(code, CodeType)
    return code
