"""Sleeps where two threads nearly met: `delays="learned"`.

Idea. Random sleeps mostly hit places that do not matter. Two threads that touch the same object shortly after one
another, one of them changing it, are a *near miss*: had the first one been a little later, the order would have been
the other one. So remember the last few accesses to each object, and when a near miss is seen, sleep next time before
the access that came first, for about as long as the gap was. A sleep in vain halves the chance of further ones at that
place, down to a floor, so that the effort goes where it bears fruit; but the next ones may be twice as long, as on a
busy machine the other thread may just not have got the processor in time. A thread that has to wait for the one who
sleeps shows that the order is enforced (by a lock, say), and then sleeping there is pointless. Where somebody comes
meanwhile, the order is another one; whether that matters is seen when the run is over: it fails, and the chance is as
high as can be, or it passes, and other places get their turn. Each run follows half of the plans: with all of them,
threads that sleep one after the other would just be late in the same order.

Sources: Li, Lu, Musuvathi, Nath, Padhye, "Efficient scalable thread-safety-violation detection" (TSVD), SOSP 2019:
near misses, decay, the inference from blocking. Stoica, Lu, Musuvathi, Nath, "WAFFLE: exposing memory ordering bugs
efficiently with active delay injection", EuroSys 2023: sleep before the first of the two only, for as long as the gap.

Who only asks whether a file is there is not seen, so a change of a file is delayed without a near miss, too.

No guarantee: what never comes near is never delayed. Cost: about 1 µs an access. What is uncertain: a gap contains
the sleeps of both threads, so the shortest and the longest one seen are kept, and a length between them is drawn.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from random import Random
from typing import Any, Final

from pytest_conc.controlled.originals import monotonic, sleep
from pytest_conc.execution.recorder import is_library
from pytest_conc.instrument.locations import Location
from pytest_conc.instrument.site import Site
from pytest_conc.stressing.delays import sleep_at_point
from pytest_conc.stressing.member import Member, Pause
from pytest_conc.stressing.stacks import line_of

WINDOW: Final = 0.1  # seconds: further apart is no near miss
SHORTEST: Final = 0.00005
LONGEST: Final = 0.02
REMEMBERED: Final = 4
SECONDS_A_RUN: Final = 0.05  # that all threads together may sleep
SLEEPS_A_SITE: Final = 6  # in one run, each with half the chance of the one before
FLOOR: Final = 1 / 16
MOST: Final = 1 / 2  # of all runs: a sleep in one place may hide what one in another place would show
FLOOR_OF_FRUITFUL: Final = 1 / 4  # where somebody has come once
KEPT: Final = 40
MORE_THAN_THE_GAP: Final = 1.5
UNSEEN: Final = 0.004  # seconds: who only asks whether a file is there is not seen, but may be as near as that

Learned = dict[str, tuple[float, float, float]]


class Plan:
    """What is known about sleeping at one place: how likely, and between which lengths (in seconds)."""

    __slots__ = ("chance", "floor", "has_slept", "is_active", "longest", "resource", "shortest", "slept")

    def __init__(self, chance: float = 1.0, shortest: float = LONGEST, longest: float = SHORTEST) -> None:
        self.chance = chance
        self.floor = FLOOR
        self.is_active = True
        self.shortest = shortest
        self.longest = longest
        self.slept = 0
        self.has_slept = False
        self.resource: Any = None

    def meet(self, gap: float) -> None:
        """A near miss with that gap was seen."""
        length = min(max(gap * MORE_THAN_THE_GAP, SHORTEST), LONGEST)
        self.shortest = min(self.shortest, length)
        self.longest = max(self.longest, length)

    def length(self, random: Random) -> float:
        """How long to sleep."""
        return float(self.shortest * (self.longest / self.shortest) ** random.random())

    def learn(self, fruitful: bool, blocked: bool) -> None:
        """What came of a sleep: nobody came, somebody came, somebody had to wait for the one who slept."""
        if fruitful:
            self.floor = FLOOR_OF_FRUITFUL
            self.chance = max(self.chance, self.floor)
        elif blocked:
            self.chance = 0.0 if self.chance <= FLOOR / 4 else self.chance / 4
        else:
            self._halve()
            self.longest = min(self.longest * 2, LONGEST)

    def judge(self, has_failed: bool) -> None:
        """A run is over in which a sleep here was fruitful: what comes of that order?"""
        if has_failed:
            self.chance = 1.0
        else:
            self._halve()

    def _halve(self) -> None:
        self.chance = max(self.chance / 2, min(self.chance, self.floor))


class NearMisses:
    """The policy. `known` are the plans of earlier sessions by the key of their place; `learned()` gives them back."""

    watches = True

    def __init__(self, seed: int, known: Mapping[str, tuple[float, float, float]]) -> None:
        self._seed = seed
        self._known = dict(known)
        self._plans: dict[Site, Plan | None] = {}
        self._seen: dict[Any, deque[tuple[Member, bool, Site, float]]] = {}
        self._random = Random(seed)
        self._budget = SECONDS_A_RUN
        self._fruitful: set[Plan] = set()

    def begin(self, number: int) -> None:
        """What was seen of objects is forgotten, what was learned of places is kept."""
        self._random = Random(f"{self._seed}:{number}")
        self._seen = {}
        self._budget = SECONDS_A_RUN
        for plan in self._plans.values():
            if plan is not None:
                plan.slept = 0
                plan.is_active = self._random.random() < min(plan.chance, MOST)

    def end(self, has_failed: bool) -> None:
        """Who came while somebody slept has made a difference, or none."""
        while self._fruitful:
            self._fruitful.pop().judge(has_failed)

    def before(self, member: Member, writes: bool, resource: Any, site: Site) -> None:
        """Sleeps if the place is worth it, then looks who was here shortly before."""
        plan = self._plans.get(site) if site in self._plans else self._first(site, writes, resource)
        if plan is not None and plan.is_active and plan.slept < SLEEPS_A_SITE and self._budget > 0:
            self._perhaps_sleep(member, plan, writes, resource)
        self._look(member, writes, resource, site)

    def at_point(self, label: str) -> None:
        """A place that somebody has marked needs no near miss."""
        sleep_at_point(self._random)

    def _first(self, site: Site, writes: bool, resource: Any) -> Plan | None:
        """The plan of a place that was not met before: that of an earlier session, a guess, or none yet."""
        values = self._known.get(key_of(site))
        plan = None if values is None else Plan(*values)
        if plan is None and writes and isinstance(resource, str):
            plan = Plan()
            plan.meet(UNSEEN)
            plan.resource = resource
        self._plans[site] = plan
        return plan

    def _perhaps_sleep(self, member: Member, plan: Plan, writes: bool, resource: Any) -> None:
        often_enough = plan.slept and self._random.random() > 0.5**plan.slept
        if not often_enough and member.execution.has_company(member):
            self._sleep(member, plan, writes, resource)

    def _sleep(self, member: Member, plan: Plan, writes: bool, resource: Any) -> None:
        plan.slept += 1
        plan.has_slept = True
        seconds = plan.length(self._random)
        self._budget -= seconds
        member.pause = pause = Pause()
        began = monotonic()
        try:
            sleep(seconds)
        finally:
            member.pause = None
        seen = list(self._seen.get(resource, ()))
        came = any(who is not member and when > began and (writes or wrote) for who, wrote, _, when in seen)
        plan.learn(came, pause.blocks)
        if came:
            self._fruitful.add(plan)

    def _look(self, member: Member, writes: bool, resource: Any, site: Site) -> None:
        now = monotonic()
        seen = self._seen.get(resource)
        if seen is None:
            seen = self._seen.setdefault(resource, deque(maxlen=REMEMBERED))
        for who, wrote, where, when in list(seen):
            if who is not member and (writes or wrote) and now - when < WINDOW:
                plan = self._plans.get(where)
                if plan is None:
                    plan = self._plans[where] = Plan()
                plan.resource = plan.resource or resource
                plan.meet(now - when)
        seen.append((member, writes, site, now))

    def learned(self) -> Learned:
        """The plans worth keeping, the best first, by the key of their place: chance, shortest and longest sleep."""
        plans = [(site, plan) for site, plan in self._plans.items() if plan is not None and plan.chance]
        best = sorted(plans, key=lambda each: -each[1].chance)[:KEPT]
        return {key_of(site): (plan.chance, plan.shortest, plan.longest) for site, plan in best}

    def favourites(self) -> frozenset[tuple[str, Any]]:
        """What threads nearly met at, as pairs (name of the owner's type, name in the owner): see `Profile`."""
        found = (plan.resource for plan in self._plans.values() if plan is not None and plan.chance)
        return frozenset((each.owner_type, each.name) for each in found if isinstance(each, Location))

    def places(self) -> list[str]:
        """The lines at which threads have slept, as `file.py:12: self.value += 1`, those worth a sleep first."""
        found = [(plan.chance, site) for site, plan in self._plans.items() if plan is not None and plan.has_slept]
        best = sorted(found, key=lambda each: -each[0])
        return list(dict.fromkeys(line_of(at.filename, at.line) for _, at in best if not is_library(at.filename)))

    def at_files(self) -> bool:
        """Whether threads have slept at files, which explorations know nothing of."""
        slept = (plan.resource for plan in self._plans.values() if plan is not None and plan.has_slept)
        return any(isinstance(resource, str) for resource in slept)


def key_of(site: Site) -> str:
    """What identifies a place from one session to the next."""
    return f"{site.filename}:{site.code_name}:{site.line}:{site.name}"
