"""`--conc-json`: what the file holds, that the controller alone writes it, always, and what a bad path says."""

import json

import pytest

from suites.plugin.test_plugin_options import RACE

PATHS = ("--conc-json", "--conc-html")
TESTS = (
    RACE
    + """
@interleave
def test_lost(): lose()
@interleave(finds=AssertionError)
def test_lesson(): lose()
@interleave(executions=5)
def test_kept(): pass
@interleave(executions=5)
def test_left_out(): pytest.skip("not today")
def test_unmarked(): pass
"""
)


@pytest.fixture
def run(pytester):
    """Runs a test file in a session of its own; returns the result."""

    def run(text, *options, ini=""):
        pytester.makepyfile(text)
        if ini:
            pytester.makeini(f"[pytest]\n{ini}")
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", *options, timeout=60)

    return run


@pytest.fixture
def record(run, pytester):
    """Runs a test file with --conc-json; returns the document, read as strict JSON."""

    def record(text, *options):
        run(text, "--conc-json=out.json", *options)
        return read(pytester)

    return record


def read(pytester, name="out.json"):
    def refuse(constant):
        raise ValueError(f"{constant} is no JSON")

    return json.loads((pytester.path / name).read_bytes(), parse_constant=refuse)


def outcomes(document):
    return {test["id"].rpartition("::")[2]: test["outcome"] for test in document["tests"]}


def test_the_document_says_with_what_the_session_ran(record):
    document = record(TESTS, "--conc-seed=7", "-k", "kept")
    assert (document["schema"], document["tool"]["name"]) == (1, "pytest-conc")
    assert {name: type(value) for name, value in document["session"].items()} == {
        "seed": int,
        "python": str,
        "implementation": str,
        "free_threaded": bool,
        "platform": str,
    }
    assert document["session"]["seed"] == 7


def test_a_record_has_exactly_these_fields(record):
    passed = record(TESTS, "-k", "kept")["tests"][0]
    passed.pop("duration")
    settings = passed.pop("settings")
    assert passed == {
        "id": "test_a_record_has_exactly_these_fields.py::test_kept",
        "test": "test_a_record_has_exactly_these_fields.py::test_kept",
        "outcome": "passed",
        "verdict": passed["verdict"],
        "executions": 5,
        "classes": 1,
        "estimated_classes": 1.0,
        "unseen": 0.0,
        "exhaustive": True,
        "ended_by": "exhausted",
        "outcomes": {"passed": 5},
        "notes": [],
        "watched": ["test_a_record_has_exactly_these_fields"],
        "failure": None,
    }
    assert passed["verdict"].startswith("5 executions passed; no shared state was seen")
    assert isinstance(settings.pop("seed"), int)
    assert settings == {
        "strategy": "auto",
        "executions": 5,
        "seconds": None,
        "host": "greenlets",
        "preemption": "any",
        "timing": "virtual",
        "max_preemptions": None,
        "max_steps": 20000,
        "hang_after": 10.0,
        "targets": [],
        "finds": [],
        "keep_going": False,
        "races": "note",
    }


def test_the_failure_of_a_small_race_is_told_completely(record):
    (test,) = record(TESTS, "-k", "test_lost")["tests"]
    failure, name = test["failure"], "test_the_failure_of_a_small_race_is_told_completely.py"
    assert test["outcomes"] == {"passed": 2, "AssertionError": 1}
    assert failure["error"].pop("message").startswith("assert 1 == 2\n")
    assert failure.pop("error") == {"type": "AssertionError", "file": name, "line": 14, "function": "lose"}
    assert failure.pop("explanation").startswith("Thread-1 (add) read box.n = 0 at ")
    shown = [step for step in failure["trace"] if step["shown"]]
    assert [
        (step["task_number"], step["text"], step["before"], step["after"], step["in_finding"]) for step in shown
    ] == [
        (1, "reads box.n = 0", None, "0", True),
        (2, "reads box.n = 0", None, "0", False),
        (2, "writes box.n = 1 (was 0)", "0", "1", True),
        (1, "writes box.n = 1 (was 1)", "1", "1", True),
    ]
    assert shown[0] == {
        "task": "Thread-1 (add)",
        "task_number": 1,
        "kind": "read",
        "resource": "box.n",
        "key": "Box#1.n",
        "text": "reads box.n = 0",
        "file": name,
        "line": 10,
        "function": "lose.<locals>.add",
        "source": "box.n += 1",
        "before": None,
        "after": "0",
        "lock": None,
        "internal": False,
        "in_finding": True,
        "shown": True,
    }
    assert failure.pop("sources")[0] == {"file": name, "first": 5, "lines": RACE.split("\n")[5:15]}
    assert len(failure.pop("trace")) > len(shown)
    token = failure.pop("token")
    assert [(step["task"], step["kind"]) for step in failure["swap"]] == [
        ("Thread-1 (add)", "read"),
        ("Thread-2 (add)", "write"),
    ]
    assert [step["stack"] for step in failure.pop("swap")] == [[f"{name}:10 in add"]] * 2
    assert failure.pop("others")[0].startswith("It passes if Thread-2 (add) writes box.n at ")
    assert failure == {
        "finding": "LostUpdate",
        "expected": False,
        "preemptions": 1,
        "with_gil": False,
        "execution": 3,
        "diverged": "",
        "replay": f"pytest '{name}::test_lost' --conc-replay {token}",
        "tasks": ["main", "Thread-1 (add)", "Thread-2 (add)"],
        "waits": [],
        "elsewhere": 0,
        "everywhere": False,
    }


