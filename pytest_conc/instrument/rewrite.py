"""Puts a call to a hook before every instruction that reads or writes state another thread could share.

Idea. The instructions of a function say exactly what it reads and writes, and their operands lie on the stack. So the
code is copied with a few instructions in front of each such place: push the hook, copy the operands, push the `Site`,
call, drop the result. Hooks and sites are constants of the new code, so a hook costs one Python call and no lookup.

Parts: `listing` takes code apart and puts it together, `opcodes` knows the Python versions, `places` says which hook
goes where, `stack` knows what lies on the stack at calls, `cells` which closure variables can change. Here they meet.

Guarantee. Apart from the hooks the new code does what the old one does, with the same names, flags, signature and
source positions (an insertion has the position of its instruction). Two things can be observed: `obj.method(…)` makes
a bound method, as `getattr` does, because the fast form may leave NULL on the stack; and an iterated object lives
until its `iterating` hook has returned. What a hook raises is raised at the line of the instruction it announces.

Not seen: `super().x` on 3.12 and later, what `match` reads by class or key patterns, `__enter__` and `__exit__` of
`with` blocks, a repetition `shared * 2` by a constant, and everything inside coroutines and asynchronous generators.

Uncertain: nothing here was run on 3.14, whose entries in the tables come from its documentation and source.
Cost: 0.2–0.3 ms for the median function of the standard library; `suites/plugin/test_rewrite_library.py` prints it.
"""

from __future__ import annotations

from bisect import bisect_right
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_OPTIMIZED
from types import CodeType
from typing import Final, NamedTuple
from weakref import WeakKeyDictionary

from pytest_conc.instrument import opcodes
from pytest_conc.instrument.cells import Scope
from pytest_conc.instrument.listing import Insertions, reassemble
from pytest_conc.instrument.opcodes import numbers
from pytest_conc.instrument.places import PLACES, PLACES_BY_ARGUMENT, View, is_constant
from pytest_conc.instrument.site import Hooks, Site
from pytest_conc.instrument.stack import (
    CALLS,
    FRESH,
    FUNCTION,
    NULL,
    SILENT,
    UNKNOWN,
    UNPACKING_CALLS,
    CallSlots,
    call_slots,
    has_mapping,
)

_CALL_KW: Final = numbers("CALL_KW")
_BEFORE_CALL: Final = numbers("KW_NAMES", "PRECALL")
_GET_ITER: Final = numbers("GET_ITER")
_RESUME: Final = numbers("RESUME")
_AFTER_ITERATING: Final = (2, 1)


class Purpose(NamedTuple):
    """What all code of one function is rewritten for."""

    hooks: Hooks
    namespace: dict[str, object]
    shared_globals: frozenset[str]
    gil: bool


def rewrite(
    code: CodeType,
    hooks: Hooks,
    namespace: dict[str, object],
    shared_globals: frozenset[str],
    *,
    gil: bool = False,
    rebindable: frozenset[str] | None = None,
) -> CodeType:
    """The code, and all code nested in it, with calls to the hooks. Where nothing is to be hooked, `code` itself.

    `namespace` is the `__globals__` of the function and only handed on to the sites. Reads of globals are hooked for
    the names in `shared_globals`, writes always. `gil` adds the places where the global interpreter lock can change
    hands. `rebindable` names the free variables of `code` that can change; without it, all of them can.
    """
    free = frozenset(code.co_freevars) if rebindable is None else rebindable
    return _rewritten(Scope(code), Purpose(hooks, namespace, shared_globals, gil), free)


ORIGINALS: WeakKeyDictionary[CodeType, CodeType] = WeakKeyDictionary()
"""What rewritten code was made of."""


def _rewritten(scope: Scope, purpose: Purpose, outside: frozenset[str]) -> CodeType:
    made = _made(scope, purpose, outside)
    if made is not scope.code:
        ORIGINALS[made] = scope.code
    return made


def _made(scope: Scope, purpose: Purpose, outside: frozenset[str]) -> CodeType:
    code = scope.code
    rebindable = scope.rebindable(outside) if scope.cell_names else frozenset()
    constants = list(code.co_consts)
    for index, child in scope.children.items():
        constants[index] = _rewritten(child, purpose, rebindable)
    if code.co_flags & CO_OPTIMIZED and not code.co_flags & (CO_COROUTINE | CO_ASYNC_GENERATOR):
        draft = _Draft(View(scope, rebindable, purpose.shared_globals), purpose, constants)
        draft.fill()
        return draft.finished()
    unchanged = all(constants[index] is child.code for index, child in scope.children.items())
    return code if unchanged else code.replace(co_consts=tuple(constants))


