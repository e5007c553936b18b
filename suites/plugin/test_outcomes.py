"""What an explored test may do besides passing and failing: skip, xfail, exit, print, log, record."""

from xml.etree import ElementTree

import pytest

RACE = """
import logging, sys, threading
import pytest
from pytest_conc import interleave, Deadlock

def together(*targets):
    threads = [threading.Thread(target=target) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

class Box:
    def __init__(self):
        self.n = 0

def lose(box):
    def add():
        box.n += 1
    together(add, add)
    assert box.n == 2
"""

TEST = """
ran = []
@interleave
def test_x():
    ran.append(1)
"""


@pytest.fixture
def run(pytester):
    """Runs a test file that begins with RACE; returns the result."""

    def run(text, *options):
        pytester.makepyfile(RACE + text)
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", *options)

    return run


@pytest.mark.parametrize(
    ("statement", "outcome"),
    [
        ("pytest.skip('no reason')", "skipped"),
        ("pytest.importorskip('no_such_module_at_all')", "skipped"),
        ("pytest.xfail('known')", "xfailed"),
        ("pytest.fail('on purpose')", "failed"),
        ("together(lambda: pytest.fail('in a task'))", "failed"),
    ],
)
def test_an_outcome_raised_in_the_body_is_that_of_the_test(run, statement, outcome):
    result = run(TEST + f"    {statement}\ndef test_ran():\n    assert len(ran) == 1 or {outcome!r} == 'failed'")
    result.assert_outcomes(**{outcome: 1, "passed": 1})


@pytest.mark.parametrize(("statement", "outcome"), [("pytest.skip('x')", "skipped"), ("pytest.xfail('x')", "xfailed")])
def test_an_outcome_raised_in_a_task_is_that_of_the_test(run, statement, outcome):
    run(TEST + f"    together(lambda: {statement})").assert_outcomes(**{outcome: 1})


def test_an_outcome_that_only_some_executions_have_is_that_of_the_test(run):
    run("""
@interleave
def test_x():
    box = Box()
    def add():
        box.n += 1
    together(add, add)
    if box.n == 1:
        pytest.skip("lost")
""").assert_outcomes(skipped=1)


def test_exit_ends_the_session(run):
    result = run(TEST + "    pytest.exit('enough', returncode=7)\ndef test_never(): assert False")
    assert result.ret == 7
    assert result.parseoutcomes().get("failed", 0) == 0


def test_marks_of_skipping_are_respected(run):
    run("""
@pytest.mark.skip
@interleave
def test_a(): assert False
@pytest.mark.skipif(True, reason="no")
@interleave
def test_b(): assert False
""").assert_outcomes(skipped=2)


def test_a_race_that_is_marked_xfail_is_expected(run):
    run("""
@pytest.mark.xfail(strict=True, raises=AssertionError)
@interleave
def test_a(): lose(Box())
@pytest.mark.xfail
@interleave
def test_b(): together(int)
""").assert_outcomes(xfailed=1, xpassed=1)


def test_only_the_output_and_logs_of_the_failing_execution_are_shown(run):
    result = run("""
@interleave
def test_x():
    print("out of an execution")
    print("err of an execution", file=sys.stderr)
    logging.warning("log of an execution")
    lose(Box())
""")
    text = result.stdout.str()
    assert "assert 1 == 2" in text
    shown = [line for line in text.splitlines() if "of an execution" in line and "(" not in line]
    assert len([line for line in shown if line.startswith("out")]) == 1
    assert len([line for line in shown if line.startswith("err")]) == 1
    assert len([line for line in shown if line.endswith("log of an execution")]) == 1


def test_only_the_output_of_one_execution_is_shown_when_all_pass(run):
    result = run(
        """
@interleave(executions=20)
def test_x():
    print("out of an execution")
    logging.warning("log of an execution")
    together(int, int)
""",
        "-rP",
    )
    lines = result.stdout.str().splitlines()
    assert lines.count("out of an execution") == 1
    assert len([line for line in lines if line.endswith("log of an execution")]) == 1


def test_assertions_in_a_task_are_explained_by_pytest(run):
    result = run("""
@interleave
def test_x():
    items = [1, 2]
    def check():
        assert items == [1, 3]
    together(check)
""")
    result.stdout.fnmatch_lines(["*assert items == *1, 3*", "E *At index 1 diff: 2 != 3*"])


def test_no_frame_of_ours_is_shown_for_a_failure(run):
    result = run("""
@interleave
def test_x(tmp_path):
    lose(Box())
@interleave
def test_y():
    together(lambda: 1 / 0)
""")
    result.assert_outcomes(failed=2)
    result.stdout.no_fnmatch_line("*pytest_conc/*.py*")
    result.stdout.fnmatch_lines([f"*replay: pytest *test_{name}' --conc-replay c2.*" for name in "xy"])


@pytest.mark.parametrize(
    ("finds", "outcome"),
    [
        ("AssertionError", "passed"),
        ("(ValueError, AssertionError)", "passed"),
        ("Exception", "passed"),
        ("ValueError", "failed"),
        ("Deadlock", "failed"),
    ],
)
def test_finds_passes_exactly_if_that_was_found(run, finds, outcome):
    run(f"@interleave(finds={finds})\ndef test_x(): lose(Box())").assert_outcomes(**{outcome: 1})


