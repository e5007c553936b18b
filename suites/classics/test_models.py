"""The programs of `models.py`, whose numbers are known exactly: classes, outcomes, fewest preemptions.

`python -m suites.benchmarks.scoreboard` prints after how many executions each strategy finds each bug.
"""

from statistics import mean

import pytest

from pytest_conc import explore
from pytest_conc.exploration import failures
from pytest_conc.exploration.minimise import minimised
from suites.benchmarks.replays import PROGRAMS
from suites.classics import models, rewritten
from suites.classics.published import SURW

COUNTED = [name for name, expected in models.EXPECTED.items() if expected.classes and expected.classes <= 1024]
FAILING = [name for name, expected in models.EXPECTED.items() if expected.preemptions is not None]


def found_at(name, strategy, seed):
    exploration = explore(models.PROGRAMS[name], strategy=strategy, seed=seed)
    assert exploration.failure is not None, f"{name}, seed {seed}: {exploration}"
    return exploration.executions


@pytest.mark.parametrize("name", COUNTED)
def test_dpor_runs_each_interleaving_class_once_and_sees_all_outcomes(name):
    expected = models.EXPECTED[name]
    exploration = explore(models.PROGRAMS[name], strategy="dpor", executions=2000, keep_going=True)
    assert exploration.exhaustive
    assert exploration.executions == exploration.classes == expected.classes
    assert set(exploration.outcomes) == expected.outcomes


@pytest.mark.parametrize("name", [name for name in COUNTED if models.EXPECTED[name].classes <= 6])
def test_bounded_preemption_sees_the_same_classes(name):
    expected = models.EXPECTED[name]
    exploration = explore(models.PROGRAMS[name], strategy="bounded", executions=4000, keep_going=True)
    assert (exploration.exhaustive, exploration.classes) == (True, expected.classes)
    assert set(exploration.outcomes) == expected.outcomes


@pytest.mark.parametrize("name", [name for name in FAILING if name not in ("reorder_5", "reorder_10")])
def test_bounded_preemption_finds_a_failure_with_the_fewest_preemptions(name):
    failure = explore(models.PROGRAMS[name], strategy="bounded").failure
    assert failure.preemptions == models.EXPECTED[name].preemptions


@pytest.mark.parametrize("name", FAILING)
def test_auto_finds_the_bug_soon(name):
    assert max(found_at(name, "auto", seed) for seed in range(3)) <= (1000 if name == "reorder_10" else 100)


@pytest.mark.parametrize("name", FAILING)
def test_the_minimised_failure_has_the_fewest_preemptions(name):
    failures = [explore(models.PROGRAMS[name], seed=seed).failure for seed in range(3)]
    assert {failure.preemptions for failure in failures} == {models.EXPECTED[name].preemptions}


@pytest.mark.parametrize("name", SURW)
def test_surw_needs_at_most_twice_as_many_executions_as_published(name):
    assert mean(found_at(name, "surw", seed) for seed in range(10)) <= 2 * SURW[name]


def test_a_bound_on_preemptions_is_no_proof():
    exploration = explore(models.PROGRAMS["stringbuffer"], strategy="dpor", max_preemptions=1, keep_going=True)
    assert exploration.ended_by == "exhausted"
    assert not exploration.exhaustive


@pytest.mark.parametrize("strategy", ["dpor", "bounded"])
@pytest.mark.parametrize("name", ["carter01", "twostage"])
def test_a_systematic_search_finds_what_its_bound_allows(name, strategy):
    buggy, fixed = rewritten.PROGRAMS[name]
    assert explore(buggy, strategy=strategy, max_preemptions=1).failure is not None
    assert explore(fixed, strategy=strategy, max_preemptions=1).ended_by == "exhausted"


def test_auto_within_a_bound_goes_on_to_the_end_of_its_budget():
    exploration = explore(models.PROGRAMS["readers_2"], max_preemptions=1, executions=200)
    assert (exploration.executions, exploration.ended_by, exploration.exhaustive) == (200, "executions", False)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_failure_is_small_after_less_than_a_hundred_replays(name, monkeypatch):
    replays = []

    def counted(schedule, attempt):
        return minimised(schedule, lambda candidate: replays.append(candidate) or attempt(candidate))

    monkeypatch.setattr(failures, "minimised", counted)
    explore(PROGRAMS[name])
    assert 0 < len(replays) < 100