class _Draft:
    """The insertions and constants of one code object, as they are collected."""

    def __init__(self, view: View, purpose: Purpose, constants: list[object]) -> None:
        self._view = view
        self._purpose = purpose
        self._constants = constants
        self._insertions = Insertions()
        self._functions: dict[str, int] = {}
        self._lines = [line or view.code.co_firstlineno for _, _, line in view.code.co_lines()]
        self._line_starts = [start // 2 for start, _, _ in view.code.co_lines()]
        self._pushed = 0

    def fill(self) -> None:
        """Collects what is to be inserted."""
        opcodes_, arguments = self._view.listing[:2]
        slots = call_slots(self._view.listing)
        for number, operation in enumerate(opcodes_):
            place = PLACES.get(operation)
            if place is None and operation in PLACES_BY_ARGUMENT:
                place = PLACES_BY_ARGUMENT[operation].get(arguments[number])
            if place is not None and not place.needless(self._view, number):
                self._announce(number, place.hook, place.operands)
            if operation in opcodes.METHOD_LOADS:
                self._load_plainly(number, operation, arguments[number])
            elif operation in _GET_ITER:
                self._surround_iteration(number)
            elif number in slots:
                self._announce_call(number, operation, arguments[number], slots[number])
        if self._purpose.gil:
            self._add_gil_points()

    def finished(self) -> CodeType:
        """The new code."""
        view, insertions, constants = self._view, self._insertions, tuple(self._constants)
        if insertions.before or insertions.after:
            return reassemble(view.code, view.listing, insertions, constants, view.code.co_stacksize + self._pushed)
        unchanged = all(old is new for old, new in zip(view.code.co_consts, constants, strict=True))
        return view.code if unchanged else view.code.replace(co_consts=constants)

    def _announce(self, number: int, hook: str, operands: tuple[int, ...] = ()) -> None:
        """Calls a hook with values from the stack before the instruction."""
        pushes = b""
        if operands:
            cell = self._view.listing.arguments[number] if opcodes.CELL in operands else -1
            pushes = opcodes.copies(operands, cell)
        self._before(number, self._hook_call(number, hook, pushes, len(operands)))

    def _hook_call(self, number: int, hook: str, pushes: bytes, count: int) -> bytes:
        constants, view = self._constants, self._view
        function = self._functions.get(hook)
        if function is None:
            function = self._functions[hook] = len(constants)
            constants.append(getattr(self._purpose.hooks, hook))
        code = view.code
        line = self._lines[bisect_right(self._line_starts, view.listing.starts[number]) - 1]
        name = "" if hook == "gil_point" else view.variable(number)
        site = opcodes.constant(len(constants))
        constants.append(Site(code.co_qualname, code.co_filename, line, name, self._purpose.namespace))
        self._pushed = max(self._pushed, count + 3)
        return opcodes.call(function, pushes + site, count + 1)

    def _before(self, number: int, fragment: bytes) -> None:
        before = self._insertions.before
        before[number] = before[number] + fragment if number in before else fragment

    def _after(self, number: int, fragment: bytes) -> None:
        after = self._insertions.after
        after[number] = after[number] + fragment if number in after else fragment

    def _load_plainly(self, number: int, operation: int, argument: int) -> None:
        """Replaces the method form of a load by the plain form and the NULL that makes it a callable."""
        if opcodes.is_method_load(operation, argument):
            plain, shift = opcodes.METHOD_LOADS[operation]
            load = opcodes.instruction(plain, argument & ~1 if shift else argument)
            self._insertions.instead[number] = load
            self._after(number, opcodes.NULL_FOR_CALL)

    def _surround_iteration(self, number: int) -> None:
        if is_constant(self._view, number):
            return
        self._announce(number, "make_iterator", (1,))
        hook_call = self._hook_call(number, "iterating", opcodes.copies(_AFTER_ITERATING), 2)
        self._before(number, opcodes.DUPLICATE)
        self._after(number, hook_call + opcodes.DROP_SECOND)
        self._pushed = max(self._pushed, 6)

    def _announce_call(self, number: int, operation: int, argument: int, slots: CallSlots) -> None:
        if operation in CALLS:
            names = operation in _CALL_KW  # the names of the keywords lie on top
            values = tuple(range(argument + names, names, -1))
            operands = _callable(slots, argument + names) + values
            if len(operands) > len(values):
                pushes = opcodes.tuple_of(operands)
                self._pushed = max(self._pushed, len(operands) + 3)
                self._before(self._first_of_call(number), self._hook_call(number, "call", pushes, 1))
            return
        positional = 1 + has_mapping(argument)
        if slots.positional != FRESH:
            self._announce(number, "read_container", (positional,))
        operands = _callable(slots, positional)
        if len(operands) == 1:
            self._announce(number, "call_unpacked", (*operands, positional))

    def _first_of_call(self, number: int) -> int:
        """The first of the instructions that belong together: KW_NAMES, PRECALL, CALL."""
        while self._view.listing.opcodes[number - 1] in _BEFORE_CALL:
            number -= 1
        return number

    def _add_gil_points(self) -> None:
        listed = self._view.listing
        entry = -1
        for number, operation in enumerate(listed.opcodes):
            if operation in _RESUME and listed.arguments[number] & 3 == 0:
                entry = number + 1
                self._prepend(entry)
            elif operation in opcodes.INTERRUPTIBLE_JUMPS and listed.jumps[number] != entry:  # one is there
                self._announce(number, "gil_point")
            elif operation in CALLS or operation in UNPACKING_CALLS:
                self._after(number, self._hook_call(number, "gil_point", b"", 0))

    def _prepend(self, number: int) -> None:
        before = self._insertions.before
        before[number] = self._hook_call(number, "gil_point", b"", 0) + before.get(number, b"")


def _callable(slots: CallSlots, below: int) -> tuple[int, ...]:
    """Where the callable lies, and self if it is there, above `below` values; nothing if the call needs no hook."""
    first, second = below + 2, below + 1
    states = (slots.first, slots.second)
    if UNKNOWN in states or SILENT in states:
        return ()
    if slots.first == NULL:
        return () if slots.second == NULL else (second,)
    if slots.second == NULL:
        return (first,)
    return () if slots.first == FUNCTION else (first, second)
