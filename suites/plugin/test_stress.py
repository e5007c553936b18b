"""`@stress` and `--conc-stress`: how often a test is run, what is counted, what fails it, what it tells."""

import json
import multiprocessing
import sys
from zlib import crc32

import pytest

from pytest_conc.stressing import children

RACE = """
import threading, time, sys, os
import pytest
from pytest_conc import Deadlock, Starved, interleave, sleep_point, stress

class Counter:
    def __init__(self):
        self.value = 0
        self.lock = threading.Lock()
    def add(self):
        for _ in range(20):
            self.value += 1
    def add_locked(self):
        for _ in range(20):
            with self.lock:
                self.value += 1

def together(*targets):
    threads = [threading.Thread(target=target) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

def lose():
    counter = Counter()
    together(counter.add, counter.add)
    assert counter.value == 40

def keep():
    counter = Counter()
    together(counter.add_locked, counter.add_locked)
    assert counter.value == 40
"""


@pytest.fixture
def run(pytester):
    """Runs a test file that begins with RACE in this process; returns the result."""

    def run(text, *options, begin=RACE, subprocess=False):
        pytester.makepyfile(test_x=begin + text)
        runner = pytester.runpytest_subprocess if subprocess else pytester.runpytest_inprocess
        return runner("-p", "no:cacheprovider", *options)

    return run


def test_an_unlocked_increment_fails_for_real_although_no_switch_can_happen_there(run):
    result = run("@stress\ndef test_x(): lose()")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            ">       assert counter.value == 40",
            "E       assert * == 40",
            "*- stress -*",
            "* of 100 runs failed (* %, 95 % CI *–*, Wilson)",
            "  * × AssertionError: assert * == 40 (test_x.py:*), first in run *",
            "Threads slept where they had come near each other:",
            "  test_x.py:11: self.value += 1",
            "An exploration finds it too, in execution *: LostUpdate.",
            "replay: pytest 'test_x.py::test_x' --conc-replay c2.*",
            "again: pytest 'test_x.py::test_x' --conc-stress 100",
        ]
    )
    result.stdout.no_fnmatch_line("*pytest_conc/*.py*")


def test_the_locked_one_passes_and_prints_nothing(run):
    result = run("@stress\ndef test_x(): keep()")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*runs failed*")


def test_the_printed_token_replays_the_failure_that_runs_have_shown(run):
    first = run("@stress\ndef test_x(): lose()")
    line = next(line for line in first.outlines if line.startswith("replay: "))
    again = run("@stress\ndef test_x(): lose()", line.split()[2].strip("'"), *line.split()[3:])
    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines(["LostUpdate: AssertionError under the schedule of the token"])


def test_without_delays_only_luck_finds_it(run):
    run("@stress(delays='off')\ndef test_x(): lose()").assert_outcomes(passed=1)


def test_random_delays_find_it_as_well(run):
    result = run("@stress(delays='random')\ndef test_x(): lose()")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["Threads slept at random accesses to shared state."])


@pytest.mark.parametrize("options", [["--conc-stress=7"], ["-o", "conc_stress=7"]])
def test_the_option_stresses_every_test_marked_or_not_and_overrides_runs(run, options):
    text = "@stress(runs=3)\ndef test_x(): keep()\ndef test_y(): keep()\n@interleave\ndef test_z(): keep()"
    result = run(text, *options, "-v")
    result.assert_outcomes(passed=3)
    for name in "xyz":
        result.stdout.fnmatch_lines([f"test_x.py::test_{name}: 0 of 7 runs failed *"])


def test_only_the_runs_asked_for_are_made(run):
    text = """
made = []
@stress(runs=13)
def test_x(): made.append(1)
def test_count(): assert len(made) == 13
"""
    run(text).assert_outcomes(passed=2)


def test_the_time_bounds_the_runs(run):
    result = run("@stress(runs=10**6, seconds=0.2)\ndef test_x(): time.sleep(0.05)", "-v")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*ended before all runs were made: the time was over"])


def test_function_scoped_fixtures_are_fresh_in_each_run(run):
    text = """
seen = []
@pytest.fixture
def box():
    seen.append("up")
    yield []
    seen.append("down")
@stress(runs=3)
def test_x(box, tmp_path, monkeypatch):
    assert box == [] and list(tmp_path.iterdir()) == []
    monkeypatch.setenv("CONC_SEEN", "1")
    (tmp_path / "file").touch()
    box.append(1)
def test_y():
    assert seen == ["up", "down"] * 3
    assert "CONC_SEEN" not in os.environ
"""
    run(text).assert_outcomes(passed=2)


