"""Takes a code object apart and puts it together again with code inserted: no instruction is lost, moved or renamed.

Idea. All that is inserted is straight-line code, so an insertion changes nothing but distances. Three things in a code
object are made of distances: jumps, the table of exception handlers and the table of source positions. They are
stretched, everything else (names, constants, variables, flags) is taken over as it is, and code without insertions
comes out byte for byte as it went in. A jump to an instruction becomes a jump to what was inserted before it; an
insertion belongs to the handlers and to the source position of its instruction.

Why not a library. `bytecode` builds an object for each instruction and assigns names, constants, positions and
handlers anew; that costs 0.6–0.75 ms per function before anything is inserted, this module a tenth of that.

Formats: `Objects/exception_handling_notes.txt` and `Objects/locations.md` in CPython (the same from 3.11 to 3.14).
Complexity: linear, times the number of rounds in which jumps grow beyond 255 (at most three in all code seen).
Offsets are counted in code units of two bytes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import accumulate, pairwise
from types import CodeType
from typing import NamedTuple

from pytest_conc.instrument.opcodes import (
    BACKWARD_JUMPS,
    CACHES,
    EXTENDED_ARG,
    HAVE_ARGUMENT,
    JUMPS,
    instruction,
)


class Handler(NamedTuple):
    """An entry of the table of exception handlers. The three offsets are as in the code object."""

    start: int
    end: int
    target: int
    depth: int
    pushes_offset: bool


class Listing(NamedTuple):
    """The instructions of a code object, counted from 0; EXTENDED_ARG and caches are part of their instruction."""

    opcodes: list[int]
    arguments: list[int]
    starts: list[int]
    """Offset of each instruction, and of the end of the code."""
    jumps: dict[int, int]
    """From the number of each jump to the number of the instruction it goes to."""
    handlers: list[Handler]
    labels: frozenset[int]
    """The instructions that are reached not only from the one before them."""


def listing(code: CodeType) -> Listing:
    """Takes a code object apart."""
    opcodes, arguments, starts = _instructions(code.co_code)
    handlers = list(_handlers(code.co_exceptiontable))
    number_at = dict(zip(starts, range(len(starts)), strict=True))
    jumps = {}
    for number, operation in enumerate(opcodes):
        if operation in JUMPS:
            distance = -arguments[number] if operation in BACKWARD_JUMPS else arguments[number]
            jumps[number] = number_at[starts[number + 1] + distance]
    labels = frozenset(jumps.values()).union(number_at[handler.target] for handler in handlers)
    return Listing(opcodes, arguments, starts, jumps, handlers, labels)


def _instructions(raw: bytes) -> tuple[list[int], list[int], list[int]]:
    opcodes, arguments, starts = [], [], [0]
    offset = high = 0
    units = len(raw) // 2
    while offset < units:
        operation, argument = raw[2 * offset], raw[2 * offset + 1] | high
        if operation == EXTENDED_ARG:
            high = argument << 8
            offset += 1
            continue
        high = 0
        opcodes.append(operation)
        arguments.append(argument if operation >= HAVE_ARGUMENT else 0)
        offset += 1 + CACHES[operation]
        starts.append(offset)
    return opcodes, arguments, starts


def _handlers(table: bytes) -> Iterator[Handler]:
    fields = _numbers(table)
    for start, length, target, depth in zip(fields, fields, fields, fields, strict=True):
        yield Handler(start, start + length, target, depth >> 1, bool(depth & 1))


def _numbers(table: bytes) -> Iterator[int]:
    value = 0
    for byte in table:
        value = value << 6 | byte & 63
        if not byte & 64:
            yield value
            value = 0


class Insertions:
    """What is to be put into a code object, by number of instruction."""

    __slots__ = ("after", "before", "instead")

    def __init__(self) -> None:
        self.before: dict[int, bytes] = {}
        """Runs whenever the instruction does, jumps included."""
        self.instead: dict[int, bytes] = {}
        """Replaces an instruction that is not a jump."""
        self.after: dict[int, bytes] = {}
        """Runs when the instruction has ended normally and did not jump."""


def reassemble(
    code: CodeType, listed: Listing, insertions: Insertions, constants: tuple[object, ...], stack_size: int
) -> CodeType:
    """The code object with the insertions, with these constants and with room for `stack_size` values."""
    starts, moved, widths = _layout(listed, insertions)
    new_offsets = dict(zip(starts, moved, strict=True))

    def boundary(offset: int) -> int:
        new = new_offsets.get(offset)
        return moved[bisect_left(starts, offset)] if new is None else new  # between caches: the next instruction

    return code.replace(
        co_code=_code(code.co_code, listed, insertions, moved, widths),
        co_consts=constants,
        co_stacksize=stack_size,
        co_linetable=_stretch_positions(code.co_linetable, boundary),
        co_exceptiontable=b"".join(_packed(handler, new_offsets) for handler in listed.handlers),
    )


def _layout(listed: Listing, insertions: Insertions) -> tuple[list[int], list[int], dict[int, int]]:
    """The old offset of each instruction, the new one of what runs before it, the new width of each jump."""
    starts = listed.starts
    sizes = [end - start for start, end in pairwise(starts)]
    widths = {number: sizes[number] for number in listed.jumps}
    for number, fragment in insertions.instead.items():
        sizes[number] = len(fragment) // 2
    for fragments in (insertions.before, insertions.after):
        for number, fragment in fragments.items():
            sizes[number] += len(fragment) // 2
    while True:
        moved = list(accumulate(sizes, initial=0))
        if not _grown_jumps(listed, moved, sizes, widths):
            return starts, moved, widths


def _grown_jumps(listed: Listing, moved: list[int], sizes: list[int], widths: dict[int, int]) -> bool:
    """Makes room for the jumps whose distance has become too large for them."""
    grown = False
    for number, target in listed.jumps.items():
        distance = abs(moved[target] - moved[number + 1])
        if distance > 255:
            needed = (distance.bit_length() + 7) // 8 + CACHES[listed.opcodes[number]]
            if needed > widths[number]:
                sizes[number] += needed - widths[number]
                widths[number] = needed
                grown = True
    return grown


def _code(raw: bytes, listed: Listing, insertions: Insertions, moved: list[int], widths: dict[int, int]) -> bytes:
    before, instead, after = insertions.before, insertions.instead, insertions.after
    starts = listed.starts
    pieces: list[bytes] = []
    copied = 0
    for number in sorted({*before, *instead, *after, *widths}):
        start = 2 * starts[number]
        pieces += (raw[copied:start], before.get(number, b""))
        copied = 2 * starts[number + 1]
        if number in widths:
            distance = abs(moved[listed.jumps[number]] - moved[number + 1])
            pieces.append(instruction(listed.opcodes[number], distance, widths[number]))
        else:
            pieces += (instead.get(number) or raw[start:copied], after.get(number, b""))
    pieces.append(raw[copied:])
    return b"".join(pieces)


def _packed(handler: Handler, new_offsets: dict[int, int]) -> bytes:
    start, end, target = (new_offsets[offset] for offset in handler[:3])
    depth = handler.depth << 1 | handler.pushes_offset
    first, *others = (_digits(value) for value in (start, end - start, target, depth))
    return bytes((first[0] | 128,)) + first[1:] + b"".join(others)


def _digits(value: int) -> bytes:
    digits = [value & 63]
    while value := value >> 6:
        digits.append(value & 63 | 64)
    return bytes(reversed(digits))


_PAYLOADS = {**dict.fromkeys(range(10), 1), 10: 2, 11: 2, 12: 2, 15: 0}  # kinds 13 and 14 vary


def _stretch_positions(table: bytes, boundary: Callable[[int], int]) -> bytes:
    """The table of source positions, for code whose instructions have moved."""
    stretched = bytearray()
    offset = written = index = 0
    while index < len(table):
        head = table[index]
        kind = head >> 3 & 15
        payload = index + 1
        index = payload + _PAYLOADS[kind] if kind in _PAYLOADS else _end_of_numbers(table, payload)
        offset += (head & 7) + 1
        length = boundary(offset) - written
        written += length
        if 0 < length <= 8:
            stretched.append(head & 0xF8 | length - 1)
            stretched += table[payload:index]
        elif length:  # 0 is the second half of an entry that its first half has already covered
            _append_long(stretched, kind, table[payload:index], length)
    return bytes(stretched)


def _end_of_numbers(table: bytes, index: int) -> int:
    while index < len(table) and table[index] < 128:
        index += 1
    return index


def _append_long(stretched: bytearray, kind: int, payload: bytes, length: int) -> None:
    """Appends an entry in pieces of eight code units: the later ones say `the same line, the same columns`."""
    stretched.append(128 | kind << 3 | 7)
    stretched += payload
    again, payload = _same_line(kind, payload)
    while (length := length - 8) > 0:
        stretched.append(128 | again << 3 | min(length, 8) - 1)
        stretched += payload


def _same_line(kind: int, payload: bytes) -> tuple[int, bytes]:
    if 10 <= kind <= 12:  # the kind says by how many lines to advance
        return 10, payload
    if kind in (13, 14):  # the first number does
        first = next(index for index, byte in enumerate(payload) if not byte & 64)
        return kind, b"\0" + payload[first + 1 :]
    return kind, payload
