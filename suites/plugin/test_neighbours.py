"""A good neighbour: replay, xdist, repeat, timeout, import modes, other flags; and nothing at all while unused."""

import pytest

from suites.plugin.test_plugin_options import RACE

TESTS = (
    RACE
    + """
@interleave
def test_lost(): lose()
@pytest.mark.parametrize("n", [1, 2])
@interleave(executions=20)
def test_kept(n): pass
"""
)


@pytest.fixture
def run(pytester):
    """Runs a test file in a session of its own; returns the result."""

    def run(text, *options):
        pytester.makepyfile(text)
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", *options, timeout=60)

    return run


def command(result):
    """The id and the token of the last line of the failure."""
    line = next(each for each in result.outlines if each.startswith("replay: pytest "))
    test, token = line.removeprefix("replay: pytest ").split(" --conc-replay ")
    return test.strip("'"), token


def test_the_printed_command_repeats_the_failure(run):
    first = run(TESTS)
    test, token = command(first)
    again = run(TESTS, test, "--conc-replay", token)
    again.assert_outcomes(failed=1)
    assert command(again) == (test, token)
    replayed = [line for line in again.outlines if "writes box" in line]
    assert replayed == [line for line in first.outlines if "writes box" in line] != []


def test_a_token_used_on_another_test_is_an_error(run):
    _, token = command(run(TESTS))
    result = run(TESTS, "-k", "test_kept", "--conc-replay", token)
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*belongs to another test than *test_kept[[]1]*copy both from the last line*"])
    result.stdout.no_fnmatch_line("*pytest_conc/*.py*")


@pytest.mark.parametrize("token", ["nonsense", "c2.", "c2.AAAA", ""])
def test_a_malformed_token_is_a_usage_error(run, token):
    result = run(TESTS, f"--conc-replay={token}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: --conc-replay: {token!r} is no replay token: *copy it whole*"])


def test_with_xdist_reports_arrive_and_the_seed_is_the_same(run):
    alone = run(TESTS, "-v", "--conc-seed=5")
    spread = run(TESTS, "-v", "--conc-seed=5", "-n", "2")
    spread.assert_outcomes(failed=1, passed=2)
    assert command(spread) == command(alone)
    assert (
        {line for line in alone.outlines if "executions passed" in line}
        == {line for line in spread.outlines if "executions passed" in line}
        != set()
    )


def test_a_random_seed_is_printed_and_reaches_every_worker(run):
    text = "from pytest_conc import interleave\n" + "\n".join(
        f"""
@interleave(executions=1)
def test_{n}(request):
    from pytest_conc.options import SEED
    print("the seed is", request.config.stash[SEED])
"""
        for n in range(4)
    )
    result = run(text, "-rP", "-n", "2", "--conc-seed=random")
    header = next(line for line in result.outlines if line.startswith("conc: seed "))
    seed = header.removeprefix("conc: seed ").split(";")[0]
    assert result.outlines.count(f"the seed is {seed}") == 4


def test_with_xdist_what_ran_once_is_listed(run):
    text = "import unittest\nclass TestX(unittest.TestCase):\n    def test_x(self): pass"
    run(text, "-n", "2", "--conc-interleave").stdout.fnmatch_lines(["ran once, not explored: *test_x (*"])


def test_with_repeat_every_step_explores_the_same(run):
    result = run(TESTS, "-v", "--count=2", "-k", "kept or lost")
    result.assert_outcomes(failed=2, passed=4)
    tokens = {line.split()[-1] for line in result.outlines if line.startswith("replay: ")}
    assert len(tokens) == 1


def test_the_limit_of_pytest_timeout_bounds_the_exploration(run):
    text = RACE + "@interleave(executions=10**9)\n@pytest.mark.timeout(2)\ndef test_x(): pass\ndef test_y(): lose"
    run(text).assert_outcomes(passed=2)


@pytest.mark.parametrize(
    "options",
    [
        ["--import-mode=importlib", "-q", "--tb=short", "-W", "error"],
        ["--import-mode=append", "--tb=line", "-s", "-p", "no:logging", "-p", "no:randomly"],
        ["--tb=no", "--capture=sys", "--strict-markers", "--strict-config", "--durations=3"],
        ["--tb=native", "--assert=plain", "-p", "no:xdist", "-p", "no:repeat", "-p", "no:timeout", "--setup-show"],
        ["-p", "no:terminal"],
        ["-x"],
    ],
    ids=" ".join,
)
def test_other_options_do_not_get_in_the_way(run, options):
    result = run(TESTS, *options)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "INTERNALERROR" not in result.stdout.str() + result.stderr.str()
    if "no:terminal" not in options and "-x" not in options:
        result.assert_outcomes(failed=1, passed=2)


def test_without_the_plugin_its_marks_are_only_marks(run):
    run("import pytest\n@pytest.mark.conc_interleave\ndef test_x(): pass", "-p", "no:conc").assert_outcomes(
        passed=1, warnings=1
    )


UNUSED = """
import os, sys, threading, time, _thread
def test_x():
    loaded = [name for name in sys.modules if name.split(".")[0] in ("greenlet", "bytecode")
              or name.startswith(("pytest_conc.execution", "pytest_conc.exploration", "pytest_conc.controlled",
                                  "pytest_conc.instrument", "pytest_conc.strategies",
                                  "pytest_conc.stress", "pytest_conc.explored"))]
    assert loaded == []
    assert len(os.listdir("/proc/self/task")) == 1
    for function in (threading.Thread.start, threading.Thread.join, threading.Condition.wait):
        assert function.__module__ == "threading"
    assert type(time.sleep) is type(_thread.LockType.acquire) or type(time.sleep).__name__.startswith("builtin")
"""


@pytest.mark.parametrize("options", [[], ["-n", "1"], ["--conc-seed=3", "--conc-executions=5"]])
def test_an_unused_plugin_loads_patches_and_starts_nothing(run, options):
    text = UNUSED.replace("== 1\n", "<= 4\n") if "-n" in options else UNUSED
    run(text, *options).assert_outcomes(passed=1)


def test_an_unused_plugin_prints_nothing(run):
    def lines(*options):
        output = run("def test_x(): pass", *options).outlines
        return [line.split(" in ")[0] for line in output if not line.startswith("plugins:")]

    assert lines() == lines("-p", "no:conc")
