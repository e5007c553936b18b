"""Which hook announces which instruction, where its arguments lie on the stack, and when it can be left out.

One table for all versions of Python; the instructions that this Python does not have drop out of it. Calls and
`GET_ITER` are not in it: they need more than one look at the stack (`rewrite.py`).

A hook is left out only where it could not say anything: the truth value of a `bool`, an operator with a number, string
or None on its right. An operator with such a constant on its *left* keeps its hook (`"%s" % shared`).
"""

from __future__ import annotations

import dis
import opcode
from collections.abc import Callable
from types import CodeType, EllipsisType
from typing import Final, NamedTuple

from pytest_conc.instrument.cells import Scope
from pytest_conc.instrument.listing import Listing
from pytest_conc.instrument.opcodes import CELL, DIALECT, METHOD_LOADS, numbers


class View:
    """A code object as the rules of this module see it."""

    __slots__ = ("cell_names", "code", "listing", "rebindable", "shared_globals")

    def __init__(self, scope: Scope, rebindable: frozenset[str], shared_globals: frozenset[str]) -> None:
        self.code: CodeType = scope.code
        self.listing: Listing = scope.listing
        self.cell_names = scope.cell_names
        self.rebindable = rebindable
        self.shared_globals = shared_globals

    def operation_before(self, number: int) -> int:
        """The instruction that always runs just before this one, or -1."""
        return -1 if number == 0 or number in self.listing.labels else self.listing.opcodes[number - 1]

    def variable(self, number: int) -> str:
        """The attribute or variable that the instruction names, or ""."""
        operation, argument = self.listing.opcodes[number], self.listing.arguments[number]
        shift = _NAME_SHIFTS.get(operation)
        if shift is not None:
            return self.code.co_names[argument >> shift]
        return self.cell_names[argument] if operation in _CELL_OPERATIONS else ""


class Place(NamedTuple):
    """A hook, its arguments but the site (distances from the top of the stack, or `CELL`), and when to leave it out."""

    hook: str
    operands: tuple[int, ...] = ()
    needless: Callable[[View, int], bool] = lambda view, number: False


_LOAD_CONST: Final = numbers("LOAD_CONST")
_LOAD_SMALL_INT: Final = numbers("LOAD_SMALL_INT")
_BUILD_TUPLE: Final = numbers("BUILD_TUPLE")
_COPY: Final = numbers("COPY")
_TO_TEXT: Final = numbers("CONVERT_VALUE")
_TO_TRUTH: Final = numbers(
    "COMPARE_OP", "CONTAINS_OP", "IS_OP", "UNARY_NOT", "TO_BOOL", "CHECK_EXC_MATCH", "MATCH_SEQUENCE", "MATCH_MAPPING",
)  # fmt: skip
_NUMERIC: Final = (int, float, complex, bool, type(None), EllipsisType)
_CELL_OPERATIONS: Final = numbers("LOAD_DEREF", "STORE_DEREF", "DELETE_DEREF")
_NAME_SHIFTS: Final = {
    dis.opmap[name]: shift
    for name, shift in (
        ("LOAD_ATTR", DIALECT.attribute_shift), ("LOAD_METHOD", 0), ("STORE_ATTR", 0), ("DELETE_ATTR", 0),
        ("LOAD_GLOBAL", 1), ("LOAD_NAME", 0), ("STORE_GLOBAL", 0), ("DELETE_GLOBAL", 0),
    )
    if name in dis.opmap
}  # fmt: skip


def _not_shared(view: View, number: int) -> bool:
    return view.variable(number) not in view.shared_globals


def _not_rebindable(view: View, number: int) -> bool:
    return view.variable(number) not in view.rebindable


def is_constant(view: View, number: int) -> bool:
    """Is the top of the stack, when this instruction runs, always the same constant?"""
    before = view.operation_before(number)
    return before in _LOAD_CONST or before in _LOAD_SMALL_INT


def _is_constant_of(types: tuple[type, ...]) -> Callable[[View, int], bool]:
    def check(view: View, number: int) -> bool:
        if not is_constant(view, number):
            return False
        small = view.listing.opcodes[number - 1] in _LOAD_SMALL_INT
        return small or isinstance(view.code.co_consts[view.listing.arguments[number - 1]], types)

    return check


