"""The estimate of what is unseen follows the truth; `python -m suites.benchmarks.unseen` prints both."""

import pytest

from suites.benchmarks.unseen import PROGRAMS, measure

CLOSE = {100: 0.03, 1000: 0.01}


def check(rows):
    for row in rows:
        assert abs(row.estimate - row.true) <= CLOSE[row.executions], row


def test_the_unseen_mass_is_estimated_well():
    check(measure("readers_5", seeds=15, long=6000))


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_the_unseen_mass_is_estimated_well_over_200_seeds(name):
    check(measure(name, seeds=200, long=50_000))
