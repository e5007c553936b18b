"""Function-scoped fixtures are fresh in every execution of an explored test, all others are not."""

import pytest

RACE = """
import threading
import pytest
from pytest_conc import interleave

def together(*targets):
    threads = [threading.Thread(target=target) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""


@pytest.fixture
def run(pytester):
    """Runs a test file that begins with RACE; returns the result."""

    def run(text, *options):
        pytester.makepyfile(RACE + text)
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", "--conc-executions=5", *options)

    return run


def test_tmp_path_is_empty_in_every_execution(run):
    run("""
ran = []
@interleave
def test_x(tmp_path):
    ran.append(tmp_path)
    assert list(tmp_path.iterdir()) == []
    together(lambda: (tmp_path / "a").write_text("1"), lambda: (tmp_path / "b").write_text("1"))
    assert len(list(tmp_path.iterdir())) == 2
def test_ran():
    assert len(ran) > 2
""").assert_outcomes(passed=2)


def test_tmp_path_of_a_failing_test_is_kept_as_pytest_keeps_it(run, pytester):
    run(
        """
@interleave
def test_x(tmp_path):
    (tmp_path / "evidence").write_text("1")
    assert False
""",
        "--basetemp=base",
    ).assert_outcomes(failed=1)
    assert list(pytester.path.glob("base/*/evidence"))


@pytest.mark.parametrize("fixture", ["capsys", "capfd"])
def test_captured_output_is_that_of_the_execution(run, fixture):
    run(f"""
@interleave
def test_x({fixture}):
    print("before")
    together(lambda: print("hello"))
    assert {fixture}.readouterr().out == "before\\nhello\\n"
    print("left over")
""").assert_outcomes(passed=1)


def test_caplog_has_the_records_of_the_execution(run):
    run("""
import logging
@interleave
def test_x(caplog):
    together(lambda: logging.warning("one"), lambda: logging.warning("two"))
    assert sorted(caplog.messages) == ["one", "two"]
    caplog.set_level(logging.DEBUG)
    logging.debug("three")
    assert len(caplog.messages) == 3
    assert len(caplog.get_records("call")) == 3
""").assert_outcomes(passed=1)


def test_monkeypatch_is_undone_between_executions(run):
    run("""
import os
class Thing:
    n = 0
@interleave
def test_x(monkeypatch):
    assert Thing.n == 0 and "FRESH" not in os.environ
    monkeypatch.setattr(Thing, "n", 5)
    monkeypatch.setenv("FRESH", "1")
    seen = []
    together(lambda: seen.append(Thing.n))
    assert seen == [5]
def test_after():
    assert Thing.n == 0 and "FRESH" not in os.environ
""").assert_outcomes(passed=2)


def test_fixtures_of_a_function_are_renewed_and_torn_down_in_the_opposite_order(run):
    run("""
log = []
@pytest.fixture
def outer():
    log.append("outer")
    yield []
    log.append("/outer")
@pytest.fixture
def inner(outer, request):
    log.append("inner")
    request.addfinalizer(lambda: log.append("/inner"))
    return outer
@interleave
def test_x(inner, outer):
    assert inner is outer and inner == []
    together(lambda: inner.append(1))
    log.append("body")
def test_order():
    assert log[:2] == ["outer", "inner"]
    bodies = log.count("body")
    assert bodies > 2
    cycle = ["outer", "inner", "body", "/inner", "/outer"]
    rest = log[log.index("body") - 2:]
    assert rest == cycle * bodies
    assert log.count("outer") == log.count("/outer")
""").assert_outcomes(passed=2)


def test_fixtures_of_a_wider_scope_are_made_once(run):
    run("""
made = []
@pytest.fixture(scope="module")
def module_thing():
    made.append("module")
    return made
@pytest.fixture(scope="session")
def session_thing():
    made.append("session")
@pytest.fixture(scope="class")
def class_thing():
    made.append("class")
@pytest.fixture
def small(module_thing):
    return []
class TestThing:
    @interleave
    def test_x(self, module_thing, session_thing, class_thing, small):
        together(lambda: small.append(1))
        assert small == [1]
        assert sorted(made) == ["class", "module", "session"]
""").assert_outcomes(passed=1)


def test_xunit_methods_run_around_every_execution_on_a_new_instance(run):
    run("""
log = []
class TestThing:
    def setup_method(self):
        log.append("up")
        assert not hasattr(self, "items")
        self.items = []
    def teardown_method(self):
        log.append("down")
    @interleave
    def test_x(self):
        together(lambda: self.items.append(1))
        assert self.items == [1]
def test_log():
    assert log == ["up", "down"] * (len(log) // 2) and len(log) > 4
""").assert_outcomes(passed=2)


def test_xunit_functions_of_the_module_run_around_every_execution(run):
    run("""
items = []
def setup_function(function):
    items.clear()
@interleave
def test_x():
    together(lambda: items.append(1))
    assert items == [1]
""").assert_outcomes(passed=1)


def test_parameters_and_parametrized_fixtures_keep_their_values(run):
    run("""
@pytest.fixture(params=["a", "b"])
def letter(request):
    return [request.param]
@pytest.fixture
def indirect(request):
    return [request.param]
@pytest.mark.parametrize("indirect", [7], indirect=True)
@pytest.mark.parametrize("number", [1, 2])
@interleave
def test_x(letter, number, indirect, request):
    assert request.node.name == f"test_x[{letter[0]}-{number}-7]"
    together(lambda: letter.append(number))
    assert letter == [letter[0], number] and indirect == [7]
""").assert_outcomes(passed=4)
