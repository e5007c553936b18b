"""Every way in which Python code shares state is seen: each small race is found within the default budget."""

import os
from collections import ChainMap, UserDict

import pytest

from pytest_conc import explore
from pytest_conc.exploration.verdict import verdict
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


LIBRARYS = {  # what the code of the library keeps, and how it is looked at
    "os.getenv": (os.environ, lambda: os.getenv("SMALL_RACES")),
    "os.environ.get": (os.environ, lambda: os.environ.get("SMALL_RACES")),
    "dict(os.environ)": (os.environ, lambda: dict(os.environ)["SMALL_RACES"]),
    "dict(UserDict)": (UserDict(), lambda: dict(LIBRARYS["dict(UserDict)"][0])["SMALL_RACES"]),
    "list(ChainMap)": (ChainMap({}), lambda: dict(list(LIBRARYS["list(ChainMap)"][0].items()))["SMALL_RACES"]),
}


@pytest.mark.parametrize("update", [False, True])
@pytest.mark.parametrize("name", list(LIBRARYS))
def test_what_the_library_keeps_is_seen(name, update):
    """Somebody who comes between two writes sees what was only meant for a moment."""
    kept, look = LIBRARYS[name]
    kept["SMALL_RACES"] = "a"

    def change():
        for value in "ba":
            if update:
                kept.update(SMALL_RACES=value)
            else:
                kept["SMALL_RACES"] = value

    seen = []

    def program():
        seen.clear()
        small_races.together(change, lambda: seen.append(look()))
        assert seen == ["a"]

    assert explore(program, strategy="dpor").failure is not None
    kept.pop("SMALL_RACES")


def test_what_was_not_seen_is_not_proved():
    exploration = explore(lambda: small_races.together(lambda: None, lambda: None))
    text = verdict(exploration)
    assert exploration.exhaustive and "no shared state was seen" in text
    assert "exhaustive" not in text and "proved" not in text
