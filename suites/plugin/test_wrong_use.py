"""Wrong use of `explore` and `replay`: one line with the value, the cause and the remedy."""

import math
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_conc import explore, replay
from pytest_conc.model.settings import WrongUse
from suites.classics import peers

ROOT = Path(__file__).resolve().parents[2]
ran = []


def program():
    ran.append(1)


WRONG = {
    "a name that does not exist": ({"execution": 3}, "no option 'execution'; did you mean 'executions'"),
    "a name like no other": ({"zzz": 3}, "no option 'zzz'; known are strategy, executions"),
    "a host that does not exist": ({"host": "thread"}, "host='thread' is not one of .*did you mean 'threads'"),
    "a preemption that does not exist": ({"preemption": "none"}, "preemption='none' is not one of 'any', 'gil'"),
    "a timing that does not exist": ({"timing": "real"}, "timing='real' is not one of 'virtual', 'any'"),
    "a strategy that does not exist": ({"strategy": "rando"}, "'rando'.*did you mean 'random'"),
    "a strategy that is none": ({"strategy": 3}, "strategy=3"),
    "no executions": ({"executions": 0}, "executions=0 is too small; it must be at least 1"),
    "half an execution": ({"executions": 0.5}, "executions=0.5 is not a whole number"),
    "executions as text": ({"executions": "10"}, "executions='10' is not a whole number"),
    "executions as truth": ({"executions": True}, "executions=True is not a whole number"),
    "no steps": ({"max_steps": 0}, "max_steps=0 is too small"),
    "negative seconds": ({"seconds": -1}, "seconds=-1 is too small"),
    "seconds that are no number": ({"seconds": math.nan}, "seconds=nan is not a number"),
    "negative hang_after": ({"hang_after": -0.1}, "hang_after=-0.1 is too small"),
    "hang_after as None": ({"hang_after": None}, "hang_after=None is not a number"),
    "negative preemptions": ({"max_preemptions": -1}, "max_preemptions=-1 is too small"),
    "a seed as text": ({"seed": "random"}, "seed='random' is not a whole number"),
    "keep_going as number": ({"keep_going": 1}, "keep_going=1 is neither True nor False"),
    "a target that is missing": ({"targets": ["no.such"]}, "targets names 'no.such', which cannot be imported.*write"),
    "a target that is a module": ({"targets": [math]}, "targets=.*dotted module names"),
    "targets that are a number": ({"targets": 3}, "targets=3 is not a list of dotted module names"),
    "finds that is an instance": ({"finds": ValueError()}, "is no exception class; write finds="),
    "finds that is a name": ({"finds": "Deadlock"}, "finds='Deadlock' is no exception class; write finds="),
    "finds with a stranger in it": ({"finds": (ValueError, int)}, "int.*is no exception class"),
    "finds that is a list": ({"finds": [ValueError]}, "is no exception class"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_option_is_refused_before_anything_runs(name):
    options, message = WRONG[name]
    ran.clear()
    with pytest.raises(WrongUse, match=message):
        explore(program, **options)
    assert not ran


@pytest.mark.parametrize("thing", [None, 3, "program", [program]])
def test_what_cannot_be_called_is_refused(thing):
    with pytest.raises(WrongUse, match="cannot be called; pass a function without arguments"):
        explore(thing)


def test_a_program_with_arguments_fails_with_its_own_error():
    exploration = explore(lambda missing: None, executions=5)
    assert isinstance(exploration.failure.error, TypeError)
    assert "missing" in str(exploration.failure.error)


@pytest.mark.parametrize("host", ["greenlets", "threads"])
def test_an_exploration_inside_of_an_exploration_is_refused(host):
    exploration = explore(lambda: explore(program), executions=5, host=host)
    assert isinstance(exploration.failure.error, WrongUse)
    assert "inside of an exploration; call it outside" in str(exploration.failure.error)
    assert exploration.executions == 1


def test_an_exploration_inside_of_a_thread_of_an_exploration_is_refused():
    exploration = explore(lambda: peers.together(lambda: explore(program)), executions=5)
    assert "inside of an exploration" in str(exploration.failure.error)


def test_after_wrong_use_everything_works():
    explore(lambda: explore(program), executions=5)
    explore(peers.PROGRAMS["increment"][1], executions=5).raise_if_failed()


@pytest.mark.parametrize("target", [".here", ""])
def test_a_target_that_is_no_absolute_name_is_refused(target):
    with pytest.raises(WrongUse, match=repr(target)):
        explore(program, targets=[target])


def test_a_callable_object_is_accepted():
    assert explore(peers.together.__get__(None, object), executions=2).failure is None


@pytest.mark.parametrize("thing", [peers.together.__call__, int, callable, sys.gettrace])
def test_every_kind_of_callable_is_accepted(thing):
    assert explore(thing, executions=2).executions in (1, 2)


@pytest.mark.parametrize("target", ["math", "json", "os.path", "sys"])
def test_a_target_may_be_any_module(target):
    explore(program, executions=2, targets=[target]).raise_if_failed()


TOKEN = explore(peers.PROGRAMS["increment"][0], seed=1).failure.token


@pytest.mark.parametrize(
    "token",
    [
        "",
        "c2.",
        "nonsense",
        "c2.!!!!",
        TOKEN[:-1],
        TOKEN[1:],
        TOKEN + "A",
        TOKEN.lower(),
        "c3" + TOKEN[2:],
        TOKEN[:3],
        f"{TOKEN} ",
        "c2.é",
        None,
        7,
        b"c2.AAAA",
    ],
)
def test_a_malformed_token_is_refused(token):
    with pytest.raises(WrongUse, match=r"is no replay token: one looks like .*copy it whole"):
        replay(peers.PROGRAMS["increment"][0], token)


def test_every_character_of_a_token_counts():
    for index in range(3, len(TOKEN)):
        changed = TOKEN[:index] + ("A" if TOKEN[index] != "A" else "B") + TOKEN[index + 1 :]
        with pytest.raises(WrongUse):
            replay(peers.PROGRAMS["increment"][0], changed)


def test_the_token_of_another_program_is_refused():
    with pytest.raises(WrongUse, match=r"belongs to another test than singleton_buggy; .*copy both"):
        replay(peers.PROGRAMS["singleton"][0], TOKEN)


def test_a_wrong_option_of_replay_is_refused():
    with pytest.raises(WrongUse, match="did you mean 'host'"):
        replay(peers.PROGRAMS["increment"][0], TOKEN, hosts="threads")


@pytest.mark.parametrize("host", ["greenlets", "threads"])
def test_a_program_of_the_main_module_is_explored(host, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(f"""
import threading
from pytest_conc import explore

count = 0

def program():
    global count
    count = 0
    def add():
        global count
        count += 1
    threads = [threading.Thread(target=add) for _ in range(2)]
    for each in threads: each.start()
    for each in threads: each.join()
    assert count == 2

print(type(explore(program, host={host!r}).failure.error).__name__)
""")
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert (done.stdout, done.stderr) == ("AssertionError\n", "")
