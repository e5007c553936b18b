"""The fixture `processes`: what a test can start, what comes back, and what becomes of what is left."""

import multiprocessing
import os
import signal
import sys
import threading
import time

import psutil
import pytest

import pytest_conc
from pytest_conc import ProcessExit, UncontrolledBlocking, WrongUse
from pytest_conc.stressing import children

COUNTER = {"number": 1}
LOCK = threading.Lock()  # cannot be pickled

slowly = pytest.param("forkserver", marks=pytest.mark.slow)  # most of its ways are those of spawn
every_method = pytest.mark.parametrize("method", ["spawn", "fork", slowly])


class Refusing(ValueError):
    """Cannot be pickled: it needs two arguments, and keeps one."""

    def __init__(self, text, more):
        super().__init__(text)


class Basket:
    def __init__(self, pieces):
        self.pieces = pieces

    def count(self, more=0):
        return len(self.pieces) + more


def add(a, b=1):
    return a + b


def fail(text="lost"):
    raise ValueError(text)


def compare(a, b):
    assert a == b


def ids():
    return os.getpid(), os.getppid(), multiprocessing.parent_process().pid


def refuse():
    raise Refusing("no", 1)


def take_and_give(jobs, lock, number, event, pipe):
    event.wait()
    with lock, number.get_lock():
        number.value += jobs.get()
    pipe.send("done")


def ignore_everything(pipe):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    pipe.send(os.getpid())
    time.sleep(99)


# -- targets ---------------------------------------------------------------------------------
@every_method
def test_the_result_is_what_the_target_returned(processes, method):
    assert processes.start(add, 1, b=2, method=method).result() == 3


@every_method
def test_local_functions_lambdas_closures_and_methods_are_targets(processes, method):
    base = 10

    def local(more):
        return base + more

    assert processes.start(local, 1, method=method).result() == 11
    assert processes.start(lambda: base, method=method).result() == 10
    assert processes.start(Basket("abc").count, more=1, method=method).result() == 4


def test_a_local_function_that_calls_itself_is_a_target(processes):
    def factorial(number):
        return 1 if number == 0 else number * factorial(number - 1)

    assert processes.start(factorial, 5).result() == 120


def test_a_local_function_uses_the_globals_of_its_module(processes):
    COUNTER["number"] = 2
    try:
        with LOCK:  # a copy of the globals could not be sent
            assert processes.start(lambda: (COUNTER["number"], LOCK.locked())).result() == (1, False)
    finally:
        COUNTER["number"] = 1


@every_method
def test_queues_locks_values_events_and_pipes_are_arguments(processes, shared_queue, method):
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    number, event, jobs = context.Value("i", 1), context.Event(), shared_queue()
    handle = processes.start(take_and_give, jobs, context.Lock(), number, event, theirs, method=method)
    jobs.put(41)
    event.set()
    assert ours.recv() == "done"
    handle.result()
    assert number.value == 42


def test_a_start_method_that_does_not_exist_is_refused_with_the_nearest_one(processes):
    with pytest.raises(WrongUse, match=r"method='forkserve' .*did you mean 'forkserver'"):
        processes.start(int, method="forkserve")


def test_what_cannot_be_called_is_refused(processes):
    with pytest.raises(TypeError, match="3 cannot be called; a target is a callable"):
        processes.start(3)


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda lock: (lambda: lock,), "the variable lock of <lambda>"),
        (lambda lock: (add, lock), "argument 1 of add"),
        (lambda lock: (lock.acquire,), "the target lock.acquire"),
    ],
)
def test_what_cannot_be_sent_is_named_before_anything_starts(processes, call, what):
    with pytest.raises(WrongUse) as raised:
        processes.start(*call(threading.Lock()))
    assert f"{what}, <" in str(raised.value)
    assert "cannot be sent to a process that is started by 'spawn' (TypeError: cannot pickle" in str(raised.value)
    assert 'method="fork"' in str(raised.value)
    assert processes.handles == []