def test_all_runs_are_made_for_the_rate_unless_told_otherwise(run):
    text = "\nmade = []\n@stress(runs=10{})\ndef test_x():\n    made.append(1)\n    assert len(made) < 4\n"
    run(text.format("")).stdout.fnmatch_lines(["7 of 10 runs failed (70.0 %, 95 % CI 39.7–89.2, Wilson)"])
    first = run(text.format(", keep_going=False"))
    first.stdout.fnmatch_lines(["1 of 4 runs failed *", "*it was to stop at the first failure"])


def test_x_stops_the_runs_and_the_session(run):
    result = run("@stress(runs=10)\ndef test_x(): assert False\ndef test_y(): pass", "-x")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["1 of 1 runs failed *"])


def test_a_lesson_passes_if_some_run_fails_as_it_says(run):
    result = run("@stress(finds=AssertionError)\ndef test_x(): lose()", "--conc-show")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*found by test_x.py::test_x*", "replay: *", "test_x.py::test_x: * of 100 runs *"])


def test_a_lesson_that_finds_nothing_fails_and_says_what_to_do(run):
    result = run("@stress(runs=5, finds=AssertionError)\ndef test_x(): keep()")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["finds=AssertionError, but 5 runs passed.", "If the code is mended, take finds= away*"]
    )


