"""Every way in which Python code shares state is seen: each small race is found within the default budget."""

import pytest

from pytest_conc import explore
from suites.classics import small_races


@pytest.mark.parametrize("name", list(small_races.PROGRAMS))
def test_the_race_is_found(name):
    exploration = explore(small_races.PROGRAMS[name], executions=1000, seed=0)
    assert exploration.failure is not None, exploration
    assert type(exploration.failure.error) is AssertionError


@pytest.mark.parametrize("name", [name for name, kind in small_races.KINDS.items() if kind == "atomicity"])
def test_a_race_of_atomicity_needs_a_preemption(name):
    failure = explore(small_races.PROGRAMS[name], executions=1000, seed=0).failure
    assert failure.preemptions >= 1


def test_there_are_all_the_programs():
    assert len(small_races.PROGRAMS) == 43
