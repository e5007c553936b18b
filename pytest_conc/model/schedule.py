"""Schedules as plain data, and the short tokens they are written as.

A schedule is a tuple of segments (task number, how many operations): tasks are numbered in the order in
which they were started, the main task is 0. It is exact, and made for one process: an operation more or less, and it
does not fit. A token outlives edits, since it only says at which operations tasks are switched (`Switch`), and names
these by fingerprints; a schedule is in a token only where these do not do.

A token is the text `c2.` plus base64 of a check number for the name of the program, the settings that the schedule
depends on, and the switches, all as variable-length integers: short enough to paste, and refused for another program,
for another version, and when a character is missing.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final, NamedTuple

from pytest_conc.model.settings import WrongUse

Schedule = tuple[tuple[int, int], ...]

PREFIX: Final = "c2."
OLD_PREFIX: Final = "c1."
ANY_TIME, GIL, SEEDED, EXACT = 1, 2, 4, 8
FINGERPRINTS: Final = 1 << 20
"""How many fingerprints there are: with one that names its first or second operation, a number of three bytes."""


class Switch(NamedTuple):
    """The task with number `left` is left before its n-th operation with this fingerprint; `chosen` goes on."""

    left: int
    fingerprint: int
    nth: int
    chosen: int


class Recipe(NamedTuple):
    """All that is needed to run one execution again.

    `seed` is the one that random numbers were drawn with, None if the program drew none. Where there is a
    `schedule`, it counts, not the switches.
    """

    switches: tuple[Switch, ...] = ()
    timing: str = "virtual"
    preemption: str = "any"
    seed: int | None = None
    schedule: Schedule | None = None


def schedule_of(tasks: Iterable[int]) -> Schedule:
    """The schedule that performs one operation of each given task in this order."""
    return tuple((task, sum(1 for _ in group)) for task, group in groupby(tasks))


def token_of(recipe: Recipe, name: str) -> str:
    """The recipe as a token for the program of that name."""
    body = bytes(_varints(_numbers(recipe)))
    check = _check(name).to_bytes(2, "big") + (zlib.crc32(body) & 0xFF).to_bytes(1, "big")
    return PREFIX + base64.urlsafe_b64encode(check + body).decode().rstrip("=")


def _numbers(recipe: Recipe) -> Iterator[int]:
    is_exact, seed = recipe.schedule is not None, recipe.seed
    flags = ANY_TIME * (recipe.timing == "any") | GIL * (recipe.preemption == "gil")
    yield flags | SEEDED * (seed is not None) | EXACT * is_exact
    if seed is not None:
        yield seed * 2 if seed >= 0 else -seed * 2 - 1
    for segment in recipe.schedule or ():
        yield from segment
    for switch in () if is_exact else recipe.switches:
        yield from (switch.left, switch.chosen, switch.fingerprint + FINGERPRINTS * (switch.nth - 1))


def read_token(token: object, name: str) -> Recipe:
    """The recipe of a token. Raises WrongUse if it is malformed or names another program."""
    recipe, check = _decode(token)
    if check != _check(name):
        raise WrongUse(
            f"the token {token!r} belongs to another test than {name}; a token replays only the test "
            "with whose failure it was printed: copy both from the last line of that failure"
        )
    return recipe


def _recipe(numbers: list[int]) -> Recipe:
    """Raises IndexError or ValueError if these are not the numbers of a token."""
    flags = numbers.pop(0)
    seed = numbers.pop(0) if flags & SEEDED else None
    size = 2 if flags & EXACT else 3
    groups = list(zip(*(numbers[start::size] for start in range(size)), strict=True))
    return Recipe(
        () if flags & EXACT else tuple(_switch(*group) for group in groups),
        "any" if flags & ANY_TIME else "virtual",
        "gil" if flags & GIL else "any",
        None if seed is None else (seed >> 1) ^ -(seed & 1),
        tuple(groups) if flags & EXACT else None,
    )


def _switch(left: int, chosen: int, operation: int) -> Switch:
    return Switch(left, operation % FINGERPRINTS, operation // FINGERPRINTS + 1, chosen)


def check_token(token: object) -> None:
    """Raises WrongUse if this cannot be a token of any program."""
    _decode(token)


def _decode(token: object) -> tuple[Recipe, int]:
    text = token if isinstance(token, str) else ""
    try:
        if not text.startswith(PREFIX):
            raise ValueError
        data = text[len(PREFIX) :]
        raw = base64.b64decode(data + "=" * (-len(data) % 4), altchars=b"-_", validate=True)
        body = raw[3:]
        if raw[2] != zlib.crc32(body) & 0xFF:
            raise ValueError
        return _recipe(list(_integers(body))), int.from_bytes(raw[:2], "big")
    except (ValueError, IndexError, binascii.Error):
        raise WrongUse(_malformed(text or token)) from None


def _malformed(token: object) -> str:
    if isinstance(token, str) and token.startswith(OLD_PREFIX):
        return (
            f"{token!r} is no replay token of this version: those of earlier ones, which begin with {OLD_PREFIX}, only "
            f"fit the code as it was; run the test without --conc-replay and copy the token that it prints ({PREFIX}…)"
        )
    return (
        f"{token!r} is no replay token: one looks like {PREFIX}AbCd…; copy it whole from the last "
        "line of a failure, after --conc-replay"
    )


def _check(name: str) -> int:
    return zlib.crc32(name.encode()) & 0xFFFF


def _varints(numbers: Iterable[int]) -> Iterator[int]:
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