def test_a_deadlock_says_what_could_not_be_performed(record):
    (test,) = record(
        """
import threading
from pytest_conc import Deadlock, interleave
left, right = threading.Lock(), threading.Lock()
def grab(one, other):
    with one:
        with other: pass
@interleave(finds=Deadlock)
def test_grab():
    threads = [threading.Thread(target=grab, args=args) for args in ((left, right), (right, left))]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
"""
    )["tests"]
    failure = test["failure"]
    assert (test["outcome"], failure["expected"], failure["error"]["line"]) == ("passed", True, 0)
    assert [(step["task_number"], step["kind"], step["resource"], step["line"]) for step in failure["waits"]] == [
        (0, "join", "Thread-1 (grab)", 11),
        (1, "acquire", "right", 6),
        (2, "acquire", "left", 6),
    ]


def test_every_explored_test_is_there_with_its_outcome(record):
    assert outcomes(record(TESTS)) == {
        "test_lost": "failed",
        "test_lesson": "passed",
        "test_kept": "passed",
        "test_left_out": "skipped",
    }


@pytest.mark.parametrize("options", [["-p", "no:terminal"], ["-q"], ["-n", "2"], ["--tb=no"]], ids=" ".join)
def test_other_options_change_nothing_in_the_document(record, options):
    alone, other = record(TESTS), record(TESTS, *options)
    for document in (alone, other):
        for test in document["tests"]:
            test.pop("duration")
            if test["failure"]:
                test["failure"]["error"].pop("message")  # it has the address of an object
    assert other == alone


def test_a_worker_of_xdist_does_not_write(run):
    text = "def test_x(request): assert not request.config.pluginmanager.has_plugin('conc-report-files')"
    run(text, "--conc-json=out.json", "-n", "1").assert_outcomes(passed=1)
    run(text, "--conc-json=out.json").assert_outcomes(failed=1)


def test_an_interrupted_session_writes_what_there_is(record):
    assert outcomes(record(TESTS, "-x")) == {"test_lost": "failed"}


def test_every_repetition_has_a_record_and_the_same_token(record):
    tests = record(TESTS, "-k", "test_lost", "--count=3")["tests"]
    assert len({test["id"] for test in tests}) == 3
    assert len({(test["test"], test["failure"]["token"]) for test in tests}) == 1
    assert tests[0]["test"].endswith("::test_lost")


def test_an_expected_failure_is_told_as_such(record):
    text = TESTS.replace("@interleave\ndef test_lost", "@pytest.mark.xfail(strict=True)\n@interleave\ndef test_lost")
    assert outcomes(record(text, "-k", "test_lost")) == {"test_lost": "xfailed"}


def test_a_replay_has_its_failure_and_no_counts(record):
    token = record(TESTS, "-k", "test_lost")["tests"][0]["failure"]["token"]
    (test,) = record(TESTS, "-k", "test_lost", f"--conc-replay={token}")["tests"]
    assert (test["verdict"], test["executions"], test["outcomes"]) == ("replayed", None, {})
    assert test["failure"]["token"] == token


def test_without_an_explored_test_the_document_is_valid_and_empty(record):
    assert record("def test_x(): pass")["tests"] == []
    assert record("def broken(:")["tests"] == []


