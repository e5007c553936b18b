"""The options of the command line and of the ini file: what they do, which wins, and what a bad one says."""

import pytest

RACE = """
import threading
import pytest
from pytest_conc import interleave

def lose():
    class Box:
        def __init__(self): self.n = 0
    box = Box()
    def add():
        box.n += 1
    threads = [threading.Thread(target=add) for _ in range(2)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    assert box.n == 2
"""
COUNT = (
    RACE
    + """
ran = []
@interleave{options}
def test_x():
    ran.append(1)
def test_ran():
    print("ran", len(ran), "times")
"""
)
BAD = {
    "strategy": ("rando", "did you mean 'random'"),
    "executions": ("ten", "'ten' is not a whole number"),
    "seconds": ("soon", "'soon' is not a number"),
    "seed": ("x", "'x' is not a whole number or 'random'"),
    "host": ("thread", "host='thread' is not one of *did you mean 'threads'"),
    "preemption": ("none", "preemption='none' is not one of 'any', 'gil'"),
    "timing": ("real", "timing='real' is not one of 'virtual', 'any'"),
    "max_preemptions": ("-1", "max_preemptions=-1 is too small"),
    "max_steps": ("0", "max_steps=0 is too small; it must be at least 1"),
    "hang_after": ("-2", "hang_after=-2.0 is too small"),
}
GOOD = {
    "strategy": "random",
    "executions": "7",
    "seconds": "60",
    "seed": "3",
    "host": "threads",
    "preemption": "gil",
    "timing": "any",
    "max_preemptions": "2",
    "max_steps": "500",
    "hang_after": "0",
}


@pytest.fixture
def run(pytester):
    """Runs a test file; returns the result."""

    def run(text, *options, ini=""):
        pytester.makepyfile(text)
        if ini:
            pytester.makeini(f"[pytest]\n{ini}")
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", *options)

    return run


@pytest.mark.parametrize("name", BAD)
def test_a_bad_option_is_a_usage_error_before_any_test(run, name):
    value, message = BAD[name]
    flag = "--conc-" + name.replace("_", "-")
    result = run("def test_x(): pass", f"{flag}={value}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {flag}: *{message}*"])
    result.stdout.no_fnmatch_line("*test_x*")


@pytest.mark.parametrize("name", [*BAD, "keep_going"])
def test_a_bad_ini_value_is_a_usage_error_before_any_test(run, name):
    value, message = BAD.get(name, ("perhaps", "'perhaps' is not true or false"))
    result = run("def test_x(): pass", ini=f"conc_{name} = {value}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: ini option conc_{name}: *{message}*"])


@pytest.mark.parametrize("name", GOOD)
def test_a_good_option_is_taken(run, name):
    flag = "--conc-" + name.replace("_", "-")
    run(COUNT.format(options=""), f"{flag}={GOOD[name]}").assert_outcomes(passed=2)
    run(COUNT.format(options=""), ini=f"conc_{name} = {GOOD[name]}").assert_outcomes(passed=2)


