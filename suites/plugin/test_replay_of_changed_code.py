"""A token outlives the code it was made for, and says so where it does not."""

import importlib.util
import re
import sys
import threading
from functools import partial
from itertools import count
from textwrap import indent

import pytest

from pytest_conc import ReplayDiverged, WrongUse, explore, replay
from pytest_conc.execution.fingerprints import Fingerprints
from suites.benchmarks.replays import PROGRAMS
from suites.classics import models

SHOP = """
import threading

class Shop:
    def __init__(self):
        self.stock = {"tea": 1}
        self.sold = 0
        self.visits = 0

    def sell(self, name):
        if self.stock.get(name, 0) > 0:
            self.stock[name] -= 1
            self.sold += 1

def program():
    shop = Shop()
    threads = [threading.Thread(target=shop.sell, args=("tea",)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert min(shop.stock.values()) >= 0
"""
SALE = """        if self.stock.get(name, 0) > 0:
            self.stock[name] -= 1
            self.sold += 1
"""
HARMLESS = {
    "comments and blank lines": '''
        # is there one?

        if self.stock.get(name, 0) > 0:  # yes
            """It is sold."""

            self.stock[name] -= 1  # now it is gone

            self.sold += 1
''',
    "another layout": """
        if (
            self.stock.get(
                name,
                0,
            )
            > 0
        ):
                (self.stock
                    [ name ]
                )-=1
                self.sold+=1
""",
    "a read and a write of something else": """
        self.visits += 1
        if self.stock.get(name, 0) > 0:
            seen = self.visits
            self.stock[name] -= 1
            self.sold += seen > 0
""",
    "a lock of something else": """
        with threading.Lock():
            self.visits += 1
        if self.stock.get(name, 0) > 0:
            with threading.RLock():
                self.visits += 1
            self.stock[name] -= 1
            self.sold += 1
""",
    "calls in a loop": """
        if self.stock.get(name, 0) > 0:
            numbers = [each for each in range(3)]
            while numbers:
                numbers.pop()
            self.stock[name] -= 1
            self.sold += 1
""",
}
REWRITTEN = {
    "the line": SALE.replace("self.stock[name] -= 1", "self.stock[name] = 0"),
    "its function": SALE.replace("self.stock[name] -= 1", "self.take(name)")
    + "\n    def take(self, name):\n        self.stock[name] = 0\n",
}


@pytest.fixture
def program_of(tmp_path):
    """Makes the program of a module with this source."""
    made = []

    def make(source):
        name = f"shop_{len(made)}"
        path = tmp_path / f"{name}.py"
        path.write_text(source)
        spec = importlib.util.spec_from_file_location(name, path)
        made.append(name)
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.program

    yield make
    for name in made:
        del sys.modules[name]


@pytest.fixture
def found(program_of):
    return explore(program_of(SHOP)).failure


def test_a_token_fits_the_program_that_it_was_made_for(program_of, found):
    again = replay(program_of(SHOP), found.token)
    assert [step[:3] for step in again.trace] == [step[:3] for step in found.trace]
    assert again.diverged == ""


@pytest.mark.parametrize("edit", HARMLESS)
def test_a_token_outlives_edits_that_do_not_touch_the_lines_it_switches_at(program_of, found, edit):
    edited = SHOP.replace(SALE, HARMLESS[edit].lstrip("\n") if edit == "another layout" else HARMLESS[edit])
    assert edited != SHOP
    again = replay(program_of(edited), found.token)
    assert type(again.error) is type(found.error)
    assert again.preemptions == found.preemptions
    assert again.diverged == ""


def test_a_token_outlives_functions_and_classes_around_those_it_switches_in(program_of, found):
    more = "def before():\n    return 1\n\nclass Other:\n    sold = 0\n"
    again = replay(
        program_of(more + SHOP.replace("    def sell(", "    def buy(self): pass\n\n    def sell(")), found.token
    )
    assert (again.preemptions, again.diverged) == (found.preemptions, "")


@pytest.mark.parametrize("edit", REWRITTEN)
def test_a_token_whose_line_was_rewritten_says_so(program_of, found, edit):
    mended = program_of(SHOP.replace(SALE, REWRITTEN[edit]))
    with pytest.raises(
        ReplayDiverged, match=r"1 of \d switches of the token could not be followed: the operation of T"
    ):
        replay(mended, found.token)


def test_a_failure_that_shows_without_the_switches_says_which_could_not_be_followed(program_of, found):
    worse = program_of(SHOP.replace(SALE, "        self.stock[name] = -1\n"))
    assert re.match(r"1 of \d switches of the token could not be followed", replay(worse, found.token).diverged)


def test_a_switch_to_a_task_that_cannot_go_on_says_so(program_of, found):
    alone = program_of(SHOP.replace("range(2)", "range(1)"))
    with pytest.raises(ReplayDiverged, match=r"task 2 could not go on where .* was to be left"):
        replay(alone, found.token)


def test_a_program_that_is_mended_by_a_lock_passes_under_the_schedule_of_the_token(program_of, found):
    locked = SHOP.replace(SALE, "        with self.lock:\n" + indent(SALE, "    "))
    assert replay(program_of(locked.replace("self.visits = 0", "self.lock = threading.Lock()")), found.token) is None


