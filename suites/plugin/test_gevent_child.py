"""A test in a child interpreter that gevent has patched: its reports are those of the test, and it never hangs."""

import json
import os
import subprocess
from xml.etree import ElementTree

import pytest

pytest.importorskip("gevent", reason="needs gevent: pip install -e '.[gevent]'")

IMPORTS = "import gevent, os, pytest, queue, socket, sys, threading; from pytest_conc import Deadlock, stress\n"


@pytest.fixture
def run(pytester):
    """Runs a test file in a session of its own; returns the result."""

    def run(text, *options, ini=""):
        pytester.makepyfile(test_x=IMPORTS + text)
        if ini:
            pytester.makeini(f"[pytest]\n{ini}")
        return pytester.runpytest_subprocess("-p", "no:randomly", *options, timeout=60)

    return run


def test_the_child_is_patched_and_the_session_is_not(run):
    text = """
from gevent import monkey
@stress(gevent=True, runs=1)
def test_child():
    assert monkey.is_module_patched("socket") and monkey.is_module_patched("threading")
def test_session():
    assert not monkey.is_module_patched("socket")
    assert "gevent" not in repr(threading.Lock()) + socket.socket.__module__
"""
    run(text).assert_outcomes(passed=2)


OUTCOMES = """
@pytest.fixture(scope="module")
def broken(): raise ValueError("in set-up")
@pytest.fixture(scope="module")
def leaving():
    yield
    raise ValueError("in tear-down")
@stress(gevent=True, runs=1)
def test_passed(): print("said in the child")
@stress(gevent=True, runs=1)
def test_failed():
    print("said before it failed")
    left, right = 1, 2
    assert left == right
@stress(gevent=True, runs=1)
def test_skipped(): pytest.skip("not today")
@stress(gevent=True, runs=1)
@pytest.mark.skip(reason="never")
def test_marked_as_skipped(): pass
@stress(gevent=True, runs=1)
@pytest.mark.xfail(strict=True)
def test_xfailed(): assert False
@stress(gevent=True, runs=1)
@pytest.mark.xfail
def test_xpassed(): pass
@stress(gevent=True, runs=1)
@pytest.mark.xfail(strict=True)
def test_strictly_xpassed(): pass
@stress(gevent=True, runs=1)
def test_error_in_set_up(broken): pass
@stress(gevent=True, runs=1)
def test_error_in_tear_down(leaving): pass
class TestMethods:
    @stress(gevent=True, runs=1)
    @pytest.mark.parametrize("n", [1, "a-b"])
    def test_method(self, n, tmp_path, monkeypatch):
        (tmp_path / "x").write_text("x")
        assert n in (1, "a-b")
"""


def test_every_outcome_is_that_of_the_child(run):
    options = ["-n", "2", "-W", "error", "--import-mode=importlib"]
    counts = {"passed": 4, "failed": 2, "skipped": 2, "xfailed": 1, "xpassed": 1, "errors": 2}
    run(OUTCOMES, *options).assert_outcomes(**counts)


@pytest.mark.slow
def test_a_failure_looks_as_if_it_had_happened_here(run):
    def report(text):
        lines = run(text, "-k", "test_failed or test_passed", "-rP").outlines
        start = next(at for at, line in enumerate(lines) if line.startswith("test_x.py "))
        end = next(at for at, line in enumerate(lines) if "- stress -" in line)
        return [line for line in lines[start:end] if "@stress" not in line]

    here = report(OUTCOMES.replace("gevent=True", "delays='off'"))
    assert report(OUTCOMES) == here
    assert "said before it failed" in here


def test_fixtures_are_set_up_in_the_child_alone(run):
    text = """
@pytest.fixture(scope="session", autouse=True)
def everywhere():
    with open("log", "a") as file: file.write(f"{os.getpid()}\\n")
def setup_module():
    with open("log", "a") as file: file.write(f"{os.getpid()}\\n")
@stress(gevent=True, runs=1)
def test_x():
    assert open("log").read() == f"{os.getpid()}\\n" * 2
"""
    run(text).assert_outcomes(passed=1)