def test_finds_that_is_not_found_fails_and_says_how_much_was_explored(run):
    result = run(
        "@interleave(finds=AssertionError, executions=30, strategy='random')\ndef test_x(): together(int, int)"
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*finds=AssertionError, but it was not found: 30 executions passed*"])


def test_show_prints_what_finds_has_found(run):
    result = run("@interleave(finds=AssertionError)\ndef test_x(): lose(Box())", "--conc-show")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*found by *test_x*", "*writes box.n = 1*", "replay: pytest *"])


def test_a_lost_update_is_named_also_where_the_class_has_the_first_value(run):
    result = run("class Default:\n    n = 0\n@interleave\ndef test_x(): lose(Default())")
    result.stdout.fnmatch_lines(["LostUpdate: *"])


def test_a_test_that_passes_prints_nothing_of_ours(run):
    plain = run("def test_x(): pass", "-q").stdout.lines
    explored = run("@interleave\ndef test_x(): together(int)", "-q").stdout.lines
    assert [line.split(" in ")[0] for line in explored] == [line.split(" in ")[0] for line in plain]


def test_what_the_body_raised_is_not_replaced_by_what_its_fixtures_complain_about(run):
    text = "@interleave\ndef test_x(threads):\n    threads.start(threading_wait)\n    raise KeyError('mine')"
    result = run("def threading_wait(): threading.Event().wait()\n" + text)
    result.stdout.fnmatch_lines(["E *KeyError: 'mine'"])
    result.stdout.no_fnmatch_line("*LeakedTask*")


def test_an_unmarked_test_that_starts_no_thread_runs_once(run):
    text = "ran = []\ndef test_x(): ran.append(1)\ndef test_y(): assert ran == [1, 1]\n"
    result = run(text + "".join(f"def test_{n}(): pass\n" for n in range(5)), "--conc-interleave")
    result.assert_outcomes(passed=7)
    reason = "(it starts no thread, so there is nothing to interleave)"
    assert sum(line.endswith(reason) for line in result.outlines) == 3
    result.stdout.fnmatch_lines(["ran once, not explored: 4 more for the same reason (-v lists them)"])


def test_a_traceback_names_each_call_once_also_when_the_first_call_fails(run):
    first = run("@interleave\ndef test_x(): lose(Box())")
    token = next(line for line in first.outlines if line.startswith("replay: ")).split()[-1]
    again = run("@interleave\ndef test_x(): lose(Box())", "--conc-replay", token)
    calls = [line for line in again.outlines if line.endswith("in lose") or "def test_x" in line]
    assert calls == [line for line in first.outlines if line.endswith("in lose") or "def test_x" in line]
    again.stdout.fnmatch_lines(["LostUpdate: AssertionError under the schedule of the token"])


def test_steps_inside_of_a_target_are_shown_also_where_it_is_of_the_standard_library(run):
    body = "    counts = collections.Counter(n=1)\n    together(*[lambda: counts.subtract('n')] * 2)\n"
    text = (
        "import collections\n@interleave(targets=['collections'])\ndef test_x():\n"
        + body
        + "    assert counts['n'] == -1"
    )
    run(text).stdout.fnmatch_lines(["*self[[]elem[]] = self_get(elem, 0) - 1", "*writes counts[[]'n'[]] = 0 (was 1)"])


def test_a_target_that_is_written_in_c_is_named_where_it_blocks(run):
    text = "import socket\n@interleave(hang_after=0.3)\ndef test_x():\n    a, b = socket.socketpair()\n"
    text += "    thread = threading.Thread(target=a.recv, args=(1,))\n    with a, b:\n"
    text += "        thread.start()\n        thread.join()"
    result = run(text)
    result.stdout.fnmatch_lines(["*did not come back for 0.3 seconds from socket.recv, the target of the thread*"])


def test_a_strategy_of_the_test_file_is_no_part_of_the_execution(run):
    strategy = """
class Last:
    def begin(self, trace):
        self.asked = 0
        self.trace = trace
    def choose(self, running, enabled):
        self.asked += 1
        return enabled[-1]
    def end(self):
        ends.append((self.asked, len(self.trace)))
ends = []
"""
    test = "@interleave(strategy=Last(), executions=3)\ndef test_x(): together(Box, Box)\n"
    run(strategy + test + "def test_y(): assert len(ends) == 3").assert_outcomes(passed=2)


FUTURES = {
    "a job that nobody asks": ("pool.submit(fail)", "a job whose future nobody has asked"),
    "a done-callback": ("pool.submit(int).add_done_callback(lambda future: fail())", "a done-callback"),
}


@pytest.mark.parametrize("case", FUTURES)
def test_what_a_future_hides_is_a_failure_of_the_test(run, case):
    code, where = FUTURES[case]
    result = run(f"""
from concurrent.futures import ThreadPoolExecutor
def fail(): raise OSError("gone")
@interleave
def test_x():
    with ThreadPoolExecutor(1) as pool:
        {code}
@interleave
def test_asked():
    with ThreadPoolExecutor(1) as pool, pytest.raises(OSError):
        pool.submit(fail).result()
""")
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["E   OSError: gone", f"E   raised in {where}"])


def test_junitxml_has_the_verdict(run, pytester):
    run("@interleave\ndef test_x(): lose(Box())\n@interleave\ndef test_y(): together(int, int)", "--junitxml=out.xml")
    cases = ElementTree.parse(pytester.path / "out.xml").iter("testcase")
    lost, kept = ({each.get("name"): each.get("value") for each in case.iter("property")} for case in cases)
    assert lost["conc_verdict"].startswith("AssertionError in execution ")
    assert kept["conc_verdict"].startswith("5 executions passed; no shared state was seen")
    assert (kept["conc_executions"], kept["conc_classes"], kept["conc_exhaustive"]) == ("5", "1", "True")
