"""Schedules as plain data, and the short tokens they are written as.

A schedule is a tuple of segments (task number, how many operations): tasks are numbered in the order in
which they were started, the main task is 0. A token is the text `c1.` plus base64 of a check number for the
name of the program and the segments as variable-length integers: short enough to paste, and refused for
another program, for another version, and when a character is missing.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from pytest_conc.model.settings import WrongUse

Schedule = tuple[tuple[int, int], ...]

PREFIX = "c1."


def schedule_of(tasks: Iterable[int]) -> Schedule:
    """The schedule that performs one operation of each given task in this order."""
    return tuple((task, sum(1 for _ in group)) for task, group in groupby(tasks))


def token_of(schedule: Schedule, name: str, flags: int = 0) -> str:
    """The schedule as a token for the program of that name; `flags` is a small number kept with it."""
    numbers = [flags, *(number for segment in schedule for number in segment)]
    body = bytes(_varints(numbers))
    check = _check(name).to_bytes(2, "big") + (zlib.crc32(body) & 0xFF).to_bytes(1, "big")
    return PREFIX + base64.urlsafe_b64encode(check + body).decode().rstrip("=")


def read_token(token: object, name: str) -> tuple[Schedule, int]:
    """The schedule and the flags of a token. Raises WrongUse if it is malformed or names another program."""
    numbers, check = _decode(token)
    if check != _check(name):
        raise WrongUse(
            f"the token {token!r} belongs to another test than {name}; a token replays only the test "
            "with whose failure it was printed: copy both from the last line of that failure"
        )
    segments = numbers[1:]
    return tuple(zip(segments[::2], segments[1::2], strict=True)), numbers[0]


def check_token(token: object) -> None:
    """Raises WrongUse if this cannot be a token of any program."""
    _decode(token)


def _decode(token: object) -> tuple[list[int], int]:
    text = token if isinstance(token, str) else ""
    try:
        if not text.startswith(PREFIX):
            raise ValueError
        data = text[len(PREFIX) :]
        raw = base64.b64decode(data + "=" * (-len(data) % 4), altchars=b"-_", validate=True)
        body = raw[3:]
        numbers = list(_integers(body))
        if len(raw) < 4 or raw[2] != zlib.crc32(body) & 0xFF or len(numbers) % 2 == 0:
            raise ValueError
    except (ValueError, binascii.Error):
        raise WrongUse(
            f"{token!r} is no replay token: one looks like {PREFIX}AbCd…; copy it whole from the last "
            "line of a failure, after --conc-replay"
        ) from None
    return numbers, int.from_bytes(raw[:2], "big")


def _check(name: str) -> int:
    return zlib.crc32(name.encode()) & 0xFFFF


def _varints(numbers: Sequence[int]) -> Iterator[int]:
    for number in numbers:
        while number > 0x7F:
            yield number & 0x7F | 0x80
            number >>= 7
        yield number


def _integers(data: bytes) -> Iterator[int]:
    number = shift = 0
    for byte in data:
        number |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            yield number
            number = shift = 0
    if shift:
        raise ValueError("the last number is not complete")
