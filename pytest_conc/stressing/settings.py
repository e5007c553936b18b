"""The options of a stress test, checked once, where they enter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final, NamedTuple

from pytest_conc.model.settings import WrongUse, check_choice, check_number, exceptions, unknown_name

DELAYS: Final = ("learned", "random", "off")


class Told(NamedTuple):
    """What a run tells its children: where the project is, what of it is watched, whether and how to delay."""

    root: str
    targets: tuple[str, ...]
    delays: bool
    seed: int


@dataclass(frozen=True, slots=True)
class StressSettings:
    """Options of `stress`; their meaning is in docs/reference/options.md. Times are in seconds."""

    runs: int = 100
    seconds: float | None = None
    seed: int = 0
    delays: str = "learned"
    keep_going: bool = True
    finds: tuple[type[BaseException], ...] = ()
    hang_after: float = 10.0
    gevent: bool = False

    def __post_init__(self) -> None:
        check_choice("delays", self.delays, DELAYS)
        check_number("runs", self.runs, at_least=1, whole=True)
        check_number("seed", self.seed, whole=True)
        check_number("hang_after", self.hang_after, at_least=0)
        if self.seconds is not None:
            check_number("seconds", self.seconds, at_least=0)
            if self.seconds == 0:
                raise WrongUse("seconds=0 leaves no time for any run; leave it out for no bound")
        for name in ("keep_going", "gevent"):
            if not isinstance(getattr(self, name), bool):
                raise WrongUse(f"{name}={getattr(self, name)!r} is neither True nor False")

    def with_options(self, options: Mapping[str, Any]) -> StressSettings:
        """These settings with some replaced. Raises WrongUse for an unknown name or value, with the nearest name."""
        for name in options:
            if name not in NAMES:
                raise WrongUse(unknown_name(name, NAMES, "option of stress"))
        changed = dict(options)
        if "finds" in changed:
            changed["finds"] = exceptions(changed["finds"])
        return replace(self, **changed)


NAMES: tuple[str, ...] = tuple(field.name for field in fields(StressSettings))