def test_what_ran_once_is_listed_with_the_reason(record):
    text = "import unittest\nclass TestX(unittest.TestCase):\n    def test_x(self): pass"
    (once,) = record(text, "--conc-interleave")["ran_once"]
    assert once["id"].endswith("::TestX::test_x")
    assert "unittest.TestCase" in once["reason"]


ODD = r"""
import threading
from pytest_conc import interleave
from pytest_conc.strategies.pos import POS
@interleave(seconds=float("inf"), hang_after=0, strategy=POS(1))
def test_odd():
    seen = {"</script>": float("nan")}
    def change(): seen["</script>"] = '<!--"\udc80'
    thread = threading.Thread(target=change, name='"</script><!--')
    thread.start()
    assert seen["</script>"] != seen["</script>"], 'no \udc80 "</script>" <!--'
    thread.join()
@interleave(executions=2)
@__import__("pytest").mark.parametrize("text", ["\udc80", "</script>"])
def test_named(text): pass
"""


def test_odd_texts_and_numbers_give_valid_json(record):
    (test,) = record(ODD, "-k", "not test_named", "-p", "no:terminal")["tests"]
    assert test["failure"]["tasks"] == ["main", '"</script><!--']
    assert 'no \udc80 "</script>" <!--' in test["failure"]["error"]["message"]
    assert (test["settings"]["seconds"], test["settings"]["strategy"]) == (None, "POS")


def test_odd_texts_cross_from_a_worker(record):
    text = ODD.replace("'no \\udc80", "'no ")  # pytest itself cannot send a message that is no Unicode
    (test,) = record(text, "-k", "not test_named", "-n", "1")["tests"]
    assert 'no  "</script>" <!--' in test["failure"]["error"]["message"]
    assert "'<!--\"\\udc80'" in [step["after"] for step in test["failure"]["trace"]]


def test_a_path_of_the_ini_file_is_relative_to_the_root_directory(run, pytester):
    (pytester.path / "below").mkdir()
    result = run(TESTS, "--rootdir=.", "-k", "kept", ini="conc_json = below/a.json\nconc_html = below/a.html")
    assert outcomes(read(pytester, "below/a.json")) == {"test_kept": "passed"}
    assert (pytester.path / "below" / "a.html").read_text().startswith("<!doctype html>")
    result.stdout.fnmatch_lines(["conc: 1 explored test in *below*a.json", "conc: 1 explored test in *below*a.html"])


BAD = {
    "": "*'' is not the name of a file; write *",
    ".": "*'.' is not the name of a file; write *",
    "no/where/x.json": "*'no/where/x.json' is in no directory: make *no/where' first*",
    "/proc/x.json": "*'/proc/x.json' cannot be written (*); name a file in a directory that is yours*",
}


@pytest.mark.parametrize("path", BAD)
@pytest.mark.parametrize("option", PATHS)
def test_a_bad_path_is_a_usage_error_before_any_test(run, option, path):
    result = run(TESTS, f"{option}={path}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {option}: {BAD[path]}"])
    result.stdout.no_fnmatch_line("*test_lost*")


def test_a_bad_path_in_the_ini_file_is_a_usage_error(run):
    result = run(TESTS, ini="conc_html = no/where")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: ini option conc_html: 'no/where' is in no directory*"])


def test_one_path_for_both_reports_is_a_usage_error(run):
    result = run(TESTS, "--conc-json=out", "--conc-html=./out")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --conc-json and --conc-html: *out' is given for both; give each *"])


def test_a_check_of_the_path_leaves_no_file_and_no_change(run, pytester):
    (pytester.path / "old.json").write_text("old")
    run(TESTS, "--conc-json=old.json", "--conc-html=new.html", "--conc-replay=nonsense")
    assert (pytester.path / "old.json").read_text() == "old"
    assert not (pytester.path / "new.html").exists()


def test_a_file_that_cannot_be_written_in_the_end_is_told_and_fails_the_session(run):
    result = run("import os\nos.mkdir('out.json')\ndef test_x(): pass", "--conc-json=out.json")
    assert result.ret == pytest.ExitCode.INTERNAL_ERROR
    result.stderr.fnmatch_lines(["conc: *out.json could not be written: Is a directory"])


def test_the_reports_are_not_even_imported_unless_they_are_asked_for(run):
    text = (
        "import sys\ndef test_x(): assert not [name for name in sys.modules if name.startswith('pytest_conc.report')]"
    )
    run(text).assert_outcomes(passed=1)