def test_the_command_line_the_ini_file_and_the_directories_are_the_same(run, pytester):
    text = """
@stress(gevent=True, runs=1)
def test_x(pytestconfig):
    assert pytestconfig.getini("markers")[0].startswith("mine")
    assert pytestconfig.getini("conc_executions") == "7"
    assert pytestconfig.getoption("conc_seed") == "5" and pytestconfig.getoption("-k") == "test_x"
    assert str(pytestconfig.inipath) == os.environ["INI"] and os.getcwd() == os.environ["HERE"]
    from pytest_conc.options import SEED
    assert pytestconfig.stash[SEED] == 5
"""
    os.environ["INI"], os.environ["HERE"] = str(pytester.path / "tox.ini"), str(pytester.path)
    options = ["--conc-seed=5", "-o", "conc_executions=7", "-k", "test_x", "--strict-config"]
    run(text, *options, ini="markers = mine: a mark").assert_outcomes(passed=1)


@pytest.mark.slow
def test_files_are_written_by_the_session_outside(run, pytester):
    files = ["--junitxml=out.xml", "--conc-json=out.json", "--log-file=out.log", "--log-file-level=INFO"]
    text = OUTCOMES + "def test_last(): import logging; logging.warning('last')"
    run(text, "--lf", *files, "-k", "test_failed or test_last").assert_outcomes(passed=1, failed=1, deselected=10)
    cases = ElementTree.parse(pytester.path / "out.xml").iter("testcase")
    found = {
        case.get("name"): {each.get("name"): each.get("value") for each in case.iter("property")} for case in cases
    }
    assert (len(found), found["test_failed"]) == (2, {"conc_runs": "1", "conc_failed": "1"})
    stressed = json.loads((pytester.path / "out.json").read_text())["stressed"]
    assert {test["test"].rpartition("::")[2]: test["failed"] for test in stressed}["test_failed"] == 1
    assert "last" in (pytester.path / "out.log").read_text()


@pytest.mark.slow
def test_only_the_test_itself_runs_in_the_child_repeated_and_in_a_group(run):
    text = """
@pytest.mark.xdist_group("together")
@stress(gevent=True, runs=1)
def test_x(request, worker_id):
    assert [item.name for item in request.session.items] == [request.node.name]
    assert worker_id in ("master", "gw0", "gw1")
def test_other(): pass
"""
    run(text, "--count=2", "-n", "2", "--dist=loadgroup").assert_outcomes(passed=4)


@pytest.mark.slow
def test_with_one_failure_too_many_the_session_stops(run):
    run(OUTCOMES, "-x", "-k", "failed and not xfailed or passed").assert_outcomes(passed=1, failed=1)


@pytest.mark.slow
def test_subtests_are_passed_on(run):
    text = """
@stress(gevent=True, runs=1)
def test_x(subtests):
    for n in range(3):
        with subtests.test(n=n): assert n != 1
"""
    result = run(text)
    result.stdout.fnmatch_lines(["*n='1'*", "*assert 1 != 1*"])
    assert result.ret == 1


GREENLETS = {
    "a greenlet": ("gevent.joinall([gevent.spawn(fail)])", "raised in Greenlet-* (fail)"),
    "a thread": ("t = threading.Thread(target=fail, name='one'); t.start(); t.join()", "raised in one"),
    "a late greenlet": ("gevent.spawn_later(0.1, fail)", "raised in Greenlet-* (fail)"),
}


@pytest.mark.parametrize("start", GREENLETS)
def test_an_error_that_nobody_asks_for_fails_its_test(run, start):
    code, raised_in = GREENLETS[start]
    text = f"""
def fail():
    raise ValueError("lost in a greenlet")
@stress(gevent=True, runs=1)
def test_x():
    {code}
@stress(gevent=True, runs=1)
def test_innocent(): pass
"""
    result = run(text, "-W", "error")
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines([">*raise ValueError*", "E*ValueError: lost in a greenlet", f"E*{raised_in}"])


@pytest.mark.parametrize(
    "ask",
    ["gevent.spawn(fail).get()", "gevent.joinall([gevent.spawn(fail)], raise_error=True)"],
)
def test_an_error_that_somebody_has_asked_for_is_told_once(run, ask):
    text = f"""
def fail():
    raise ValueError("lost in a greenlet")
@stress(gevent=True, runs=1)
def test_expected():
    with pytest.raises(ValueError): {ask}
"""
    run(text).assert_outcomes(passed=1)


