"""Which values lie on the stack at each call: a small abstract interpretation of a code object.

A hook before a call copies the callable and its arguments, and copying a NULL crashes the interpreter. Whether a slot
holds NULL is not written into the call: `f(x)` leaves one beside the callable, `@decorator`, `assert` and the end of
`with` leave none. So each slot is given one of six states, the states are carried along every path, and where paths
meet they are joined. The result is a fixed point: the states of a slot form a lattice of height three, so that every
block is visited at most three times per slot.

Guarantee. A slot whose result is neither NULL nor UNKNOWN never holds NULL. NULL enters the stack by PUSH_NULL, by the
method forms of loads (which the rewriting replaces by the plain form and a NULL, and so does the model), by LOAD_GLOBAL
with its flag and by LOAD_FAST_AND_CLEAR; all other effects come from `dis.stack_effect`. If depths disagree where
paths meet, the model does not fit this Python and nothing is said about any call.

Uncertain: instructions of a Python newer than 3.14 that push NULL in another way.
"""

from __future__ import annotations

import dis
import opcode
from collections.abc import Callable
from functools import cache
from typing import Final, NamedTuple

from pytest_conc.instrument.listing import Listing
from pytest_conc.instrument.opcodes import (
    DIALECT,
    EXITS,
    HAVE_ARGUMENT,
    is_method_load,
    numbers,
    numbers_starting,
)

VALUE: Final = 0
NULL: Final = 1
UNKNOWN: Final = 2
SILENT: Final = 3
"""A callable of the interpreter's own: to build a class, to leave a `with` block."""
FUNCTION: Final = 4
"""A function made here; called with itself as first slot it is a comprehension."""
FRESH: Final = 5
"""A constant, or a container made here: nobody else has it."""

Stack = list[int]


class CallSlots(NamedTuple):
    """The state of the two slots below the arguments of a call, and of what follows `*`."""

    first: int
    second: int
    positional: int = VALUE


class StackMismatchError(Exception):
    """Two paths that meet have stacks of different depth."""


CALLS: Final = numbers("CALL", "CALL_KW")
UNPACKING_CALLS: Final = numbers("CALL_FUNCTION_EX")
_CALL_KW: Final = numbers("CALL_KW")
_PRODUCERS: Final = numbers_starting(
    "BINARY_", "CALL_INTRINSIC_2", "CHECK_", "COMPARE_", "CONTAINS_", "CONVERT_", "FORMAT_", "GET_", "IMPORT_NAME",
    "IS_OP", "LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR", "SEND", "TO_BOOL", "UNARY_", "YIELD_",
)  # fmt: skip
_BUILDERS: Final = numbers("LIST_TO_TUPLE") | numbers_starting("BUILD_")


def call_slots(listed: Listing) -> dict[int, CallSlots]:
    """The slots of each call that can be reached, by number of instruction; of none where the model does not fit."""
    walk = _Walk(listed)
    try:
        walk.run()
    except (StackMismatchError, IndexError, ValueError):
        return {}
    return walk.calls


class _Walk:
    def __init__(self, listed: Listing) -> None:
        self._listed = listed
        self._entries: dict[int, Stack] = {}
        self._pending: list[tuple[int, Stack]] = [(0, [])]
        self._guards = _guards(listed)
        self.calls: dict[int, CallSlots] = {}

    def run(self) -> None:
        while self._pending:
            self._block(*self._pending.pop())

    def _block(self, number: int, stack: Stack) -> None:
        opcodes, arguments, _, jumps, _, labels = self._listed
        guards, guard = self._guards, None
        while True:
            if number in labels:
                known = self._entries.get(number)
                stack = stack if known is None else _joined(known, stack)
                if stack == known:
                    return
                self._entries[number] = stack[:]
            if guards and guards[number] is not guard and (guard := guards[number]) is not None:
                target, depth, pushed = guard
                if len(stack) < depth:
                    raise StackMismatchError
                self._pending.append((target, stack[:depth] + [VALUE] * pushed))
            operation, argument = opcodes[number], arguments[number]
            if number in jumps:
                self._pending.append((jumps[number], _shifted(stack, _effect(operation, argument, True))))
            if operation in CALLS or operation in UNPACKING_CALLS:
                self._call(number, operation, argument, stack)
            else:
                _step(stack, operation, argument)
            if operation in EXITS:
                return
            number += 1

    def _call(self, number: int, operation: int, argument: int, stack: Stack) -> None:
        if operation in CALLS:
            taken = argument + (operation in _CALL_KW)
            positional = VALUE
        else:
            taken = 1 + has_mapping(argument)
            positional = stack[-taken]
        first, second = stack[-taken - 2 : len(stack) - taken]
        self.calls[number] = CallSlots(first, second, positional)
        del stack[-taken - 2 :]
        stack.append(VALUE)