GOLDEN = [  # program, token, error
    ("peers increment", "c2.MiXqAAECq8g0", "AssertionError"),
    ("peers pool_callback", "c2.TBRaAAEC2KcQ", "AssertionError"),
    ("peers three_preemptions", "c2.I5dwAAEC0owDAgOQlgQDBK7gBg", "AssertionError"),
    ("models deadlock01", "c2.pRxfAAECmMkL", "Deadlock"),
    ("models token_ring", "c2.wBSXAAACgYwc", "AssertionError"),
    ("models bluetooth", "c2.EcKYAgACgYwcAgHbwxI", "AssertionError"),
    ("models bluetooth", "c2.EcKYAgACgYwcAgHbwxI", "AssertionError"),  # preemption="gil"
    ("small slicing", "c2.NhRNAAECmuEh", "AssertionError"),
    ("small comprehension", "c2.ie2XAAACgYwc", "AssertionError"),
    ("small Event.is_set", "c2.hhSXAAACgYwc", "AssertionError"),
]


@pytest.mark.parametrize(("name", "token", "error"), GOLDEN)
def test_tokens_mean_the_same_to_every_version_of_python(name, token, error):
    """They were printed by CPython 3.11. Whoever changes these programs, or what a token says, makes them anew."""
    again = replay(PROGRAMS[name], token)
    assert type(again.error).__name__ == error
    assert again.diverged == ""


COMPREHENSION = """
import threading

class Team:
    pass

def program():
    team = Team()
    team.points = [0, 0]

    def play():
        return [add(number) for number in range(2)]

    def add(number):
        team.points = [(lambda old: old + number)(old) for old in team.points]

    threads = [threading.Thread(target=play) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert team.points == [2, 2]
"""


def test_functions_in_functions_are_named_without_what_differs_between_versions(program_of):
    assert replay(program_of(COMPREHENSION), "c2.d4RuAAACgrQSAgG_iXE").diverged == ""


POOL = """
from concurrent.futures import ThreadPoolExecutor

class Report:
    left = 2
    printed = 0

    def done(self, job):
        self.left -= 1
        if self.left == 0:
            self.printed += 1

def program():
    report = Report()
    with ThreadPoolExecutor() as pool:
        pool.submit(int).add_done_callback(report.done)
        pool.submit(int).add_done_callback(report.done)
    assert report.printed == 1
"""


def test_what_happens_inside_of_a_pool_may_differ_between_versions(program_of):
    """Since 3.12 a worker looks for work before it waits for it; here one is left where it waits."""
    assert replay(program_of(POOL), "c2.d4RPAAABue3rAQEC9qJcAgCwuyQAAYKYEAAC2JIk").diverged == ""


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
    with pytest.raises(ReplayDiverged, match="Explore it again"):
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


def test_where_fingerprints_do_not_do_a_token_has_the_schedule_itself(monkeypatch):
    """The numbers that tell operations apart are made to differ from one execution to the next."""
    monkeypatch.setattr(Fingerprints, "of", staticmethod(partial(next, count())))
    found = explore(PROGRAMS["peers increment"]).failure
    again = replay(PROGRAMS["peers increment"], found.token)
    assert again.trace == found.trace
    assert again.diverged == ""
    with pytest.raises(ReplayDiverged, match="which counts operations, does not fit"):
        replay(changing(False), explore(changing(True)).failure.token)


def test_an_exploration_that_finds_nothing_computes_no_fingerprints(monkeypatch):
    monkeypatch.setattr(Fingerprints, "of", staticmethod(pytest.fail))
    explore(changing(False)).raise_if_failed()


def test_a_token_of_an_earlier_version_is_refused_with_the_remedy():
    with pytest.raises(WrongUse, match=r"no replay token of this version: .*run the test without --conc-replay"):
        replay(changing(True), "c1.bgynAAACAQICBAECAAM")


STOPPED = """
import threading
from pytest_conc import interleave

class Counter:
    n = 0

@interleave
def test_x():
    counter = Counter()
    def add():
        counter.n += 1
    threads = [threading.Thread(target=add) for _ in range(2)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    {stop}
    assert counter.n == 2
"""


def test_a_replay_that_is_looked_at_in_the_debugger_runs_nothing_else(pytester):
    path = pytester.makepyfile(test_stopped=STOPPED.format(stop="pass"))
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    (token,) = re.findall(r"--conc-replay (\S+)", pytester.run(*command).stdout.str())
    path.write_text(STOPPED.format(stop="breakpoint()"))
    replayed = pytester.run(*command, f"--conc-replay={token}", stdin=b"p counter.n\nc\nc\nc\n").stdout.str()
    assert replayed.count("PDB set_trace") == 1
    assert "It passes if" not in replayed
    path.write_text(STOPPED.format(stop="print('once')"))
    replayed = pytester.run(*command, f"--conc-replay={token}").stdout.str()
    assert replayed.count("once\n") == 1
    assert "It passes if" in replayed