def test_any_other_failure_fails_a_lesson(run):
    text = "\nmade = []\n@stress(runs=4, finds=ValueError)\ndef test_x():\n    made.append(1)\n" + (
        "    if len(made) == 2: raise ValueError('found')\n    if len(made) == 3: raise OSError('other')\n"
    )
    result = run(text)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E       OSError: other", "  1 × ValueError: found (*", "  1 × OSError: other (*"])


def test_a_deadlock_ends_the_runs_and_can_be_what_a_lesson_finds(run):
    text = """
@stress(finds=Deadlock)
def test_x():
    one, other = threading.Lock(), threading.Lock()
    def take(first, second):
        with first:
            sleep_point("between the locks")
            with second:
                pass
    together(lambda: take(one, other), lambda: take(other, one))
def test_y(): pass
"""
    result = run(text)
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*1 × Deadlock: no task can go on: *", "*a run did not end"])


def test_an_exploration_of_a_loop_that_never_ends_finds_the_same(run):
    text = """
@stress(hang_after=0.3)
def test_x():
    ready = threading.Event()
    def poll():
        while not ready.wait(0.01):
            pass
    together(poll)
"""
    result = run(text)
    result.stdout.fnmatch_lines(["UncontrolledBlocking: *", "An exploration finds it too, in execution 1: Livelock."])


def test_who_waits_for_a_thread_is_told_after_what_that_thread_waits_for(run):
    result = run("@stress(runs=1)\ndef test_x(): together(threading.Event().wait)")
    result.stdout.fnmatch_lines(
        ["LostWakeup: *", "  Thread-* waits in Event.wait", "  main waits for the end of Thread-*"], consecutive=True
    )


def test_locks_of_a_module_are_free_again_after_a_deadlock(run):
    text = """
one, other = threading.Lock(), threading.Lock()
both = threading.Barrier(2)
def take(first, second):
    with first:
        both.wait()
        with second:
            pass
@stress(runs=1)
def test_x(): together(lambda: take(one, other), lambda: take(other, one))
def test_y(): assert not one.locked() and not other.locked()
"""
    run(text).assert_outcomes(failed=1, passed=1)


@pytest.mark.parametrize("kind", ["Lock", "RLock"])
def test_locks_that_were_taken_without_with_are_free_again_after_a_hang(run, kind):
    text = f"""
lock, other = threading.{kind}(), threading.Lock()
def take():
    lock.acquire()
    other.acquire()
    other.acquire()
@stress(runs=1)
def test_x(): together(take)
@stress(runs=1)
def test_y(): assert lock.acquire(blocking=False) and other.acquire(blocking=False)
"""
    result = run(text)
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["An exploration finds it too, in execution 1: Deadlock."])


def test_what_waits_in_c_is_freed_as_well(run):
    text = """
import socket
@stress(runs=1, hang_after=0.3)
def test_x():
    one, other = socket.socketpair()
    try:
        one.recv(1)
    finally:
        one.close()
        other.close()
def test_y(): pass
"""
    result = run(text)
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(
        ["UncontrolledBlocking: nothing has happened for 0.* seconds:", "*main is *one.recv(1))"]
    )


def test_a_run_that_takes_long_but_goes_on_is_left_alone(run):
    text = """
@stress(runs=1, hang_after=0.2)
def test_x():
    done = []
    def work():
        for number in range(30):
            time.sleep(0.02)
            done.append(number)
    together(work)
    assert len(done) == 30
"""
    run(text).assert_outcomes(passed=1)


def test_a_helper_that_fails_is_the_failure_of_its_test(run):
    text = (
        "\ndef fail(): raise OSError('gone')\n@stress(runs=2)\ndef test_x(): together(fail, fail)\ndef test_y(): pass"
    )
    result = run(text)
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(
        [
            "E   OSError: gone",
            "E   raised in Thread-* (fail)",
            "E   and OSError: gone (test_x.py:*)",
            "2 of 2 runs failed*",
        ]
    )


@pytest.mark.parametrize(
    "text",
    [
        "with pytest.raises(OSError): pool.submit(fail).result()",
        "assert pool.submit(fail).exception()",
        "future = pool.submit(fail); concurrent.futures.wait([future]); assert future.exception()",
    ],
)
def test_a_failure_that_somebody_asks_for_is_none(run, text):
    run(f"""
import concurrent.futures
def fail(): raise OSError("gone")
@stress(runs=2)
def test_x():
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        {text}
""").assert_outcomes(passed=1)


def test_a_hook_of_the_tests_own_is_asked_instead(run):
    run("""
def fail(): raise OSError("gone")
@stress(runs=2)
def test_x(monkeypatch):
    seen = []
    monkeypatch.setattr(threading, "excepthook", seen.append)
    together(fail)
    assert seen[0].exc_type is OSError
""").assert_outcomes(passed=1)


def test_a_pool_that_is_older_than_the_test_is_left_alone(run):
    run("""
import concurrent.futures
@pytest.fixture(scope="module")
def pool():
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        yield pool
@stress(runs=3)
def test_x(pool): assert pool.submit(int, "3").result() == 3
@stress(runs=3)
def test_y(pool): assert pool.submit(int, "4").result() == 4
""").assert_outcomes(passed=2)


def test_skip_and_xfail_end_the_runs_with_that_outcome(run):
    text = """
@stress
def test_x(): pytest.skip("not here")
@stress
def test_y(): pytest.xfail("not yet")
@pytest.mark.xfail(strict=True)
@stress(runs=2)
def test_z(): assert False
"""
    run(text).assert_outcomes(skipped=1, xfailed=2)


def test_only_the_output_of_the_first_failing_run_is_shown(run):
    text = """
made = []
@stress(runs=5)
def test_x():
    made.append(1)
    print("this is run", len(made))
    assert len(made) != 3
"""
    result = run(text)
    assert [line for line in result.outlines if line.startswith("this is run")] == ["this is run 3"]


FAILS = "\n@stress(runs=3)\ndef test_x():\n    sleep_point('x')\n    assert False"


@pytest.mark.parametrize(
    ("options", "more"),
    [
        ([], ""),
        (["--conc-seed=5"], " --conc-seed 5"),
        (["-o", "conc_seed=5"], " -o conc_seed=5"),
        (["-o", "conc_seed=5", "--conc-seed", "0"], " --conc-seed 0 -o conc_seed=5"),
        (["--conc-delays=random", "--conc-hang-after", "4"], " --conc-delays random --conc-hang-after 4"),
        (["-o", "conc_targets=os json", "-o", "console_output_style=count"], " -o 'conc_targets=os json'"),
    ],
)
def test_the_line_that_repeats_has_the_options_that_were_given(run, options, more):
    expected = f"again: pytest 'test_x.py::test_x' --conc-stress 3{more}"
    result = run(FAILS, *options)
    assert [line.strip() for line in result.outlines if line.strip().startswith("again: ")] == [expected] * 2


def test_the_line_that_repeats_a_step_is_valid_without_count_and_has_its_seed(run):
    text = FAILS.replace("False", "request.node.callspec.params['__pytest_repeat_step_number'] < 1")
    result = run(text.replace("test_x()", "test_x(request)"), "--count=3", "--conc-seed=4")
    seed = crc32(b"4/1")
    result.stdout.fnmatch_lines([f"again: pytest 'test_x.py::test_x' --conc-stress 3 --conc-seed {seed}"])


def test_what_was_learned_is_kept_for_the_next_session(pytester):
    pytester.makepyfile(test_x=RACE + "@stress(runs=20)\ndef test_x(): lose()")
    pytester.runpytest_inprocess()
    cached = json.loads(next(pytester.path.glob(".pytest_cache/v/conc/near-misses")).read_text())
    places = cached["test_x.py::test_x"]
    assert any(":Counter.add:" in place and place.endswith(":value") for place in places)
    assert all(0 < chance <= 1 and 0 < short <= long <= 0.02 for chance, short, long in places.values())
    pytester.runpytest_inprocess("-n1", "--conc-stress=40").assert_outcomes(failed=1)


BAD = {
    "an unknown option": ("@stress(run=3)", "there is no option of stress 'run'; did you mean 'runs'?"),
    "no runs": ("@stress(runs=0)", "runs=0 is too small; it must be at least 1"),
    "unknown delays": ("@stress(delays='learnt')", "delays='learnt' is not one of *; did you mean 'learned'?"),
    "no exception": ("@stress(finds=3)", "finds=3 is no exception class*"),
    "a value without a name": ("@pytest.mark.conc_stress(3)", "stress got 3 without a name; write a keyword*runs=100*"),
    "both marks": ("@interleave\n@stress", "*is marked both interleave and stress*--conc-stress RUNS*"),
    "no truth": ("@stress(keep_going=1)", "keep_going=1 is neither True nor False"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_mark_fails_its_test_without_a_traceback(run, case):
    mark, message = BAD[case]
    result = run(f"{mark}\ndef test_x(): pass\ndef test_y(): pass")
    result.assert_outcomes(errors=1, passed=1)
    result.stdout.fnmatch_lines([f"*{message}"])
    result.stdout.no_fnmatch_line("*Traceback*")


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--conc-stress=0", "--conc-stress: runs=0 is too small*"),
        ("--conc-stress=many", "--conc-stress: 'many' is not a whole number"),
        ("--conc-delays=often", "--conc-delays: delays='often' is not one of*"),
    ],
)
def test_a_bad_option_is_a_usage_error_before_any_test(run, option, message):
    result = run("def test_x(): pass", option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {message}"])


REFUSED = """
import unittest
class TestX(unittest.TestCase):
    def test_case(self): pass
async def test_async(): pass
def test_plain(): pass
"""


def test_what_cannot_be_stressed_runs_once_and_is_listed(run):
    result = run(REFUSED, "--conc-stress=2", "-k", "not async")
    result.assert_outcomes(passed=2, deselected=1)
    result.stdout.fnmatch_lines(["ran once, not stressed: *test_case (it is a method of a unittest.TestCase;*"])


def test_what_is_marked_and_cannot_be_stressed_is_refused(run):
    text = REFUSED.replace("    def test_case", "    @stress\n    def test_case").replace(
        "async def", "@stress\nasync def"
    )
    result = run(text)
    result.assert_outcomes(errors=2, passed=1)
    result.stdout.fnmatch_lines(["*cannot be stressed: it is a method of a unittest.TestCase*"])
    result.stdout.fnmatch_lines(["*cannot be stressed: it is an async test*"])


def test_a_mark_on_a_class_and_on_a_module_counts(run):
    text = (
        "\npytestmark = stress(runs=2)\n@stress(runs=4)\nclass TestX:\n    def test_x(self): pass\ndef test_y(): pass"
    )
    result = run(text, "-v")
    result.stdout.fnmatch_lines(["*test_x: 0 of 4 runs failed*", "*test_y: 0 of 2 runs failed*"])


@pytest.mark.parametrize(
    "options",
    [
        ["--import-mode=importlib", "-W", "error", "--timeout=60", "--capture=sys"],
        ["--import-mode=append", "--tb=line", "-s", "-p", "no:logging"],
        ["--count=2", "-n2", "--dist=loadfile", "-W", "error"],
        ["-p", "no:terminal"],
        ["-p", "randomly"],
    ],
    ids=" ".join,
)
def test_other_plugins_and_options_do_not_get_in_the_way(run, options, monkeypatch):
    if "randomly" in options:
        monkeypatch.delenv("PYTEST_ADDOPTS")
        options = []
    text = "@stress(runs=400, keep_going=False)\ndef test_x(): lose()\n@stress(runs=9)\ndef test_y(): keep()"
    result = run(text, *options, subprocess=True)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "INTERNALERROR" not in result.stdout.str() + result.stderr.str()
    if "no:terminal" not in options:
        times = 2 if "--count=2" in options else 1
        result.assert_outcomes(failed=times, passed=times)
    if not options:
        result.stdout.fnmatch_lines(["Using --randomly-seed=*"])


def test_coverage_sees_what_threads_execute(run):
    pytest.importorskip("pytest_cov")
    result = run("@stress(runs=3)\ndef test_x(): keep()", "--cov=.", "--cov-report=term-missing", subprocess=True)
    result.stdout.fnmatch_lines(["test_x.py * 1[0-9]-1[0-9], *"])  # Counter.add, which nobody calls


def test_breakpoint_works_and_nothing_is_taken_for_a_hang_meanwhile(pytester):
    body = "@stress(runs=2, hang_after=0.3)\ndef test_x():\n    number = 41\n    breakpoint()\n"
    pytester.makepyfile(test_x=RACE + body)
    commands = b"import time; time.sleep(0.8); print('it is', number + 1)\ncontinue\n" * 2
    result = pytester.run(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "test_x.py", stdin=commands)
    result.assert_outcomes(passed=1)
    assert sum("it is 42" in line for line in result.outlines) == 2


def test_a_forked_process_is_no_reason_for_a_warning_because_somebody_watches(run):
    text = """
import multiprocessing
@stress(runs=2)
def test_x():
    process = multiprocessing.get_context("fork").Process(target=int)
    process.start()
    process.join()
    assert process.exitcode == 0
"""
    run(text, "-W", "error", subprocess=True).assert_outcomes(passed=1)


def test_who_watches_does_not_take_the_exit_code_from_who_waits():
    process = multiprocessing.get_context("fork").Process(target=sys.exit, args=(3,))
    process.start()
    while children.seems_alive(process):
        pass
    assert process._popen.returncode is None, "nobody has asked the system yet"
    process.join()
    assert process.exitcode == 3
    assert not children.seems_alive(process)


def test_a_test_with_the_mark_of_another_project_is_left_alone(run):
    text = "@pytest.mark.stress\ndef test_x(): pass"
    run(text, "-W", "ignore").assert_outcomes(passed=1)


def test_ctrl_c_ends_the_session(run):
    result = run("@stress\ndef test_x(): raise KeyboardInterrupt\ndef test_y(): pass", subprocess=True)
    assert result.ret == pytest.ExitCode.INTERRUPTED


def test_tracebacks_are_those_of_the_users_code_alone(run):
    text = """
import multiprocessing
def fail():
    value = 1
    raise ValueError(value)
@stress(runs=1)
def test_x():
    value = 0
    assert value == 1
@stress(runs=1)
def test_y():
    child = multiprocessing.get_context("spawn").Process(target=fail)
    child.start()
    child.join()
"""
    result = run(text, "--show-capture=no")
    result.stdout.fnmatch_lines(
        ["*_ test_x _*", "    @stress(runs=1)", "    def test_x():", ">       assert value == 1"]
    )
    result.stdout.fnmatch_lines(
        ["ProcessExit: *", "Traceback *", '  File "*test_x.py", line *, in fail', "    raise *"]
    )
    result.stdout.no_fnmatch_line('  File "*instrumentation.py*')
    result.stdout.no_fnmatch_line("    value = 1")


def test_an_event_loop_that_cannot_be_explored_leaves_nothing_to_warn_of(run):
    text = """
import asyncio, gc
from pytest_conc import explore, Refused
async def work():
    await asyncio.sleep(0)
    assert False
@stress(runs=1)
def test_x(): asyncio.run(work())
def test_y(): gc.collect()
"""
    result = run(text, "-W", "error", subprocess=True)
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(
        ["It cannot be explored: the scheduler controls threads only, and not an asyncio event loop."]
    )