def test_a_greenlet_that_is_left_fails_its_test_and_is_ended(run):
    text = """
def wait():
    while True: gevent.sleep(60)
@stress(gevent=True, runs=2)
def test_left():
    gevent.spawn(wait)
@stress(gevent=True, runs=1)
def test_daemon():
    threading.Thread(target=wait, daemon=True).start()
"""
    result = run(text)
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(
        ["*LeakedTask: Greenlet-* (wait) is still there when the test is over, * at test_x.py:*: *gevent.sleep(60)*"]
    )


def test_a_deadlock_says_who_waits_where(run):
    text = """
def take(jobs):
    return jobs.get()
@stress(gevent=True, runs=1)
def test_x():
    jobs = queue.Queue()
    taker = gevent.spawn(take, jobs)
    taker.join()
"""
    result = run(text)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*Deadlock: no greenlet can go on:",
            "*  main waits*at test_x.py:9: taker.join()",
            "*  Greenlet-0 (take) waits*at test_x.py:4: return jobs.get()",
        ]
    )


COUNTER = """
from gevent.lock import BoundedSemaphore
class Shop:
    def __init__(self): self.stock, self.lock = 10, BoundedSemaphore()
    def sell(self):
        seen = self.stock
        gevent.sleep(0.001)
        self.stock = seen - 1
    def sell_locked(self):
        with self.lock: self.sell()
def sell_ten(sell):
    gevent.joinall([gevent.spawn(sell) for _ in range(10)], raise_error=True)
@stress(gevent=True, runs=5, finds=AssertionError)
def test_lost():
    shop = Shop()
    sell_ten(shop.sell)
    assert shop.stock == 0
@stress(gevent=True, runs=5)
def test_kept():
    shop = Shop()
    sell_ten(shop.sell_locked)
    assert shop.stock == 0
@stress(gevent=True, runs=5, finds=Deadlock)
def test_dead():
    queue.Queue().get()
@stress(gevent=True, runs=2, finds=KeyError)
def test_never(): pass
"""


@pytest.mark.parametrize("options", [["-n", "2"]], ids=["xdist"])
def test_runs_in_the_child_are_counted_and_judged_as_everywhere(run, options):
    result = run(COUNTER, "-v", *options)
    result.assert_outcomes(passed=3, failed=1)
    rates = dict(line.split(": ", 1) for line in result.outlines if "runs failed (" in line and "::" in line)
    assert {test.rpartition("::")[2]: rate.partition(" (")[0] for test, rate in rates.items()} == {
        "test_lost": "5 of 5 runs failed",
        "test_kept": "0 of 5 runs failed",
        "test_dead": "1 of 1 runs failed",
        "test_never": "0 of 2 runs failed",
    }
    result.stdout.fnmatch_lines(
        ["finds=KeyError, but 2 runs passed.", "  ended before all runs were made: a run did not end"],
        consecutive=False,
    )


@pytest.mark.slow
def test_greenlets_sleep_at_sleep_points_and_nowhere_else(run):
    text = """
from pytest_conc import sleep_point
class Box:
    n = 0
def add(box, pass_by):
    seen = box.n
    pass_by("between")
    box.n = seen + 1
def add_twice(pass_by):
    box = Box()
    gevent.joinall([gevent.spawn(add, box, pass_by) for _ in range(2)])
    assert box.n == 2
@stress(gevent=True, runs=30)
def test_point(): add_twice(sleep_point)
@stress(gevent=True, runs=30, delays="off")
def test_off(): add_twice(sleep_point)
@stress(gevent=True, runs=30, delays="random")
def test_no_point(): add_twice(len)
"""
    result = run(text)
    result.assert_outcomes(failed=1, passed=2)
    result.stdout.fnmatch_lines(["*Greenlets switch where they wait: nothing slept but sleep points.*"])


def test_sleeps_before_accesses_of_greenlets_are_refused(run):
    text = """
class Box:
    n = 0
@stress(gevent=True, runs=1)
def test_x(sleep_points): sleep_points.before(Box, "n", seconds=1)
"""
    run(text).stdout.fnmatch_lines(
        ["*before(Box, 'n'): accesses of greenlets are not watched; call sleep_point(label)*"]
    )


@pytest.mark.slow
def test_stress_of_every_test_leaves_what_needs_gevent_in_its_child(run):
    text = "@stress(gevent=True, runs=1)\ndef test_x():\n    assert gevent.monkey.is_module_patched('time')"
    run("import gevent.monkey\n" + text, "--conc-stress=3", "-v").stdout.fnmatch_lines(["*test_x: 0 of 3 runs failed*"])