def has_mapping(argument: int) -> bool:
    """Does CALL_FUNCTION_EX with this argument find a mapping (or, since 3.14, NULL) on top of the stack?"""
    return not DIALECT.unpacked_keywords or bool(argument & DIALECT.unpacked_keywords)


def _guards(listed: Listing) -> list[tuple[int, int, int] | None]:
    """By instruction: the instruction that handles its exceptions, the depth of its stack and how much is pushed."""
    if not listed.handlers:
        return []
    starts = listed.starts
    number_at = {start: number for number, start in enumerate(starts)}
    guards: list[tuple[int, int, int] | None] = [None] * len(listed.opcodes)
    for handler in listed.handlers:
        guard = (number_at[handler.target], handler.depth, 1 + handler.pushes_offset)
        first, last = number_at[handler.start], number_at[handler.end]
        guards[first:last] = [guard] * (last - first)
    return guards


def _joined(known: Stack, stack: Stack) -> Stack:
    if len(known) != len(stack):
        raise StackMismatchError
    return [old if old == new else _join(old, new) for old, new in zip(known, stack, strict=True)]


def _join(old: int, new: int) -> int:
    return UNKNOWN if {old, new} & {NULL, UNKNOWN} else VALUE


def _step(stack: Stack, operation: int, argument: int) -> None:
    special = _SPECIAL.get(operation)
    if special is not None:
        special(stack, argument)
        return
    if is_method_load(operation, argument):
        _load_method(stack, operation)
        return
    effect = _effect(operation, argument, False)
    if effect > 0:
        stack += [VALUE] * effect
    elif effect < 0:
        del stack[effect:]
    if operation in _PRODUCERS:
        stack[-1] = VALUE
    elif operation in _BUILDERS:
        stack[-1] = FRESH


def _shifted(stack: Stack, effect: int) -> Stack:
    return stack[:effect] if effect < 0 else stack + [VALUE] * effect


@cache
def _effect(operation: int, argument: int, jump: bool) -> int:
    return dis.stack_effect(operation, argument if operation >= HAVE_ARGUMENT else None, jump=jump)


def _load_method(stack: Stack, operation: int) -> None:
    del stack[len(stack) + _effect(operation, 1, False) - 2 :]
    stack += (NULL, VALUE) if DIALECT.null_first else (VALUE, NULL)


def _load_global(stack: Stack, argument: int) -> None:
    if not argument & 1:
        stack.append(VALUE)
    else:
        stack += (NULL, VALUE) if DIALECT.null_first else (VALUE, NULL)


def _swap(stack: Stack, argument: int) -> None:
    stack[-1], stack[-argument] = stack[-argument], stack[-1]


def _enter_with(stack: Stack, argument: int) -> None:
    stack[-1] = SILENT
    stack.append(VALUE)


def _set_function_attribute(stack: Stack, argument: int) -> None:
    function = stack.pop()
    stack[-1] = function


def _intrinsic(stack: Stack, argument: int) -> None:
    stack[-1] = FRESH if argument == _LIST_TO_TUPLE else VALUE


def _make_function(stack: Stack, argument: int) -> None:
    del stack[len(stack) + _effect(_MAKE_FUNCTION, argument, False) - 1 :]
    stack.append(FUNCTION)


def _pushing(*states: int) -> Callable[[Stack, int], None]:
    return lambda stack, argument: stack.extend(states)


def _nothing(stack: Stack, argument: int) -> None:
    pass


_MAKE_FUNCTION: Final = dis.opmap["MAKE_FUNCTION"]
_LIST_TO_TUPLE: Final = [*getattr(opcode, "_intrinsic_1_descs", ()), "INTRINSIC_LIST_TO_TUPLE"].index(
    "INTRINSIC_LIST_TO_TUPLE"
)
_SPECIAL_BY_NAME: Final[dict[str, Callable[[Stack, int], None]]] = {
    "PUSH_NULL": _pushing(NULL),
    "LOAD_GLOBAL": _load_global,
    "LOAD_FAST_AND_CLEAR": _pushing(UNKNOWN),
    "LOAD_CONST": _pushing(FRESH),
    "LOAD_BUILD_CLASS": _pushing(SILENT),
    "COPY": lambda stack, argument: stack.append(stack[-argument]),
    "SWAP": _swap,
    "BEFORE_WITH": _enter_with,
    "CALL_INTRINSIC_1": _intrinsic,
    "MAKE_FUNCTION": _make_function,
    "SET_FUNCTION_ATTRIBUTE": _set_function_attribute,
    "RETURN_GENERATOR": _pushing(VALUE),
    "PRECALL": _nothing,  # takes nothing itself: 3.11 splits the effect of a call in two
    "LOAD_SPECIAL": lambda stack, argument: stack.__setitem__(slice(-1, None), [UNKNOWN, UNKNOWN]),
}
_SPECIAL: Final = {dis.opmap[name]: step for name, step in _SPECIAL_BY_NAME.items() if name in dis.opmap}