def test_a_forked_child_needs_no_pickle(processes):
    lock = threading.Lock()
    assert processes.start(lambda: lock.locked(), method="fork").result() is False


def test_a_result_that_cannot_be_sent_is_an_error_that_names_it(processes):
    with pytest.raises(WrongUse, match=r"what <lambda> returned, <generator.*cannot be sent back from process maker"):
        processes.start(lambda: (each for each in ()), name="maker").result()


@every_method
def test_a_large_result_does_not_block(processes, method):
    handle = processes.start(bytes, 5_000_000, method=method)
    handle.join()
    assert handle.result() == bytes(5_000_000)


# -- handles ---------------------------------------------------------------------------------
def test_name_and_daemon_belong_to_the_handle_and_everything_else_to_the_target(processes):
    handle = processes.start(dict, name="worker", daemon=True, kind="x")
    assert (handle.name, handle.daemon, handle.result()) == ("worker", True, {"kind": "x"})


def test_a_handle_has_the_interface_of_a_process(processes):
    handle = processes.start(time.sleep, 99, daemon=True)
    assert handle.is_alive()
    assert handle.exitcode is None
    assert psutil.pid_exists(handle.pid)
    assert handle.join(0) is None
    with pytest.raises(TimeoutError, match="still running after 0 seconds"):
        handle.result(0)
    handle.terminate()
    handle.join()
    assert (handle.is_alive(), handle.exitcode) == (False, -signal.SIGTERM)


@every_method
def test_the_child_knows_whose_child_it_is(processes, method):
    handle = processes.start(ids, method=method)
    own, parent, really = handle.result()
    assert (own, really) == (handle.pid, os.getpid())
    assert (parent == os.getpid()) is (method != "forkserver")


def test_together_returns_the_results_in_order(processes):
    assert processes.together((add, 1), (add, 2), copies=2) == [2, 2, 3, 3]


def test_together_begins_when_all_are_there(processes, tmp_path):
    def write(name):
        (tmp_path / name).touch()
        while len(list(tmp_path.iterdir())) < 2:
            pass

    processes.together((write, "a"), (write, "b"))


def test_together_raises_the_first_error_and_tells_of_the_others(processes):
    with pytest.raises(ValueError, match="one") as raised:
        processes.together((fail, "one"), (fail, "two"))
    assert any("raised as well: ValueError: two" in note for note in raised.value.__notes__)


# -- exceptions ------------------------------------------------------------------------------
@every_method
def test_the_exception_arrives_with_the_childs_traceback(processes, method):
    with pytest.raises(ValueError, match=r"^lost$") as raised:
        processes.start(fail, method=method).result()
    line = fail.__code__.co_firstlineno + 1
    assert f'test_processes.py", line {line}, in fail' in str(raised.value.__cause__)
    assert "pytest_conc" not in str(raised.value.__cause__)


@every_method
def test_an_assert_in_a_child_says_why_it_fails(processes, method):
    with pytest.raises(AssertionError, match="assert 1 == 2"):
        processes.start(compare, 1, 2, method=method).result()


def test_an_assert_in_a_local_function_says_why_it_fails(processes):
    def local(value):
        assert value == 2

    with pytest.raises(AssertionError, match="assert 1 == 2"):
        processes.start(local, 1).result()


@every_method
def test_a_class_of_the_test_itself_is_the_same_class_when_it_comes_back(processes, method):
    class Local(Exception):
        pass

    def raise_it():
        raise Local("here")

    with pytest.raises(Local, match="here"):
        processes.start(raise_it, method=method).result()


def test_an_exception_that_cannot_be_pickled_keeps_its_name_its_text_and_what_it_derives_from(processes):
    with pytest.raises(ValueError) as raised:
        processes.start(refuse).result()
    assert (type(raised.value).__name__, str(raised.value)) == ("Refusing", "no")


