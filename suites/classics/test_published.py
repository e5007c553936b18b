"""The programs rewritten from published suites: each bug is found in its own way, and no fault in the mended form.

`python -m suites.benchmarks.scoreboard` prints after how many executions, for every strategy.
"""

import pytest

from pytest_conc import explore
from suites.classics.rewritten import HOW, NOT_FOUND, PROGRAMS, SUITES

NAMES = sorted(PROGRAMS)
FOUND = sorted(PROGRAMS.keys() - NOT_FOUND)
REPEATED = {"kubernetes_10182"}  # puts into a queue that is full where the plan has them


def how(exploration):
    return exploration.failure and type(exploration.failure.error).__name__


def test_every_program_has_a_name_of_its_own_and_says_how_it_fails():
    assert len(PROGRAMS) == sum(len(suite.PROGRAMS) for suite in SUITES)
    assert HOW.keys() == PROGRAMS.keys()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", FOUND)
def test_the_bug_is_found(name, seed):
    assert how(explore(PROGRAMS[name].buggy, seed=seed)) in HOW[name]


@pytest.mark.parametrize("name", NAMES)
def test_the_mended_form_passes(name):
    exploration = explore(PROGRAMS[name].fixed, executions=200, seed=0)
    exploration.raise_if_failed()
    assert set(exploration.outcomes) == {None}


@pytest.mark.parametrize("name", FOUND)
def test_dpor_goes_through_all_interleavings_of_the_bug(name):
    exploration = explore(PROGRAMS[name].buggy, strategy="dpor", keep_going=True)
    assert exploration.exhaustive, exploration
    assert how(exploration) in HOW[name]
    assert {str(outcome) for outcome in exploration.outcomes} <= {"None", *HOW[name]}


@pytest.mark.parametrize("name", NAMES)
def test_dpor_proves_the_mended_form(name):
    exploration = explore(PROGRAMS[name].fixed, strategy="dpor")
    exploration.raise_if_failed()
    assert exploration.exhaustive, exploration


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.xfail(reason="runs some classes twice")) if name in REPEATED else name
        for name in NAMES
    ],
)
def test_dpor_runs_each_interleaving_class_of_the_mended_form_once(name):
    exploration = explore(PROGRAMS[name].fixed, strategy="dpor", keep_going=True)
    assert exploration.executions == exploration.classes
