"""The printed report of each kind of finding equals its golden file.

After a wanted change: delete the file, run the test once (it fails and writes the file anew), read what it wrote.
"""

import os
import queue
import re
import shlex
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


class Sensor:
    def __init__(self):
        self.celsius, self.fahrenheit = 0, 32

    def warm_up(self):
        self.celsius = 100
        self.fahrenheit = 212


def torn_read():
    sensor = Sensor()
    seen = []
    run(lambda: seen.extend([sensor.celsius, sensor.fahrenheit]), sensor.warm_up)
    assert seen in ([0, 32], [100, 212])


class Config:
    pass


class Service:
    config = None

    def load(self):
        self.config = Config()
        self.config.port = 80

    def serve(self):
        if self.config is not None:
            assert self.config.port == 80


def published_too_early():
    service = Service()
    run(service.load, service.serve)


def fails_in_every_schedule():
    account = Account()
    run(account.withdraw, account.withdraw)
    assert account.balance > 80


def two_orders_wrong():
    seen, number, threads = [], 0, []
    for number in range(3):
        threads.append(threading.Thread(target=lambda: seen.append(number)))  # noqa: B023
        threads[-1].start()
    for thread in threads:
        thread.join()
    assert sum(seen) == 3


def data_race():
    account = Account()
    run(account.withdraw, lambda: account.balance)


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


PROGRAMS = (
    lost_update,
    check_then_act,
    torn_read,
    order_violation,
    published_too_early,
    fails_in_every_schedule,
    two_orders_wrong,
    data_race,
    deadlock,
    lost_wakeup,
    starved,
    leaked_task,
    livelock,
)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_the_report_is_the_golden_one(program):
    failure = explore(program, max_steps=200, races="error" if program is data_race else "off").failure
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


def explained(program):
    return explore(program).failure.finding


def test_a_body_that_does_not_wait_for_what_it_has_started_is_an_order_violation():
    def flag():
        state = {"ready": False}
        threading.Thread(target=lambda: state.update(ready=True), name="setter").start()
        assert state["ready"]

    finding = explained(flag)
    assert finding.kind == "OrderViolation"
    assert "main read state['ready'] = False at test_reports.py" in finding.explanation
    assert "when setter, started at test_reports.py:" in finding.explanation
    assert "had not begun" in finding.explanation


def test_threads_of_one_name_are_told_apart():
    account = [100]

    def withdraw():
        account[0] -= 10

    def program():
        account[0] = 100
        threads = [threading.Thread(target=withdraw, name="worker") for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert account == [80]

    failure = explore(program).failure
    text = report(failure, "replay")
    assert failure.finding.kind == "LostUpdate"
    assert re.search(r"^worker +worker#2$", text, re.MULTILINE), text
    assert re.search(r"worker read account\[0\] = 100 .* before worker#2", text.replace("\n", " ")), text


def test_what_fails_in_every_schedule_is_not_called_a_race():
    def wrong():
        total, lock = [0], threading.Lock()

        def add():
            with lock:
                total[0] += 1

        run(add, add)
        assert total[0] == 3

    finding = explained(wrong)
    assert finding.kind == "Failure"
    assert "in every schedule: it is no race" in finding.explanation


def test_a_state_that_is_not_looked_at_again_after_a_wait_is_explained_by_the_wait():
    def buffer():
        changed, items = threading.Condition(), []

        def take():
            with changed:
                if not items:
                    changed.wait()
                items.pop()

        def put():
            with changed:
                items.append(1)
                changed.notify()

        run(take, take, put, put)

    finding = explained(buffer)
    assert finding.kind == "CheckThenAct"
    assert "gave its lock up in the wait at test_reports.py" in finding.explanation


def test_a_barrier_that_waits_for_somebody_who_never_comes_is_a_deadlock():
    def barrier():
        meeting = threading.Barrier(3)
        run(meeting.wait, meeting.wait)

    finding = explained(barrier)
    assert finding.kind == "Deadlock"
    assert "Thread-1 (wait) waits at a barrier where 2 of 3 have come" in finding.explanation


def test_what_a_module_holds_is_called_by_the_name_of_the_module(monkeypatch):
    monkeypatch.delenv("CUSTOMERS", raising=False)

    def enter():
        os.environ["CUSTOMERS"] = os.environ.get("CUSTOMERS", "") + "."

    def program():
        os.environ["CUSTOMERS"] = ""
        run(enter, enter)
        assert len(os.environ["CUSTOMERS"]) == 2

    assert "read os.environ at" in explained(program).explanation


IN_TWO_FILES = """
import threading
import other
from pytest_conc import interleave

def add_here():
    other.box[0] += 1

@interleave
def test_race():
    other.box[0] = 0
    threads = [threading.Thread(target=target) for target in (add_here, other.add_there)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert other.box[0] == 2
"""


def test_lines_of_two_files_are_told_apart(pytester):
    pytester.makepyfile(other="box = [0]\n\ndef add_there():\n    box[0] += 1\n", test_here=IN_TWO_FILES)
    lines = [line.strip() for line in pytester.runpytest_subprocess("-p", "no:cacheprovider").outlines]
    assert "other.py:4: box[0] += 1" in lines
    assert "test_here.py:6: other.box[0] += 1" in lines


def test_the_replay_command_survives_the_shell(pytester):
    marked = RACE.replace("@interleave", "import pytest\n@pytest.mark.parametrize('name', [\"it's\"])\n@interleave")
    pytester.makepyfile(marked.replace("def test_race():", "def test_race(name):"))
    first = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    command = next(line for line in first.outlines if line.startswith("replay: ")).removeprefix("replay: pytest ")
    again = pytester.runpytest_subprocess("-p", "no:cacheprovider", *shlex.split(command))
    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines(["LostUpdate: AssertionError under the schedule of the token"])
