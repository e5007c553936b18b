"""`sleep_point` and the fixture `sleep_points`: sleeps at labels and before accesses, in threads and children."""

import multiprocessing
import sys
import threading
import time

import pytest

from pytest_conc import explore, interleave, sleep_point, stress
from pytest_conc.model.settings import WrongUse

METHODS = ("spawn", "fork", pytest.param("forkserver", marks=pytest.mark.slow))
total = 0


class Counter:
    value = 0

    def __init__(self):
        self.other = 0

    def increment(self):
        self.value += 1

    def look(self):
        return self.value

    def increment_other(self):
        self.other += 1


class SpecialCounter(Counter):
    pass


def add_to_total():
    global total
    total += 1


def increment_at_a_point(path):
    number = int(path.read_text())
    sleep_point("between")
    path.write_text(str(number + 1))


def two_increments_in_threads():
    counter = Counter()
    threads = [threading.Thread(target=counter.increment) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return counter.value


@pytest.fixture
def number(tmp_path):
    path = tmp_path / "number"
    path.write_text("0")
    return path


def test_a_label_sleeps_for_whoever_passes_it(sleep_points, threads, number):
    sleep_points.at("between", 0.05)
    threads.together((increment_at_a_point, number), copies=2)
    assert number.read_text() == "1"
    assert sleep_points.hits == {"between": 2}


def test_a_label_that_only_counts(sleep_points, number):
    sleep_points.at("between", 0)
    sleep_points.at("elsewhere", 0)
    increment_at_a_point(number)
    assert sleep_points.hits == {"between": 1, "elsewhere": 0}


@pytest.mark.parametrize("method", METHODS)
def test_a_label_sleeps_in_children_and_their_hits_come_home(sleep_points, processes, number, method):
    sleep_points.at("between", 0.3)
    children = [processes.start(increment_at_a_point, number, method=method) for _ in range(2)]
    for child in children:
        child.result()
    assert sleep_points.hits == {"between": 2}


@pytest.mark.parametrize("method", METHODS[:2])
def test_a_label_sleeps_in_plain_processes_too(sleep_points, number, method):
    sleep_points.at("between", 0)
    child = multiprocessing.get_context(method).Process(target=increment_at_a_point, args=(number,))
    child.start()
    child.join()
    assert sleep_points.hits == {"between": 1}


@pytest.mark.parametrize("method", METHODS)
def test_a_write_sleeps_in_children(sleep_points, processes, method):
    sleep_points.before(Counter, "value", seconds=0.05)
    assert processes.start(two_increments_in_threads, method=method).result() == 1
    assert sleep_points.hits == {"Counter.value": 2}


@pytest.mark.parametrize(("access", "hits"), [("write", 2), ("read", 3), ("any", 5)])
def test_before_every_read_or_write_of_an_attribute(sleep_points, threads, access, hits):
    counter = Counter()
    sleep_points.before(Counter, "value", access, seconds=0.001)
    threads.together(counter.increment, counter.increment, counter.look)
    assert sleep_points.hits == {"Counter.value": hits}


def test_instances_of_subclasses_are_meant_other_names_and_classes_are_not(sleep_points, threads):
    class Counter:
        def __init__(self):
            self.value = 0

        def increment(self):
            self.value += 1

    special, stranger = SpecialCounter(), Counter()
    sleep_points.before(sys.modules[__name__].Counter, "value", seconds=0.001)
    threads.together(special.increment, special.increment_other, stranger.increment)
    assert sleep_points.hits == {"Counter.value": 1}


def test_before_every_write_of_a_global(sleep_points, threads):
    sleep_points.before(sys.modules[__name__], "total", seconds=0.02)
    before = total
    threads.together(add_to_total, copies=2)
    assert total == before + 1
    assert sleep_points.hits == {f"{__name__}.total": 2}


@stress(runs=3, delays="off", finds=AssertionError)
def test_in_a_stress_run(sleep_points, threads):
    counter = Counter()
    sleep_points.before(Counter, "value", seconds=0.02)
    threads.together(counter.increment, copies=2)
    assert counter.value == 2


@stress(runs=60, delays="learned", finds=AssertionError)
def test_a_sleep_point_sleeps_by_itself_under_stress(threads):
    seen = []

    def add():
        number = len(seen)
        sleep_point("between")
        seen.append(number)

    threads.together(add, copies=2)
    assert sorted(seen) == [0, 1]


@interleave(finds=AssertionError)
def test_in_an_exploration_it_is_a_scheduling_point_and_is_counted(sleep_points, threads, number):
    sleep_points.at("between", 1000)
    begin = time.monotonic()
    box = [0]

    def add():
        seen = box[0]
        sleep_point("between")
        box[0] = seen + 1

    threads.together(add, add)
    assert sleep_points.hits == {"between": 2}
    assert time.monotonic() == begin, "nobody slept"
    if box != [2]:
        raise AssertionError("lost")


def test_a_sleep_point_is_nothing_elsewhere():
    assert sleep_point("anything") is None
    assert explore(lambda: sleep_point("anything"), executions=2).outcomes == {None: 2}


WRONG = {
    "negative seconds": (lambda points: points.at("x", -1), "seconds=-1 is too small"),
    "seconds as text": (lambda points: points.at("x", "1"), "seconds='1' is not a number"),
    "no label": (lambda points: points.at(3, 1), "a label is the text"),
    "an instance": (lambda points: points.before(Counter(), "value", seconds=1), "pass Counter, the class"),
    "no name": (lambda points: points.before(Counter, "a b", seconds=1), "the name of an attribute or global"),
    "no such access": (lambda points: points.before(Counter, "value", "writes", seconds=1), "did you mean 'write'"),
    "no such global": (
        lambda points: points.before(sys.modules[__name__], "totel", seconds=1),
        "has no such global; did you mean 'total'",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_use_says_value_cause_and_remedy(sleep_points, case):
    call, message = WRONG[case]
    with pytest.raises(WrongUse, match=message):
        call(sleep_points)


def test_nothing_is_left_after_the_test(pytester):
    pytester.makepyfile("""
        from pytest_conc import sleep_point
        from pytest_conc.model.current import CONTESTED, MEMBERS, POINTS
        import time
        class Thing:
            def work(self): self.n = 1
        def test_x(sleep_points, threads):
            sleep_points.at("x", 0)
            sleep_points.before(Thing, "n", seconds=0)
            threads.together(Thing().work)
            sleep_point("x")
            assert Thing.work.__code__.co_consts[-1] is not None
        def test_y():
            assert not (CONTESTED or MEMBERS or POINTS)
            assert not any("hooks" in repr(each) for each in Thing.work.__code__.co_consts)
    """)
    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=2)


def test_local_functions_and_lambdas_are_sent_without_the_hooks_of_this_process(pytester):
    pytester.makepyfile(
        test_x="""
        from pytest_conc import sleep_point, stress

        def pass_by():
            sleep_point("here")

        class Thing:
            def go(self):
                pass_by()
                return self.again(2)
            def again(self, times):
                return times if times == 0 else self.again(times - 1)

        def test_x(sleep_points, processes):
            sleep_points.at("here", 0)
            factor = 3
            class Local(Thing):
                def go(self):
                    sleep_point("here")
                    return super().go() + factor
            def local(times=1, *, more=1):
                sleep_point("here")
                return times if not times else local(times - more)
            assert processes.start(local).result() == 0
            assert processes.start(lambda: sleep_point("here")).result() is None
            assert processes.start(Local().go).result() == 3
            assert sleep_points.hits == {"here": 5}

        @stress(runs=2)
        def test_y(processes):
            def local():
                pass_by()
                return 5
            assert processes.start(local).result() == 5
        """
    )
    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=2)


IN_VAIN = """
from pytest_conc import interleave, sleep_point, stress
class Counter:
    value = 0
    def add(self): self.value += 1
passed = []
def test_typo(sleep_points):
    sleep_points.before(Counter, "valeu", seconds=0)
    Counter().add()
def test_other_access(sleep_points):
    sleep_points.before(Counter, "value", "read", seconds=0)
    Counter().value = 3
def test_label(sleep_points):
    sleep_points.at("betwen", 0)
    sleep_point("between")
@stress(runs=3)
def test_in_no_run(sleep_points):
    sleep_points.at("never", 0)
@interleave(executions=3)
def test_in_no_execution(sleep_points):
    sleep_points.at("never", 0)
"""
NOT_IN_VAIN = """
@stress(runs=3)
def test_in_one_run(sleep_points):
    sleep_points.at("once", 0)
    passed.append(1)
    if len(passed) == 2:
        sleep_point("once")
def test_looks_itself(sleep_points):
    sleep_points.at("elsewhere", 0)
    assert sleep_points.hits == {"elsewhere": 0}
@interleave(executions=3)
def test_nobody_sleeps_in_explorations(sleep_points):
    sleep_points.before(Counter, "valeu", seconds=0)
"""


def warnings_of(pytester, text, *options):
    pytester.makepyfile(test_x=text)
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", *options)
    return result, [line.strip() for line in result.outlines if "NeverPassed" in line]


def test_a_sleep_that_nobody_comes_to_is_a_warning_at_the_line_that_asked_for_it(pytester):
    _, lines = warnings_of(pytester, IN_VAIN, "-W", "default")
    never = "nobody has slept, because sleep_point() was never called with this label"
    assert sorted(line.partition("test_x.py:")[2] for line in lines) == [
        "10: NeverPassed: sleep_points.before(Counter, 'value', 'read'): nobody has slept, because no read of it was "
        "seen; accesses are seen in the test's module and in conc_targets",
        f"13: NeverPassed: sleep_points.at('betwen'): {never}",
        f"17: NeverPassed: sleep_points.at('never'): {never}",
        f"20: NeverPassed: sleep_points.at('never'): {never}",
        "7: NeverPassed: sleep_points.before(Counter, 'valeu'): nobody has slept, because no write to it was seen; "
        "did you mean 'value'?",
    ]


def test_one_that_somebody_came_to_in_one_run_or_that_the_test_asks_about_is_none(pytester):
    result, lines = warnings_of(pytester, IN_VAIN.partition("def test_typo")[0] + NOT_IN_VAIN)
    result.assert_outcomes(passed=3)
    assert lines == []


def test_the_warning_as_an_error_shows_no_frame_of_ours_and_can_be_ignored_by_its_public_name(pytester):
    result, _ = warnings_of(pytester, IN_VAIN, "-W", "error", "-k", "label")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.no_fnmatch_line("*sleep_points.py*")
    result, lines = warnings_of(pytester, IN_VAIN, "-W", "ignore::pytest_conc.NeverPassed")
    result.assert_outcomes(passed=5)
    assert lines == []
