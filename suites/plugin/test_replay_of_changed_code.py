"""A token outlives the code it was made for, and says so."""

import threading

import pytest

from pytest_conc import ReplayDiverged, explore, replay
from suites.classics import models


def changing(fails):
    """The same program name, with and without its bug."""

    def program():
        state = models.State(n=0)

        def add():
            if fails:
                state.n += 1

        models.together(add, add)
        assert state.n == 2 or not fails

    return program


def test_a_token_that_does_not_fit_the_program_any_more_says_so():
    token = explore(changing(True), seed=1).failure.token
    with pytest.raises(ReplayDiverged, match="explore it again"):
        replay(changing(False), token)


def test_a_failure_that_every_schedule_shows_replays_as_none_when_it_is_mended():
    broken = [True]

    def program():
        thread = threading.Thread(target=int)
        thread.start()
        thread.join()
        assert not broken

    token = explore(program).failure.token
    broken.clear()
    assert replay(program, token) is None