HANGS = {
    "a server that nobody talks to": "server = socket.create_server(('127.0.0.1', 0)); server.accept()",
    "a heartbeat": "gevent.spawn(beat); threading.Event().wait()",
}


@pytest.mark.parametrize(("hang", "options"), list(zip(HANGS, [[], ["-n", "1"]], strict=True)), ids=list(HANGS))
def test_where_nothing_new_happens_the_test_fails_and_the_session_goes_on(run, hang, options):
    text = f"""
def beat():
    while True: gevent.sleep(0.01)
@stress(gevent=True, runs=1, hang_after=0.5)
def test_hangs():
    {HANGS[hang]}
def test_next(): pass
"""
    result = run(text, *options)
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(
        ["*Deadlock: nothing has happened for * s in run 1:", "*  main waits*at test_x.py:7: *"]
    )


@pytest.mark.slow
def test_a_greenlet_that_never_switches_ends_its_child_with_what_all_execute(run):
    text = """
def spin():
    while True: pass
@stress(gevent=True, runs=1, hang_after=0.5)
def test_spins():
    gevent.spawn(spin).join()
def test_next(): pass
"""
    result = run(text)
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(
        [
            "*nothing has happened for * s in run 1:",
            "  main waits*at test_x.py:7: gevent.spawn(spin).join()",
            "  Greenlet-0 (spin) runs at test_x.py:4: while True: pass",
            "One that runs has to switch now and then, *",
            "*greenlets of the child interpreter*",
        ]
    )


@pytest.mark.slow
def test_a_child_that_holds_the_interpreter_lock_is_ended_from_outside(run):
    text = """
@stress(gevent=True, runs=1, hang_after=0.1)
def test_stopped():
    import signal
    os.kill(os.getpid(), signal.SIGSTOP)
def test_next(): pass
"""
    result = run(text)
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["the child interpreter with gevent did not answer for 5.1 s, and was ended"])


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("os._exit(3)", "ended with exit code 3 before its test was over"),
        ("os.abort()", "was ended by SIGABRT before its test was over"),
    ],
)
def test_a_child_that_ends_before_its_test_says_how(run, code, message):
    result = run(
        f"@stress(gevent=True, runs=1)\ndef test_x():\n    os.write(2, b'last words'); {code}\ndef test_y(): pass"
    )
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines([f"the child interpreter with gevent {message}"])


@pytest.mark.slow
def test_no_process_is_left(run, pytester):
    text = """
import subprocess
from xml.etree import ElementTree
@stress(gevent=True, runs=1, hang_after=0.3)
def test_x():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    with open("pids", "w") as file: file.write(f"{os.getpid()} {child.pid}")
    while True: pass
"""
    run(text).assert_outcomes(failed=1)
    for pid in (pytester.path / "pids").read_text().split():
        assert not is_running(int(pid))


def is_running(pid):
    state = subprocess.run(["ps", "-o", "state=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    return state not in ("", "Z")


def test_a_file_that_cannot_be_imported_in_the_child_says_why(run):
    text = """
from gevent import monkey
if monkey.is_module_patched("socket"): raise RuntimeError("not with gevent")
@stress(gevent=True, runs=1)
def test_x(): pass
"""
    result = run(text)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*cannot be collected in the child interpreter:*", "*RuntimeError: not with gevent*"])


def test_without_gevent_the_message_says_what_to_install(run):
    text = """
@pytest.fixture(autouse=True, scope="module")
def hide(): pass
@stress(gevent=True, runs=1)
def test_x(): pass
"""
    hidden = "import importlib.util\nfind = importlib.util.find_spec\n"
    hidden += "importlib.util.find_spec = lambda name, *more: None if name == 'gevent' else find(name, *more)\n"
    result = run(hidden + text)
    result.stdout.fnmatch_lines(["*needs gevent, which is not installed: pip install 'pytest-conc?gevent?'*"])
    result.stdout.no_fnmatch_line("*gevent_child.py*")


@pytest.mark.slow
def test_lines_that_only_the_child_executes_are_covered(run, pytester):
    pytest.importorskip("pytest_cov")
    (pytester.path / "shop.py").write_text("def sell():\n    return 1\n")
    text = "@stress(gevent=True, runs=1)\ndef test_x():\n    import shop\n    assert shop.sell()"
    result = run(text, "--cov=shop", "--cov-report=term", "-n", "1")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["shop.py * 100%"])