def _is_truth_value(view: View, number: int) -> bool:
    if view.operation_before(number) in _COPY and view.listing.arguments[number - 1] == 1:
        number -= 1
    return view.operation_before(number) in _TO_TRUTH


def _is_new_tuple(view: View, number: int) -> bool:
    return view.operation_before(number) in _BUILD_TUPLE


def _is_text(view: View, number: int) -> bool:
    return is_constant(view, number) or view.operation_before(number) in _TO_TEXT


_OPERATE: Final = Place("operate", (2, 1), _is_constant_of((*_NUMERIC, str, bytes)))
_IN_PLACE: Final = Place("operate_in_place", (2, 1), _is_constant_of(_NUMERIC))  # a list can be extended by a string
_REPEAT_IN_PLACE: Final = Place("operate_in_place", (2, 1))  # and repeated by a number
_READ_ITEM: Final = Place("read_item", (2, 1))
_READ_CONTAINER: Final = Place("read_container", (1,))
_READ_NEW: Final = Place("read_container", (1,), is_constant)

_BY_NAME: Final = {
    "LOAD_ATTR": Place("read_attribute", (1,)),
    "LOAD_METHOD": Place("read_attribute", (1,)),
    "STORE_ATTR": Place("write_attribute", (1, 2)),
    "DELETE_ATTR": Place("delete_attribute", (1,)),
    "LOAD_GLOBAL": Place("read_global", (), _not_shared),
    "LOAD_NAME": Place("read_global", (), _not_shared),
    "STORE_GLOBAL": Place("write_global", (1,)),
    "DELETE_GLOBAL": Place("delete_global"),
    "LOAD_DEREF": Place("read_cell", (CELL,), _not_rebindable),
    "STORE_DEREF": Place("write_cell", (CELL, 1), _not_rebindable),
    "DELETE_DEREF": Place("delete_cell", (CELL,), _not_rebindable),
    "BINARY_SUBSCR": _READ_ITEM,
    "STORE_SUBSCR": Place("write_item", (2, 1, 3)),
    "DELETE_SUBSCR": Place("delete_item", (2, 1)),
    "CONTAINS_OP": _READ_NEW,
    "BINARY_SLICE": Place("read_container", (3,)),
    "STORE_SLICE": Place("write_container", (3,)),
    "UNPACK_SEQUENCE": Place("read_container", (1,), _is_new_tuple),
    "UNPACK_EX": _READ_CONTAINER,
    "LIST_EXTEND": _READ_NEW,
    "SET_UPDATE": _READ_NEW,
    "DICT_UPDATE": _READ_CONTAINER,
    "DICT_MERGE": _READ_CONTAINER,
    "GET_LEN": _READ_CONTAINER,
    "FORMAT_SIMPLE": Place("read_container", (1,), _is_text),
    "FORMAT_WITH_SPEC": Place("read_container", (2,)),
    "CONVERT_VALUE": _READ_NEW,
    "GET_YIELD_FROM_ITER": _READ_NEW,
    "COMPARE_OP": _OPERATE,
    "FOR_ITER": Place("iterate", (1,)),
    **dict.fromkeys(DIALECT.truth_tests, Place("read_container", (1,), _is_truth_value)),
}


def _operator(sign: str) -> Place:
    special = {"*=": _REPEAT_IN_PLACE, "[]": _READ_ITEM}
    return special.get(sign, _IN_PLACE if sign.endswith("=") else _OPERATE)


_BY_ARGUMENT_BY_NAME: Final = {
    "BINARY_OP": {number: _operator(sign) for number, (_, sign) in enumerate(opcode._nb_ops)},  # type: ignore[attr-defined]
    "FORMAT_VALUE": {flags: Place("read_container", (2,)) if flags & 4 else _READ_NEW for flags in range(8)},
}
PLACES: Final = {dis.opmap[name]: place for name, place in _BY_NAME.items() if name in dis.opmap}
"""By instruction. Those whose place depends on their argument are in `PLACES_BY_ARGUMENT`."""
PLACES_BY_ARGUMENT: Final = {
    dis.opmap[name]: places for name, places in _BY_ARGUMENT_BY_NAME.items() if name in dis.opmap
}
assert METHOD_LOADS.keys() >= numbers("LOAD_ATTR"), "a load that may leave NULL on the stack must be known"
