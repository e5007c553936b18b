"""Strategies by name: a new one is one file and one line here."""

from __future__ import annotations

from pytest_conc.model.settings import WrongUse, unknown_name
from pytest_conc.strategies.auto import Auto
from pytest_conc.strategies.bounded import Bounded
from pytest_conc.strategies.dpor import DPOR
from pytest_conc.strategies.foreign import Foreign
from pytest_conc.strategies.pct import PCT
from pytest_conc.strategies.plain import FirstInFirstOut, Reversed, RoundRobin
from pytest_conc.strategies.pos import POS
from pytest_conc.strategies.protocol import Factory, Strategy
from pytest_conc.strategies.random_walk import RandomWalk
from pytest_conc.strategies.surw import SURW
from pytest_conc.strategies.urw import URW

STRATEGIES: dict[str, Factory] = {
    "auto": Auto,
    "random": RandomWalk,
    "pct": PCT,
    "pos": POS,
    "surw": SURW,
    "urw": URW,
    "dpor": DPOR,
    "bounded": lambda seed: Bounded(),
    "fifo": lambda seed: FirstInFirstOut(),
    "reversed": lambda seed: Reversed(),
    "round-robin": lambda seed: RoundRobin(),
}


def strategy_named(strategy: object, seed: int) -> Strategy:
    """The strategy of that name, or the Strategy object itself. Raises WrongUse for anything else."""
    if isinstance(strategy, str):
        if strategy not in STRATEGIES:
            raise WrongUse(unknown_name(strategy, tuple(STRATEGIES), "strategy"))
        return STRATEGIES[strategy](seed)
    if callable(getattr(strategy, "choose", None)) and callable(getattr(strategy, "begin", None)):
        return Foreign(strategy)  # type: ignore[arg-type]
    raise WrongUse(f"strategy={strategy!r} is neither a name ({', '.join(STRATEGIES)}) nor has it begin() and choose()")
