"""The options of an exploration, checked once, where they enter."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

CHOICES: Mapping[str, tuple[str, ...]] = {
    "host": ("greenlets", "threads"),
    "preemption": ("any", "gil"),
    "timing": ("virtual", "any"),
    "races": ("off", "note", "error"),
}


class WrongUse(ValueError):
    """An option or argument that cannot work; the message has the value, the cause and the remedy."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of `interleave` and `explore`; their meaning is in docs/reference/options.md."""

    strategy: Any = "auto"
    executions: int = 1000
    seconds: float | None = None
    seed: int = 0
    host: str = "greenlets"
    preemption: str = "any"
    timing: str = "virtual"
    max_preemptions: int | None = None
    max_steps: int = 20000
    hang_after: float = 10.0
    targets: tuple[str, ...] = ()
    finds: tuple[type[BaseException], ...] = ()
    keep_going: bool = False
    races: str = "note"

    def __post_init__(self) -> None:
        for name, allowed in CHOICES.items():
            check_choice(name, getattr(self, name), allowed)
        for name in ("executions", "max_steps"):
            check_number(name, getattr(self, name), at_least=1, whole=True)
        check_number("seed", self.seed, whole=True)
        check_number("hang_after", self.hang_after, at_least=0)
        if self.seconds is not None:
            check_number("seconds", self.seconds, at_least=0)
            if self.seconds == 0:
                raise WrongUse("seconds=0 leaves no time for any execution; leave it out for no bound")
        if self.max_preemptions is not None:
            check_number("max_preemptions", self.max_preemptions, at_least=0, whole=True)

    def with_options(self, options: Mapping[str, Any]) -> Settings:
        """These settings with some replaced. Raises WrongUse for an unknown name or value, with the nearest name."""
        for name in options:
            if name not in NAMES:
                raise WrongUse(unknown_name(name, NAMES, "option"))
        changed = dict(options)
        if "targets" in changed:
            changed["targets"] = _targets(changed["targets"])
        if "finds" in changed:
            changed["finds"] = exceptions(changed["finds"])
        if "keep_going" in changed and not isinstance(changed["keep_going"], bool):
            raise WrongUse(f"keep_going={changed['keep_going']!r} is neither True nor False")
        return replace(self, **changed)


NAMES: tuple[str, ...] = tuple(field.name for field in fields(Settings))


def unknown_name(name: str, known: tuple[str, ...], what: str) -> str:
    """The message for a name that does not exist, with the nearest one that does."""
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
    return f"there is no {what} {name!r}; {hint}"


def check_choice(name: str, value: object, allowed: tuple[str, ...]) -> None:
    """Raises WrongUse unless the value is one of those that are allowed."""
    if value not in allowed:
        near = difflib.get_close_matches(str(value), allowed, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise WrongUse(f"{name}={value!r} is not one of {', '.join(map(repr, allowed))}{hint}")


def check_number(name: str, value: object, at_least: float | None = None, whole: bool = False) -> None:
    """Raises WrongUse unless the value is a number, a whole one if need be, that is large enough."""
    kinds = (int,) if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or value != value:
        raise WrongUse(f"{name}={value!r} is not a {'whole ' if whole else ''}number")
    if at_least is not None and value < at_least:
        raise WrongUse(f"{name}={value!r} is too small; it must be at least {at_least}")


def _targets(value: object) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else value
    if not isinstance(names, (list, tuple, set, frozenset)) or not all(isinstance(name, str) for name in names):
        raise WrongUse(f"targets={value!r} is not a list of dotted module names such as ['package.module']")
    return tuple(names)


def exceptions(value: object) -> tuple[type[BaseException], ...]:
    """What `finds=` names, as a tuple. Raises WrongUse for what is no exception class."""
    classes = value if isinstance(value, tuple) else () if value is None else (value,)
    for each in classes:
        if not (isinstance(each, type) and issubclass(each, BaseException)):
            raise WrongUse(f"finds={each!r} is no exception class; write finds=AssertionError or finds=Deadlock")
    return classes
