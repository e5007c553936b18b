"""Schedules as plain data, and the short tokens they are written as.

A schedule is a tuple of segments (task number, how many operations): tasks are numbered in the order in
which they were started, the main task is 0. A token is the text `c1.` plus base64 of a check number for the
name of the program, the settings that the schedule depends on, and the segments, all as variable-length integers: short
enough to paste, and refused for another program, for another version, and when a character is missing.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from pytest_conc.model.settings import WrongUse

Schedule = tuple[tuple[int, int], ...]

PREFIX = "c1."
ANY_TIME, GIL, SEEDED = 1, 2, 4


class Recipe(NamedTuple):
    """All that is needed to run one execution again.

    `seed` is the one that random numbers were drawn with, None if the program drew none.
    """

    schedule: Schedule
    timing: str = "virtual"
    preemption: str = "any"
    seed: int | None = None


def schedule_of(tasks: Iterable[int]) -> Schedule:
    """The schedule that performs one operation of each given task in this order."""
    return tuple((task, sum(1 for _ in group)) for task, group in groupby(tasks))


def token_of(recipe: Recipe, name: str) -> str:
    """The recipe as a token for the program of that name."""
    flags = (
        ANY_TIME * (recipe.timing == "any") | GIL * (recipe.preemption == "gil") | SEEDED * (recipe.seed is not None)
    )
    seed = [] if recipe.seed is None else [recipe.seed * 2 if recipe.seed >= 0 else -recipe.seed * 2 - 1]
    numbers = [flags, *seed, *(number for segment in recipe.schedule for number in segment)]
    body = bytes(_varints(numbers))
    check = _check(name).to_bytes(2, "big") + (zlib.crc32(body) & 0xFF).to_bytes(1, "big")
    return PREFIX + base64.urlsafe_b64encode(check + body).decode().rstrip("=")


def read_token(token: object, name: str) -> Recipe:
    """The recipe of a token. Raises WrongUse if it is malformed or names another program."""
    numbers, check = _decode(token)
    if check != _check(name):
        raise WrongUse(
            f"the token {token!r} belongs to another test than {name}; a token replays only the test "
            "with whose failure it was printed: copy both from the last line of that failure"
        )
    flags, *segments = numbers
    seed = segments.pop(0) if flags & SEEDED else None
    return Recipe(
        tuple(zip(segments[::2], segments[1::2], strict=True)),
        "any" if flags & ANY_TIME else "virtual",
        "gil" if flags & GIL else "any",
        None if seed is None else (seed >> 1) ^ -(seed & 1),
    )


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
        if len(raw) < 4 or raw[2] != zlib.crc32(body) & 0xFF or len(numbers) % 2 == bool(numbers[0] & SEEDED):
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
