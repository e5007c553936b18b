"""The printed report of each kind of finding equals its golden file.

After a wanted change: delete the file, run the test once (it fails and writes the file anew), read what it wrote.
"""

import queue
import re
import threading
from pathlib import Path

import pytest

from pytest_conc import explore
from pytest_conc.report.columns import report

ADDRESS = re.compile(" at 0x[0-9a-f]+")
GOLDEN = Path(__file__).parent / "golden"


class Account:
    def __init__(self):
        self.balance = 100

    def withdraw(self):
        self.balance -= 10


def run(*targets):
    threads = [threading.Thread(target=target) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def lost_update():
    account = Account()
    run(account.withdraw, account.withdraw)
    assert account.balance == 80


def check_then_act():
    winners = []

    def claim(name):
        if not winners:
            winners.append(name)

    run(lambda: claim("ann"), lambda: claim("bob"))
    assert len(winners) == 1


def order_violation():
    results = {}

    def produce():
        results["answer"] = 42

    def consume():
        assert results["answer"] == 42

    run(consume, produce)


def deadlock():
    left, right = threading.Lock(), threading.Lock()

    def left_first():
        with left:
            with right:
                pass

    def right_first():
        with right:
            with left:
                pass

    run(left_first, right_first)


def lost_wakeup():
    ready = threading.Condition()

    def wait():
        with ready:
            ready.wait()

    def notify():
        with ready:
            ready.notify()

    run(wait, notify)


def starved():
    jobs = queue.Queue()

    def consume():
        while jobs.get() is not None:
            pass

    def produce():
        jobs.put(None)

    run(consume, consume, produce)


def leaked_task():
    threading.Thread(target=threading.Event().wait, name="forgotten").start()


def livelock():
    turns = [0]

    def spin():
        while turns[0] == 0:
            pass

    run(spin)


PROGRAMS = (lost_update, check_then_act, order_violation, deadlock, lost_wakeup, starved, leaked_task, livelock)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_the_report_is_the_golden_one(program):
    failure = explore(program, max_steps=200).failure
    error = ADDRESS.sub("", f"{type(failure.error).__name__}: {failure.error}")
    text = f"{error}\n\n{report(failure, 'pytest TEST --conc-replay TOKEN')}\n"
    golden = GOLDEN / f"{program.__name__}.txt"
    if not golden.exists():
        golden.write_text(text)
        pytest.fail(f"{golden.name} was not there; it is written now: read it")
    assert text == golden.read_text()


@pytest.mark.parametrize("golden", sorted(GOLDEN.glob("*.txt")), ids=lambda path: path.stem)
def test_a_report_fits_on_a_screen(golden):
    lines = golden.read_text().partition("\n\n")[2].splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 100


RACE = """
import threading
from pytest_conc import interleave

@interleave
def test_race():
    box = [0]
    def add():
        box[0] += 1
    threads = [threading.Thread(target=add) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert box[0] == 2
"""


def test_a_terminal_with_colours_gets_them_and_a_log_does_not(pytester):
    pytester.makepyfile(RACE)
    plain = pytester.runpytest_subprocess("--color=no", "-p", "no:cacheprovider")
    assert "\x1b" not in plain.stdout.str()
    colours = pytester.runpytest_subprocess("--color=yes", "-p", "no:cacheprovider", "--junitxml=out.xml").stdout.str()
    assert "\x1b[1m\x1b[31mLostUpdate: AssertionError in execution 3, minimised" in colours
    assert "\x1b[33m   writes box[0] = 1 (was 1)\x1b[0m" in colours
    assert "#x1B" not in (pytester.path / "out.xml").read_text()


@pytest.mark.parametrize("options", [("-q",), ("--tb=short",), ("-n", "1"), ("--color=yes", "-n", "1"), ("-vv",)])
def test_the_replay_command_is_the_last_line_of_a_failure(pytester, options):
    pytester.makepyfile(RACE)
    lines = pytester.runpytest_subprocess("-p", "no:cacheprovider", *options).stdout.lines
    ours = next(index for index, line in enumerate(lines) if "replay: pytest " in line)
    assert "= short test summary info" in lines[ours + 1] or "interleavings" in lines[ours + 1]


@pytest.mark.parametrize("options", [("--tb=line",), ("--tb=no",), ("-p", "no:terminal"), ("--no-summary",)])
def test_a_failure_stays_a_failure_where_reports_are_not_wanted(pytester, options):
    pytester.makepyfile(RACE)
    assert pytester.runpytest_subprocess("-p", "no:cacheprovider", *options).ret == pytest.ExitCode.TESTS_FAILED
