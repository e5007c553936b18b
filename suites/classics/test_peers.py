"""The programs of `peers.py`: each bug is found in its own way, and no fault is found in the mended form.

`python -m suites.benchmarks.peers_found` prints after how many executions, over twenty seeds.
"""

import pytest

from pytest_conc import explore
from suites.classics import peers

NAMES = sorted(peers.PROGRAMS)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", NAMES)
def test_the_bug_is_found(name, seed):
    exploration = explore(peers.PROGRAMS[name][0], executions=100, seed=seed)
    assert exploration.failure is not None, exploration
    assert type(exploration.failure.error).__name__ in peers.HOW[name]


@pytest.mark.parametrize("name", NAMES)
def test_the_mended_form_passes(name):
    exploration = explore(peers.PROGRAMS[name][1], executions=300, seed=0)
    exploration.raise_if_failed()
    assert set(exploration.outcomes) == {None}