def test_an_exit_code_is_told_as_such(processes):
    with pytest.raises(ProcessExit, match=r"process three \(exit\) ended with exit code 3"):
        processes.start(sys.exit, 3, name="three").result()


def test_a_process_that_was_killed_is_told_as_such(processes):
    with pytest.raises(ProcessExit, match="was ended by SIGKILL"):
        processes.start(lambda: os.kill(os.getpid(), signal.SIGKILL), method="fork").result()


def test_whoever_asked_for_the_exit_code_has_asked(processes):
    handle = processes.start(sys.exit, 3, method="fork")
    handle.join()
    assert handle.exitcode == 3


def test_result_collects_the_exit_code_of_an_exception_too(processes):
    handle = processes.start(fail, method="fork")
    with pytest.raises(ValueError):
        handle.result()
    assert handle.uncollected() is None


@pytest.mark.parametrize("how", ["terminate", "kill"])
def test_a_process_that_the_test_has_ended_is_no_failure(processes, how):
    handle = processes.start(time.sleep, 99, method="fork")
    getattr(handle, how)()
    handle.join()


# -- in a test session ---------------------------------------------------------------------------
HEAD = """
import os, signal, subprocess, sys, time
import pytest
def fail():
    raise AssertionError("lost")
def ignore(*numbers):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(99)
"""


@pytest.fixture
def run(pytester):
    def run(text, *options):
        pytester.makepyfile(HEAD + text)
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", "-W", "error", *options)

    return run


workers = pytest.mark.parametrize("options", [("-n2",)], ids=["xdist"])


@workers
def test_only_the_guilty_test_fails_and_in_its_call_phase(run, options):
    result = run(
        """
def test_raises(processes):
    processes.start(fail, name="loser")
def test_exits(processes):
    processes.start(sys.exit, 3, name="three")
def test_is_killed(processes):
    processes.start(lambda: os.kill(os.getpid(), signal.SIGKILL), name="victim", method="fork")
def test_leaks(processes):
    processes.start(time.sleep, 99, name="sleeper")
def test_innocent(processes):
    processes.start(int).result()
def test_daemon(processes):
    processes.start(time.sleep, 99, daemon=True)
""",
        *options,
    )
    result.assert_outcomes(failed=4, passed=2)
    result.stdout.fnmatch_lines_random(
        [
            "AssertionError: lost",
            "raised in process loser (fail) at test_only_the_guilty_test_fails_and_in_its_call_phase.py:4",
            "ProcessExit: process three (exit) ended with exit code 3, and raised no exception",
            "ProcessExit: process victim (<lambda>) was ended by SIGKILL (exit code -9), and raised no exception",
            "LeakedTask: sleeper (sleep) is still running at the end of the test, process *",
        ]
    )
    result.stdout.no_fnmatch_line("*hidden*")
    result.stdout.no_fnmatch_line("*processes.py*")


@pytest.mark.skipif(sys.platform != "linux", reason="orphans are adopted on Linux only")
def test_nothing_is_left_of_a_tree_that_does_not_want_to_end(run, pytester):
    result = run(
        """
def parent(folder, ends):
    child = os.fork()
    (folder / str(child or os.getpid())).touch()
    if not child or not ends:
        ignore()
    os._exit(0)
def test_stubborn(processes, tmp_path):
    processes.start(parent, tmp_path, False, daemon=True)
    while len(list(tmp_path.iterdir())) < 1:
        pass
    (tmp_path.parent.parent / "pids").write_text(" ".join(each.name for each in tmp_path.iterdir()))
def test_orphan(processes, tmp_path):
    processes.start(parent, tmp_path, True).result()
""",
        "--basetemp=base",
    )
    result.assert_outcomes(passed=2)
    for path in pytester.path.glob("base/test_*/*"):
        assert not psutil.pid_exists(int(path.name))


