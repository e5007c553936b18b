"""Where real runs sleep: near misses make plans, plans grow and decay, what was learned reaches explorations."""

from types import SimpleNamespace

import pytest

from pytest_conc.instrument.locations import Location
from pytest_conc.instrument.site import Site
from pytest_conc.strategies.profile import MORE, Profile
from pytest_conc.stressed import SWITCH_INTERVAL
from pytest_conc.stressing import near_misses
from pytest_conc.stressing.near_misses import FLOOR, LONGEST, SHORTEST, NearMisses, Plan, key_of
from suites.benchmarks.repeated import session
from suites.classics import repeated

WRITE, READ = True, False


class Clock:
    """Time that goes on only when somebody sleeps or `passes`; `meanwhile` runs during the next sleep."""

    def __init__(self, monkeypatch):
        self.now = 100.0
        self.slept = []
        self.meanwhile = lambda: None
        monkeypatch.setattr(near_misses, "monotonic", lambda: self.now)
        monkeypatch.setattr(near_misses, "sleep", self.sleep)

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds / 2
        self.meanwhile()
        self.now += seconds / 2

    def passes(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def member(company=True):
    return SimpleNamespace(pause=None, execution=SimpleNamespace(has_company=lambda _: company))


def site(name):
    return Site("work", "file.py", 3, name, {})


ONE, OTHER = member(), member()
FIRST, SECOND = site("first"), site("second")
THING = Location(1, "Counter", "value", None)


def met(clock, gap, kinds=(WRITE, READ), known=()):
    """A policy that has seen one thread at FIRST, and after that gap the other one at SECOND."""
    policy = NearMisses(1, dict(known))
    policy.begin(1)
    policy.before(ONE, kinds[0], THING, FIRST)
    clock.passes(gap)
    policy.before(OTHER, kinds[1], THING, SECOND)
    return policy


def sleeps_in(policy, clock, runs, who=ONE, where=FIRST):
    """How often so many further runs sleep at a place."""
    before = len(clock.slept)
    for number in range(2, 2 + runs):
        policy.begin(number)
        policy.before(who, WRITE, object(), where)
    return len(clock.slept) - before


@pytest.mark.parametrize("kinds", [(WRITE, READ), (READ, WRITE), (WRITE, WRITE)])
def test_the_one_that_came_first_sleeps_next_time_for_about_as_long_as_the_gap_was(clock, kinds):
    policy = met(clock, 0.002, kinds)
    assert sleeps_in(policy, clock, 20) > 0
    assert clock.slept[0] == pytest.approx(0.003)
    assert sleeps_in(policy, clock, 20, where=SECOND) == 0


def test_two_reads_are_no_near_miss(clock):
    assert sleeps_in(met(clock, 0.002, (READ, READ)), clock, 20) == 0


def test_what_is_far_apart_is_no_near_miss(clock):
    assert sleeps_in(met(clock, 0.2), clock, 20) == 0


def test_one_thread_alone_is_no_near_miss(clock):
    policy = NearMisses(1, {})
    policy.begin(1)
    policy.before(ONE, WRITE, THING, FIRST)
    policy.before(ONE, WRITE, THING, SECOND)
    assert sleeps_in(policy, clock, 20) == 0


def test_nobody_sleeps_without_company(clock):
    assert sleeps_in(met(clock, 0.002), clock, 20, who=member(company=False)) == 0


@pytest.mark.parametrize(("gap", "length"), [(1e-9, SHORTEST), (0.09, LONGEST)])
def test_sleeps_are_neither_too_short_nor_too_long(clock, gap, length):
    sleeps_in(met(clock, gap), clock, 20)
    assert clock.slept[0] == pytest.approx(length)
    assert all(SHORTEST <= seconds <= LONGEST * 1.001 for seconds in clock.slept)


def test_each_sleep_in_vain_halves_the_chance_down_to_a_floor(clock):
    plan, chances = Plan(), []
    for _ in range(6):
        plan.learn(fruitful=False, blocked=False)
        chances.append(plan.chance)
    assert chances == [1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 16, 1 / 16] and FLOOR == 1 / 16


def test_after_each_sleep_in_vain_the_next_may_be_twice_as_long_up_to_a_limit():
    plan = Plan()
    plan.meet(0.002)
    assert plan.longest == pytest.approx(0.003)
    lengths = []
    for _ in range(4):
        plan.learn(fruitful=False, blocked=False)
        lengths.append(plan.longest)
    assert lengths == pytest.approx([0.006, 0.012, LONGEST, LONGEST])
    assert plan.shortest == pytest.approx(0.003)


@pytest.mark.parametrize(("fruitful", "blocked"), [(True, False), (False, True)])
def test_other_sleeps_leave_the_lengths_as_they_are(fruitful, blocked):
    plan = Plan()
    plan.meet(0.002)
    plan.learn(fruitful, blocked)
    assert (plan.shortest, plan.longest) == pytest.approx((0.003, 0.003))


def test_where_somebody_waits_for_the_sleeper_the_order_is_enforced_and_sleeping_ends(clock):
    plan, chances = Plan(), []
    for _ in range(5):
        plan.learn(fruitful=False, blocked=True)
        chances.append(plan.chance)
    assert chances == [1 / 4, 1 / 16, 1 / 64, 0, 0]


@pytest.mark.parametrize(
    ("chance", "has_failed", "then"),
    [(1.0, True, 1.0), (1 / 16, True, 1.0), (1.0, False, 1 / 2), (1 / 2, False, 1 / 4), (1 / 16, False, 1 / 4)],
)
def test_after_a_conflicting_access_meanwhile_it_counts_whether_the_run_has_failed(clock, chance, has_failed, then):
    policy = met(clock, 0.002)
    plan = policy._plans[FIRST]
    plan.chance = chance
    plan.is_active = True
    clock.meanwhile = lambda: policy.before(OTHER, READ, THING, SECOND)
    policy.before(ONE, WRITE, THING, FIRST)
    policy.end(has_failed)
    assert plan.chance == then


def test_what_a_run_comes_to_counts_where_somebody_came_in_that_run_only(clock):
    policy = met(clock, 0.002)
    plan = policy._plans[FIRST]
    plan.is_active = True
    clock.meanwhile = lambda: policy.before(OTHER, READ, THING, SECOND)
    policy.before(ONE, WRITE, THING, FIRST)
    policy.end(True)
    policy.begin(2)
    policy.end(False)
    assert plan.chance == 1.0


def test_what_was_learned_begins_the_next_session(clock):
    learned = met(clock, 0.002).learned()
    assert list(learned) == [key_of(FIRST)]
    again = NearMisses(1, learned)
    assert sleeps_in(again, clock, 20) > 0


def test_a_run_sleeps_no_longer_than_its_budget(clock):
    policy = met(clock, 0.09)
    policy.begin(2)
    for number in range(100):
        place = site(str(number))
        policy._plans[place] = Plan(1.0, LONGEST, LONGEST)
        policy.before(ONE, WRITE, THING, place)
    assert sum(clock.slept) <= near_misses.SECONDS_A_RUN + LONGEST


def test_explorations_draw_what_threads_nearly_met_at_more_often(clock):
    favourites = met(clock, 0.002).favourites()
    assert favourites == {("Counter", "value")}
    trace = [
        (SimpleNamespace(path=path), "write", Location(1, "Counter", name, None))
        for path in (1, 2)
        for name in ("value", "other")
    ]
    profile = Profile(favourites)
    profile.learn(trace)
    assert dict(zip(profile.shared, profile.totals, strict=True)) == {
        (1, "Counter", "value"): 2 * MORE,
        (1, "Counter", "other"): 2,
    }


def test_who_was_notified_is_overtaken_before_it_has_the_lock_again():
    """Whoever notifies goes on while those who wait have not run yet: that is company, and worth a sleep."""
    failed = session(repeated.condition_if_buggy, NearMisses(1, {}), 300, SWITCH_INTERVAL)
    assert sum(failed) >= 10, sum(failed)  # 13 % of the runs; 1 % if who was notified counts as blocked
