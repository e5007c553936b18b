"""The instruction set of the running Python: all that differs between versions, and fragments of code made of it.

`DIALECTS` is the table of differences. The rest of the package names instructions of every version side by side and
drops the names that this Python does not have.

Sources: `Lib/opcode.py`, `Python/bytecodes.c` (`ceval.c` in 3.11) and `Python/compile.c` of CPython 3.11 to 3.14.
"""

from __future__ import annotations

import dis
import opcode
import sys
from functools import cache
from typing import Final, NamedTuple


class Dialect(NamedTuple):
    """What differs between the instruction sets of two Python versions."""

    null_first: bool
    """A call without self is [NULL, callable, …] and not [callable, NULL, …] on the stack."""
    attribute_shift: int
    """Bits below the name in the argument of LOAD_ATTR; bit 0, if there is one, asks for the method form."""
    call: tuple[str, ...]
    """The instructions that make a call with n arguments, each with the argument n."""
    load_cell: str
    """The instruction that pushes a cell itself."""
    truth_tests: tuple[str, ...]
    """The instructions that ask an object for its truth value."""
    unpacked_keywords: int
    """Mask of the argument of CALL_FUNCTION_EX: does a mapping lie on the stack?"""


_JUMPS_OF_3_11 = (
    "POP_JUMP_FORWARD_IF_TRUE", "POP_JUMP_FORWARD_IF_FALSE", "POP_JUMP_BACKWARD_IF_TRUE", "POP_JUMP_BACKWARD_IF_FALSE",
    "JUMP_IF_TRUE_OR_POP", "JUMP_IF_FALSE_OR_POP", "UNARY_NOT",
)  # fmt: skip
_JUMPS_OF_3_12 = ("POP_JUMP_IF_TRUE", "POP_JUMP_IF_FALSE", "UNARY_NOT")

DIALECTS: Final = {
    (3, 11): Dialect(True, 0, ("PRECALL", "CALL"), "LOAD_CLOSURE", _JUMPS_OF_3_11, 1),
    (3, 12): Dialect(True, 1, ("CALL",), "LOAD_CLOSURE", _JUMPS_OF_3_12, 1),
    (3, 13): Dialect(False, 1, ("CALL",), "LOAD_FAST", ("TO_BOOL",), 1),
    (3, 14): Dialect(False, 1, ("CALL",), "LOAD_FAST", ("TO_BOOL",), 0),
}
DIALECT: Final = DIALECTS[min(sys.version_info[:2], max(DIALECTS))]


def numbers(*names: str) -> frozenset[int]:
    """The numbers of those of the instructions that this Python has."""
    return frozenset(dis.opmap[name] for name in names if name in dis.opmap)


def numbers_starting(*prefixes: str) -> frozenset[int]:
    """The numbers of the instructions whose names start with one of the prefixes."""
    return frozenset(number for name, number in dis.opmap.items() if number < 256 and name.startswith(prefixes))


def _cache_sizes() -> list[int]:
    entries = opcode._inline_cache_entries  # type: ignore[attr-defined]
    if isinstance(entries, dict):  # since 3.13, by name
        entries = [entries.get(opcode.opname[number], 0) for number in range(256)]
    return list(entries)


CACHES: Final = _cache_sizes()
"""By instruction: the number of code units that follow it."""
HAVE_ARGUMENT: Final = opcode.HAVE_ARGUMENT
EXTENDED_ARG: Final = opcode.EXTENDED_ARG
JUMPS: Final = frozenset(number for number in opcode.hasjrel if number < 256)
BACKWARD_JUMPS: Final = frozenset(number for number in JUMPS if "BACKWARD" in opcode.opname[number])
INTERRUPTIBLE_JUMPS: Final = BACKWARD_JUMPS - numbers("JUMP_BACKWARD_NO_INTERRUPT")
EXITS: Final = numbers(
    "RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE", "INTERPRETER_EXIT",
    "JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT",
)  # fmt: skip
"""The instructions after which the next one is not executed."""
METHOD_LOADS: Final = {
    number: (dis.opmap[plain], shift)
    for name, plain, shift in (
        ("LOAD_METHOD", "LOAD_ATTR", 0),
        ("LOAD_ATTR", "LOAD_ATTR", DIALECT.attribute_shift),
        ("LOAD_SUPER_ATTR", "LOAD_SUPER_ATTR", 2),
    )
    if (number := dis.opmap.get(name, 256)) < 256 and (shift or DIALECT.attribute_shift == 0)
}
"""By instruction that may push a method with its self: the plain form, and the bits below the name."""


def is_method_load(number: int, argument: int) -> bool:
    """Does the instruction push two things, of which one may be NULL?"""
    form = METHOD_LOADS.get(number)
    return form is not None and (argument & 1 == 1 if form[1] else form[0] != number)


def instruction(number: int, argument: int = 0, width: int = 0) -> bytes:
    """The code of an instruction with its empty caches, stretched to at least `width` code units."""
    prefix = b""
    high = argument >> 8
    while high:
        prefix = bytes((EXTENDED_ARG, high & 255)) + prefix
        high >>= 8
    code = prefix + bytes((number, argument & 255)) + b"\0\0" * CACHES[number]
    return bytes((EXTENDED_ARG, 0)) * (width - len(code) // 2) + code


def _named(name: str, argument: int = 0) -> bytes:
    return instruction(dis.opmap[name], argument)


PUSH_NULL: Final = _named("PUSH_NULL")
DUPLICATE: Final = _named("COPY", 1)
DROP_SECOND: Final = _named("SWAP", 2) + _named("POP_TOP")
NULL_FOR_CALL: Final = PUSH_NULL + (_named("SWAP", 2) if DIALECT.null_first else b"")
"""Completes a callable on top of the stack to the two slots of a call."""
CELL: Final = 0
"""The operand that is not a place on the stack but the cell of the instruction."""
_LOAD_CONST: Final = dis.opmap["LOAD_CONST"]


@cache
def copies(operands: tuple[int, ...], cell: int = -1) -> bytes:
    """Code that pushes the operands, given by their distance from the top (1 is the top) when two slots lie above."""
    return b"".join(
        _named("COPY", distance + 2 + already) if distance else _named(DIALECT.load_cell, cell)
        for already, distance in enumerate(operands)
    )


@cache
def tuple_of(operands: tuple[int, ...]) -> bytes:
    """Code that pushes a tuple of the operands, counted as in `copies`."""
    return copies(operands) + _named("BUILD_TUPLE", len(operands))


@cache
def _call(count: int) -> bytes:
    return b"".join(_named(name, count) for name in DIALECT.call) + _named("POP_TOP")


def call(function: int, arguments: bytes, count: int) -> bytes:
    """Code that calls a constant with `count` arguments, which `arguments` pushes, and drops the result."""
    load = instruction(_LOAD_CONST, function)
    return (PUSH_NULL + load if DIALECT.null_first else load + PUSH_NULL) + arguments + _call(count)


def constant(index: int) -> bytes:
    """Code that pushes a constant."""
    return instruction(_LOAD_CONST, index)