def test_tasks_of_a_fixture_are_judged_after_its_teardown(run):
    result = run("""
@pytest.fixture
def server(processes):
    handle = processes.start(time.sleep, 99)
    yield handle
    handle.terminate()
@pytest.fixture
def broken(processes):
    return processes.start(fail)
def test_good(server):
    assert server.is_alive()
def test_bad(broken):
    pass
""")
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*ERROR at teardown of test_bad*", "*lost*"])


def test_what_the_body_raises_comes_first_and_tells_of_the_rest(run):
    result = run("""
def test_both(processes):
    processes.start(fail, method="fork")
    assert "body" == 1
""")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E*AssertionError: assert 'body' == 1", "E*and AssertionError: lost"])


@pytest.mark.parametrize("mode", ["fd", "sys", "tee-sys"])
def test_what_a_child_prints_is_in_the_report_of_its_test(run, mode):
    result = run(
        """
def speak(word):
    print(word, flush=True)
    print(word + "!", file=sys.stderr)
    os.system("echo system-" + word)
@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_it(processes, method):
    processes.start(speak, method, method=method).result()
    assert 0
""",
        f"--capture={mode}",
    )
    result.assert_outcomes(failed=2)
    for method in ("spawn", "fork"):
        result.stdout.fnmatch_lines(
            [
                f"*_ test_it[[]{method}[]] _*",
                "*Captured stdout call*",
                method,
                "*Captured stderr call*",
                f"{method}!",
            ]
        )


def test_without_capture_a_child_prints_to_the_terminal(run):
    run("def test_it(processes):\n    processes.start(print, 'spoken').result()", "-s").stdout.fnmatch_lines(
        ["*spoken"]
    )


@pytest.mark.parametrize("mode", ["prepend", "append", "importlib"])
def test_a_child_finds_the_test_file_in_every_import_mode(pytester, mode):
    folder = pytester.mkdir("deep")
    (folder / "helper_of_mine.py").write_text("def value():\n    return 7\n")
    (folder / "test_deep.py").write_text("""
from pytest_conc import WrongUse
def add(a, b):
    assert a == b
def test_it(processes):
    try:
        processes.start(add, 1, 2).result()
    except AssertionError as error:
        assert "assert 1 == 2" in str(error)
    else:
        raise SystemError
""")
    result = pytester.runpytest_subprocess(f"--import-mode={mode}", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=1)


def test_join_and_result_without_a_time_limit_are_bounded(processes):
    processes.hang_after = 0.3
    handle = processes.start(time.sleep, 99, name="sleeper", daemon=True)
    for wait in (handle.join, handle.result):
        with pytest.raises(UncontrolledBlocking) as raised:
            wait()
        assert f"sleeper (sleep) did not end within 0.3 seconds; it is process {handle.pid}" in str(raised.value)
        assert "--conc-hang-after" in str(raised.value)


def test_a_hanging_child_tells_what_it_executes(processes, shared_queue):
    processes.hang_after = 1.0
    jobs = shared_queue()

    def take():
        jobs.get()

    with pytest.raises(UncontrolledBlocking) as raised:
        processes.start(take, method="fork").join()
    assert f'test_processes.py", line {take.__code__.co_firstlineno + 1} in take' in str(raised.value)
    assert "_pytest" not in str(raised.value)  # a forked child has the stack of its parent below its own


def test_the_bound_stands_down_in_the_debugger(processes, monkeypatch):
    from pytest_conc.fixtures import tasks

    looks = iter([True, True, False])
    monkeypatch.setattr(tasks, "in_debugger", lambda: next(looks))
    processes.hang_after = 0.05
    with pytest.raises(UncontrolledBlocking):
        processes.start(time.sleep, 99, daemon=True, method="fork").join()
    assert next(looks, None) is None


def test_an_explored_test_is_refused_and_sent_to_stress(run):
    result = run("""
from pytest_conc import interleave
@interleave
def test_it(processes):
    pass
""")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["Refused: the fixture processes cannot be explored*@stress*"])


def test_a_child_that_needs_no_pytest_does_not_import_it(processes):
    assert "pytest" not in processes.start(eval, "list(__import__('sys').modules)").result()