@pytest.mark.parametrize("target", ["no.such.module", ".relative", ""])
def test_a_bad_target_fails_the_test_with_a_message(run, target):
    result = run(COUNT.format(options=f"(targets=[{target!r}])"))
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines([f"*targets*{target!r}*"])
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*pytest_conc/*.py*")


@pytest.mark.parametrize(
    ("options", "line", "ini", "times"),
    [
        ("", (), "", 1001),
        ("", (), "conc_executions = 4", 5),
        ("(executions=6)", (), "conc_executions = 4", 7),
        ("(executions=6)", ("--conc-executions=8",), "conc_executions = 4", 9),
    ],
)
def test_the_command_line_wins_over_the_marker_and_that_over_the_ini_file(run, options, line, ini, times):
    result = run(COUNT.format(options=options), *line, "--conc-strategy=random", "-rP", "-k", "test_", ini=ini)
    ran = next(int(each.split()[1]) for each in result.outlines if each.startswith("ran "))
    assert times <= ran <= times + 4  # some schedules are run again to compare


@pytest.mark.parametrize(
    ("name", "marked", "given"),
    [
        ("host", "greenlets", "threads"),
        ("preemption", "any", "gil"),
        ("timing", "virtual", "any"),
    ],
)
def test_the_marker_wins_for_what_belongs_to_the_test(run, name, marked, given):
    result = run(
        f"""
from pytest_conc import interleave
@interleave({name}={marked!r})
def test_x(request):
    from pytest_conc.options import settings_for
    assert settings_for(request.node).{name} == {marked!r}
@interleave
def test_y(request):
    from pytest_conc.options import settings_for
    assert settings_for(request.node).{name} == {given!r}
""",
        f"--conc-{name}={given}",
    )
    result.assert_outcomes(passed=2)


def test_targets_of_the_marker_add_to_those_of_the_ini_file(run):
    result = run(
        """
from pytest_conc import interleave
@interleave(targets="json")
def test_x(request):
    from pytest_conc.options import settings_for
    assert settings_for(request.node).targets == ("colorsys", "json")
""",
        "-v",
        ini="conc_targets = colorsys",
    )
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["watched: *colorsys*json*"])


MARKS = {
    "execution=3": "there is no option of interleave 'execution'; did you mean 'executions'",
    "10": "got * without a name; write a keyword*",
    "executions=0": "executions=0 is too small",
    "finds='Deadlock'": "finds='Deadlock' is no exception class",
    "host='thread'": "did you mean 'threads'",
    "strategy='rando'": "did you mean 'random'",
}


@pytest.mark.parametrize("options", MARKS)
def test_a_bad_mark_fails_its_test_without_a_traceback(run, options):
    result = run(f"import pytest\n@pytest.mark.conc_interleave({options})\ndef test_x(): pass\ndef test_y(): pass")
    outcomes = result.parseoutcomes()
    assert outcomes.pop("failed", 0) + outcomes.pop("errors", 0) == 1
    assert outcomes == {"passed": 1}
    result.stdout.fnmatch_lines([f"*{MARKS[options]}*"])
    result.stdout.no_fnmatch_line("*pytest_conc/*.py*")


OTHERS = (
    RACE
    + """
import doctest, unittest
class TestCase(unittest.TestCase):
    def test_case(self): pass
async def test_async(): pass
def test_plain(): lose()
"""
)


def test_interleave_explores_unmarked_tests_and_lists_what_cannot_be(run, pytester):
    pytester.makefile(".txt", test_doc=">>> 1\n1\n")
    result = run(OTHERS, "--conc-interleave", "-p", "no:asyncio", "-p", "no:anyio")
    result.stdout.fnmatch_lines(
        [
            "ran once, not explored: *::TestCase::test_case (*unittest.TestCase*)",
            "ran once, not explored: *::test_async (*async test*)",
        ],
        consecutive=False,
    )
    result.stdout.fnmatch_lines(["ran once, not explored: test_doc.txt::test_doc.txt (it is a DoctestItem*)"])
    result.stdout.fnmatch_lines(["*--conc-replay c2.*"])


UNORDERED = """
import threading
done = False
def test_x():
    def finish():
        global done
        done = True
    thread = threading.Thread(target=finish)
    thread.start()
    print(done)
    thread.join()
"""


@pytest.mark.parametrize("option", ["--conc-races=error", "--conc-races error", "-o conc_races=error"])
def test_the_command_that_replays_has_the_options_that_the_failure_needs(run, option):
    options = [*option.split(), "--conc-seed=3"]
    replay = next(line for line in run(UNORDERED, "--conc-interleave", *options).outlines if "replay: " in line)
    _, _, words = replay.partition("::test_x' ")
    assert words.split()[0] == "--conc-replay" and "seed" not in words
    run(UNORDERED, *words.split()).stdout.fnmatch_lines(["DataRace: *"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("@interleave\nasync def test_x(): pass", "async test"),
        ("import unittest\nclass TestX(unittest.TestCase):\n    @interleave\n    def test_x(self): pass", "TestCase"),
        ("import unittest\n@interleave\nclass TestX(unittest.TestCase):\n    def test_x(self): pass", "TestCase"),
    ],
)
def test_what_cannot_be_explored_is_refused_when_it_is_marked(run, text, message):
    result = run(RACE + text)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([f"*cannot be explored: *{message}*"])
    result.stdout.no_fnmatch_line("*pytest_conc/*.py*")


def test_a_mark_on_a_class_or_module_applies_to_every_test_in_it(run):
    run(
        RACE + "@interleave\nclass TestX:\n    def test_a(self): lose()\n    def test_b(self): lose()\n"
        "    @interleave(finds=AssertionError)\n    def test_c(self): lose()"
    ).assert_outcomes(failed=2, passed=1)
    run(RACE + "pytestmark = pytest.mark.conc_interleave\ndef test_a(): lose()").assert_outcomes(failed=1)


def test_verbose_shows_a_verdict_for_every_explored_test(run):
    result = run(COUNT.format(options="(executions=9, strategy='random')"), "-v")
    result.stdout.fnmatch_lines(["*interleavings*", "*::test_x: 9 executions passed; *", "watched: *"])
