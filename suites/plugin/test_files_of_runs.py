"""Files in real runs: threads that touch the same one are delayed there, whoever opens it for them."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from pytest_conc.instrument.instrumentation import Instrumentation
from pytest_conc.stressed import SWITCH_INTERVAL
from pytest_conc.stressing import files
from pytest_conc.stressing.guarded import Guarded
from pytest_conc.stressing.near_misses import NearMisses
from suites.classics.repeated import together

RUNS = 200
NOTHING = Instrumentation([], False, {})  # of no module: what is found is found at files only


def add_with_pathlib(folder):
    number = folder / "number"
    number.write_text(str(int(number.read_text()) + 1))


def add_with_open(folder):
    with open(folder / "number") as file:
        seen = int(file.read())
    with open(folder / "number", "w") as file:
        file.write(str(seen + 1))


def add_by_renaming(folder):
    mine = folder / f"number {threading.get_ident()}"
    mine.write_text(str(int((folder / "number").read_text()) + 1))
    os.replace(mine, folder / "number")


def make_once(folder):
    if not (folder / "made").exists():
        os.mkdir(folder / "made")


def first_come_first_served(folder):
    if not (folder / "winner").exists():
        (folder / "winner").write_text("")
        (folder / "number").write_text(str(int((folder / "number").read_text()) + 1))


def make_once_or_see_that_it_is_there(folder):
    (folder / "made").mkdir(exist_ok=True)


LOCK = threading.Lock()


def add_with_a_lock(folder):
    with LOCK:
        add_with_open(folder)


COUNTS = {first_come_first_served: "1", make_once: "0", make_once_or_see_that_it_is_there: "0"}


def counts_to(add):
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "number").write_text("0")
        together(lambda: add(folder), 2)
        assert (folder / "number").read_text() == COUNTS.get(add, "2")


def failures(program, runs):
    delays = NearMisses(1, {})
    with Guarded(delays, 10.0, NOTHING).on_guard(SWITCH_INTERVAL) as guarded:
        return sum(guarded.run(program) is not None for _ in range(runs)), delays.places()


@pytest.mark.parametrize("add", [add_with_pathlib, add_with_open, add_by_renaming, make_once])
def test_two_threads_that_touch_the_same_file_are_delayed_there(add):
    failed, places = failures(lambda: counts_to(add), RUNS)
    assert failed > 0
    assert any(place.startswith(f"{os.path.basename(__file__)}:") for place in places)


def test_who_only_asks_whether_a_file_is_there_need_not_be_seen():
    assert failures(lambda: counts_to(first_come_first_served), RUNS)[0] > 0


@pytest.mark.parametrize("add", [add_with_a_lock, make_once_or_see_that_it_is_there])
def test_what_is_mended_passes(add):
    assert failures(lambda: counts_to(add), RUNS)[0] == 0


class Asked:
    """Delays that only note what they are asked about."""

    watches = True

    def __init__(self):
        self.noted = []

    def begin(self, number):
        pass

    def end(self, has_failed):
        pass

    def before(self, member, writes, resource, site):
        if isinstance(resource, str):
            self.noted.append((os.path.basename(resource), writes, site.line > 0))

    def at_point(self, label):
        pass


def test_what_is_an_access_to_which_file(tmp_path):
    def program():
        (tmp_path / "a").write_text("")
        (tmp_path / "a").read_text()
        with open(tmp_path / "a", "a"):
            pass
        os.rename(tmp_path / "a", tmp_path / "b")
        os.listdir(tmp_path)
        os.remove(os.fsencode(tmp_path / "b"))
        os.close(os.open(tmp_path / "c", os.O_CREAT | os.O_WRONLY))
        with open(os.open(tmp_path / "c", os.O_RDONLY)):  # an open file is none that is opened
            pass

    delays = Asked()
    with Guarded(delays, 10.0, NOTHING).on_guard() as guarded:
        assert guarded.run(program) is None
    assert [(name, writes) for name, writes, has_line in delays.noted if has_line] == [
        ("a", True),
        ("a", False),
        ("a", True),
        ("a", True),
        ("b", True),
        (tmp_path.name, False),
        ("b", True),
        ("c", True),
        ("c", False),
    ]


def test_between_runs_and_in_other_threads_nobody_is_asked(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(files, "_announce", lambda event, *rest: asked.append(event))
    (tmp_path / "a").write_text("")
    with Guarded(Asked(), 10.0, NOTHING).on_guard():
        (tmp_path / "a").read_text()
    assert asked == []


def test_a_run_that_writes_files_and_nothing_else_goes_on(tmp_path):
    def program():
        for number in range(20):
            time.sleep(0.1)
            (tmp_path / str(number)).write_text("")

    with Guarded(Asked(), 0.6, NOTHING).on_guard() as guarded:
        assert guarded.run(program) is None


def test_what_cannot_be_understood_is_left_to_the_program(tmp_path, monkeypatch):
    def program():
        (tmp_path / "gone").mkdir()
        monkeypatch.chdir(tmp_path / "gone")
        os.rmdir(tmp_path / "gone")
        assert os.listdir(".") == []
        sys.audit("open", "x")
        sys.audit("open", "x", "r", None)
        with pytest.raises(ValueError, match="null"):
            os.listdir("a\0b")

    with Guarded(Asked(), 10.0, NOTHING).on_guard() as guarded:
        assert guarded.run(program) is None


AT_THE_END = """
import json, os, sys, threading
from pytest_conc.stressing import files
class Late:
    def __del__(self, open=os.open, write=os.write, type=type, name=__file__, flags=os.O_RDONLY):
        try:
            open(name, flags)
        except BaseException as error:
            write(1, type(error).__name__.encode())
        else:
            write(1, b"fine ")
files.FilesPatch().apply()
sys.kept_files = files  # a module that somebody keeps is emptied before it goes
for module in (sys, os, json, threading):
    module.kept = Late()
"""


def test_files_that_are_opened_when_the_interpreter_ends_are_left_alone(tmp_path):
    (tmp_path / "late.py").write_text(AT_THE_END)
    ended = subprocess.run([sys.executable, str(tmp_path / "late.py")], capture_output=True, text=True, check=True)
    assert (ended.stdout, ended.stderr) == ("fine " * 4, "")


def test_the_report_says_where_and_that_an_exploration_does_not_see_files(pytester):
    pytester.makepyfile(
        test_x="""
        import threading
        from pytest_conc import stress

        @stress(runs=400, keep_going=False)
        def test_x(tmp_path):
            winners = []
            def enter():
                if not (tmp_path / "winner").exists():
                    (tmp_path / "winner").write_text("")
                    winners.append(1)
            threads = [threading.Thread(target=enter) for _ in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert winners == [1]
        """
    )
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    result.stdout.fnmatch_lines(
        [
            "Threads slept where they had come near each other:",
            '  test_x.py:9: (tmp_path / "winner").write_text("")',
            "An exploration does not find it in * executions (* s); it does not see what is in files.",
        ]
    )
    result.stdout.no_fnmatch_line("  test_files_of_runs.py:*")