def test_the_main_program_of_the_session_is_not_run_again(pytester):
    runner = pytester.makepyfile(
        runner="""
import sys
import pytest
open("runs", "a").write("x")
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "test_it.py"]))
"""
    )
    pytester.makepyfile(test_it="def test_it(processes):\n    assert processes.start(int).result() == 0")
    assert pytester.runpython(runner).ret == 0
    assert (pytester.path / "runs").read_text() == "x"


class WantsTwo(Exception):
    """Cannot be made anew from its text alone."""

    def __init__(self, a, b):
        super().__init__(f"{a}-{b}")


class HoldsALock(KeyError):
    """Cannot be pickled."""

    def __init__(self, text):
        super().__init__(text)
        self.lock = threading.Lock()


def raise_it(kind, *arguments):
    raise kind(*arguments)


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
@pytest.mark.parametrize(
    ("kind", "arguments", "text"), [(WantsTwo, (1, 2), "1-2"), (HoldsALock, ("x",), "'x'"), (OSError, (2, "no"), "")]
)
def test_an_exception_that_cannot_be_pickled_is_caught_by_the_same_except(processes, method, kind, arguments, text):
    with pytest.raises(kind) as caught:
        processes.start(raise_it, kind, *arguments, method=method).result()
    assert type(caught.value).__name__ in (kind.__name__, "FileNotFoundError")
    assert text in str(caught.value)


# -- the stack of a child ----------------------------------------------------------------------
THREADS_OF_A_CHILD = """\
Thread 0x2 (most recent call first):
  File "{library}/threading.py", line 327 in wait
  File "{library}/multiprocessing/queues.py", line 231 in _feed
  File "{library}/threading.py", line 982 in run

Thread 0x1 (most recent call first):
  File "{here}", line 3 in run
  File "{library}/threading.py", line 1045 in _bootstrap_inner
  File "{library}/threading.py", line 1002 in _bootstrap

Current thread 0x0 (most recent call first):
  File "{library}/multiprocessing/queues.py", line 103 in get
  File "{ours}/fixtures/process_queues.py", line 40 in get
  File "{here}", line {get} in test_the_stack_of_a_child
  File "{ours}/instrument/instrumentation.py", line 152 in __call__
  File "{here}", line {begin} in test_the_stack_of_a_child
  File "{here}", line {get} in test_the_stack_of_a_child
  File "{ours}/stressing/children.py", line 50 in __call__
  File "{library}/multiprocessing/process.py", line 108 in run
  File "{here}", line 9 in who_has_started_it
"""


def test_the_stack_of_a_child():
    """The stack of a child is that of its target, with what it has called, in all threads that do the user's work."""
    begin = test_the_stack_of_a_child.__code__.co_firstlineno
    places = {"library": os.path.dirname(os.__file__), "here": __file__, "ours": os.path.dirname(pytest_conc.__file__)}
    lines = children.of_targets(THREADS_OF_A_CHILD.format(**places, begin=begin, get=begin + 2))
    assert [line.partition("line ")[2] for line in lines if not children.is_ours(line)] == [
        "3 in run",
        "103 in get",
        *[f"{begin + 2} in test_the_stack_of_a_child"] * 2,  # it calls itself; the line where it begins is no call
    ]
    assert any(line.endswith("line 40 in get") for line in lines), "for whoever asks what kind of wait it is"


def test_a_child_that_waits_for_an_item_of_a_shared_queue_is_starved_at_a_line_of_the_users(run):
    text = """
def consume(queue):
    while True: queue.get()
@stress(runs=1, hang_after=0.3)
def test_x(processes, shared_queue):
    processes.start(consume, shared_queue(kind="process")).result()
"""
    result = run("from pytest_conc import stress\n" + text)
    result.stdout.fnmatch_lines(["Starved: nothing has happened for *", '* File "*test_*.py", line * in consume'])
