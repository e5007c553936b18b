"""How often a stressed test failed: one line a test over all its steps and workers, in every kind of report.

The reports here are given the records that real runs make of themselves, so that each figure is known beforehand.
"""

import json
from xml.etree import ElementTree

import pytest

from pytest_conc.stressing.rate import Rate
from suites.plugin.test_html_page import Elements, in_a_browser, seen

CONFTEST = """
import pytest
from pytest_conc.options import base_id

def pytest_configure(config):
    config.addinivalue_line("markers", "ran(runs, failed, **more): the record of a stressed test")

@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_makereport(item):
    report = yield
    mark = item.get_closest_marker("ran")
    if mark and report.when == "call":
        runs, failed = mark.args
        group = dict(error="AssertionError", message="assert 1 == 2", file="test_x.py", line=7, times=failed)
        report.conc_stress = {
            "test": base_id(item), "runs": runs, "failed": failed, "seconds": 0.5, "ended_by": "runs", "seed": 1,
            "delays": "learned", "expected": False, "groups": [group] if failed else [], "found": "", "exploration": "",
            "again": f"pytest again {report.nodeid}",
        } | mark.kwargs
    return report
"""
TESTS = """
import pytest
@pytest.mark.ran(100, 37)
def test_lost(): assert False
@pytest.mark.ran(100, 0)
def test_kept(): pass
class TestLesson:
    @pytest.mark.parametrize("n", ["1-2", "a b"])
    @pytest.mark.ran(10, 10, expected=True)
    def test_found(self, n): pass
"""


@pytest.fixture
def run(pytester):
    """Runs a test file with reports that have numbers; returns the result."""

    def run(text, *options):
        pytester.makeconftest(CONFTEST)
        pytester.makepyfile(test_x=text)
        how = pytester.runpytest_subprocess if "-n" in options else pytester.runpytest_inprocess
        return how("-p", "no:cacheprovider", *options)

    return run


def rates(result):
    """{test: rate} of all lines that have one."""
    return dict(line.split(": ", 1) for line in result.outlines if "runs failed" in line)


@pytest.mark.parametrize(
    ("failed", "runs", "text"),
    [
        (37, 100, "37 of 100 runs failed (37.0 %, 95 % CI 28.2–46.8, Wilson)"),
        (0, 100, "0 of 100 runs failed (0.0 %, 95 % CI 0.0–3.7, Wilson)"),
        (100, 100, "100 of 100 runs failed (100.0 %, 95 % CI 96.3–100.0, Wilson)"),
        (1, 1, "1 of 1 runs failed (100.0 %, 95 % CI 20.7–100.0, Wilson)"),
        (0, 0, "no run was made"),
    ],
)
def test_a_rate_says_how_sure_it_is(failed, runs, text):
    assert str(Rate(failed, runs)) == text


def test_the_interval_has_the_bounds_of_the_published_tables():
    """Newcombe, Two-sided confidence intervals for the single proportion (1998), table I, method 3."""
    published = {
        (81, 263): (0.2553, 0.3662),
        (15, 148): (0.0624, 0.1605),
        (0, 20): (0.0000, 0.1611),
        (1, 29): (0.0061, 0.1718),
    }
    for rate, bounds in published.items():
        assert Rate(*rate).interval == pytest.approx(bounds, abs=5e-5)


def test_the_true_probability_lies_outside_of_the_interval_about_one_time_in_twenty():
    """For 50 runs and many probabilities, the chance of an interval that misses, summed up exactly."""
    from math import comb

    misses = []
    for percent in range(5, 100, 5):
        p = percent / 100
        wrong = [k for k in range(51) if not Rate(k, 50).interval[0] <= p <= Rate(k, 50).interval[1]]
        misses.append(sum(comb(50, k) * p**k * (1 - p) ** (50 - k) for k in wrong))
    assert 0.04 < sum(misses) / len(misses) < 0.06


def test_every_failing_test_and_every_lesson_has_one_line(run):
    assert rates(run(TESTS)) == {
        "test_x.py::test_lost": str(Rate(37, 100)),
        "test_x.py::TestLesson::test_found[1-2]": str(Rate(10, 10)),
        "test_x.py::TestLesson::test_found[a b]": str(Rate(10, 10)),
    }


def test_verbose_shows_the_rates_of_all_tests(run):
    assert rates(run(TESTS, "-v", "-k", "kept")) == {"test_x.py::test_kept": str(Rate(0, 100))}


def test_a_test_that_fails_without_a_failing_run_has_a_line_too(run):
    text = "import pytest\n@pytest.mark.ran(5, 0)\ndef test_not_found(): assert False"
    assert rates(run(text)) == {"test_x.py::test_not_found": str(Rate(0, 5))}


def test_no_rate_is_printed_where_there_is_none(run):
    run("def test_x(): pass", "-v").stdout.no_fnmatch_line("*─ stress ─*")


def test_the_distinct_failures_are_counted_below_most_frequent_first(run):
    groups = [
        {"error": "ValueError", "message": f"number {n}", "file": "test_x.py", "line": n, "times": n}
        for n in range(1, 6)
    ]
    text = f"import pytest\n@pytest.mark.ran(100, 15, groups={groups})\ndef test_x(): assert False"
    result = run(text)
    lines = [line for line in result.outlines if " × " in line or "more kinds" in line]
    assert lines == [
        "  5 × ValueError: number 5 (test_x.py:5)",
        "  4 × ValueError: number 4 (test_x.py:4)",
        "  3 × ValueError: number 3 (test_x.py:3)",
        "  and 2 more kinds of failure (-v lists them)",
    ]
    assert sum(" × " in line for line in run(text, "-v").outlines) == 5


def test_a_long_message_is_cut_in_its_middle_unless_verbose(run):
    group = {"error": "ValueError", "message": "x" * 500, "file": "test_x.py", "line": 3, "times": 1}
    text = f"import pytest\n@pytest.mark.ran(100, 1, groups={[group]})\ndef test_x(): assert False"
    (line,) = (line for line in run(text).outlines if " × " in line)
    assert (len(line), line.endswith("xxx (test_x.py:3)")) == (122, True)
    assert "x" * 500 in run(text, "-v").stdout.str()


@pytest.mark.parametrize(
    ("bound", "why"),
    [("seconds", "the time was over"), ("failure", "*first failure"), ("hang", "a run did not end")],
)
def test_a_line_says_what_ended_the_runs_early(run, bound, why):
    text = f"import pytest\n@pytest.mark.ran(7, 1, ended_by={bound!r})\ndef test_x(): assert False"
    run(text).stdout.fnmatch_lines([f"  ended before all runs were made: {why}"])


@pytest.mark.parametrize("dist", ["load", "loadscope", "loadfile", "loadgroup", "worksteal"])
def test_repeated_on_two_workers_all_runs_are_added_up_in_one_line(run, dist):
    result = run(TESTS, "--count=3", "-n", "2", "--dist", dist)
    assert rates(result) == {
        "test_x.py::test_lost": str(Rate(111, 300)),
        "test_x.py::TestLesson::test_found[1-2]": str(Rate(30, 30)),
        "test_x.py::TestLesson::test_found[a b]": str(Rate(30, 30)),
    }
    result.stdout.fnmatch_lines(["  111 × AssertionError: assert 1 == 2 (test_x.py:7)"])


def test_a_group_of_xdist_is_no_part_of_the_name(run):
    text = TESTS.replace("class", "@pytest.mark.xdist_group('one')\nclass")
    assert set(rates(run(text, "--count=2", "-n", "2", "--dist", "loadgroup"))) == {
        "test_x.py::test_lost",
        "test_x.py::TestLesson::test_found[1-2]",
        "test_x.py::TestLesson::test_found[a b]",
    }


@pytest.mark.parametrize("scope", ["function", "class", "module", "session"])
def test_repetitions_of_any_scope_are_added_up(run, scope):
    assert rates(run(TESTS, "--count=2", f"--repeat-scope={scope}"))["test_x.py::test_lost"] == str(Rate(74, 200))


SEEDS = """
import pytest
@pytest.mark.parametrize("p", ["x"])
def test_seeds(p, request):
    from pytest_conc.options import base_id, seed_for, session_seed
    seed = session_seed(request.node)
    print("seed", seed, seed_for(request.node, seed), base_id(request.node))
"""


def seeds(result):
    return [line.split() for line in result.outlines if line.startswith("seed ")]


def test_each_step_has_a_seed_of_its_own_and_the_first_that_of_the_test_alone(run):
    alone, repeated = seeds(run(SEEDS, "-rP")), seeds(run(SEEDS, "-rP", "--count=3"))
    assert repeated[0] == alone[0]
    assert len({seed for _, _, seed, _ in repeated}) == 3
    assert {name for _, _, _, name in repeated} == {"test_x.py::test_seeds[x]"}


def test_the_printed_session_seed_gives_a_step_its_seed_without_count(run):
    for step in seeds(run(SEEDS, "-rP", "--count=3", "--conc-seed=4")):
        assert seeds(run(SEEDS, step[3], "-rP", f"--conc-seed={step[1]}")) == [step]


def test_the_line_that_repeats_is_that_of_the_first_step_that_failed(run):
    text = """
import pytest
def test_x(request):
    fails = request.node.callspec.params["__pytest_repeat_step_number"] > 0
    request.applymarker(pytest.mark.ran(50, int(fails)))
    assert not fails
"""
    lines = [line for line in run(text, "--count=3").outlines if line.startswith("  again: ")]
    assert lines == ["  again: pytest again test_x.py::test_x[2-3]"]


@pytest.mark.parametrize("options", [[], ["-n", "2"]])
def test_junit_has_the_numbers_of_each_testcase(run, pytester, options):
    run(TESTS, "--junitxml=out.xml", "--count=2", *options)
    found = {}
    for case in ElementTree.parse(pytester.path / "out.xml").iter("testcase"):
        found[case.get("name")] = {each.get("name"): each.get("value") for each in case.iter("property")}
    assert found["test_lost[1-2]"] == found["test_lost[2-2]"] == {"conc_runs": "100", "conc_failed": "37"}
    assert found["test_kept[1-2]"] == {"conc_runs": "100", "conc_failed": "0"}


@pytest.mark.parametrize("options", [[], ["-n", "2"], ["-p", "no:terminal"]])
def test_json_has_the_numbers_of_every_stressed_test(run, pytester, options):
    run(TESTS, "--conc-json=out.json", "--count=2", *options)
    stressed = json.loads((pytester.path / "out.json").read_text())["stressed"]
    by_name = {record["test"].rpartition("::")[2]: record for record in stressed}
    assert set(by_name) == {"test_lost", "test_kept", "test_found[1-2]", "test_found[a b]"}
    lost = by_name["test_lost"]
    assert (lost.pop("low"), lost.pop("high")) == Rate(74, 200).interval
    assert lost == {
        "test": "test_x.py::test_lost",
        "runs": 200,
        "failed": 74,
        "share": 0.37,
        "rate": str(Rate(74, 200)),
        "seconds": 1.0,
        "ended_by": {"runs": 2},
        "delays": "learned",
        "expected": False,
        "failures": [
            {"error": "AssertionError", "message": "assert 1 == 2", "file": "test_x.py", "line": 7, "times": 74}
        ],
        "again": "pytest again test_x.py::test_lost[1-2]",
    }


def test_the_summary_counts_what_is_in_the_files(run):
    run(TESTS, "--conc-json=out.json").stdout.fnmatch_lines(["conc: 4 stressed tests in *out.json"])
    text = "from pytest_conc import interleave\n@interleave(executions=1)\ndef test_y(): pass\n" + TESTS
    run(text, "--conc-json=out.json").stdout.fnmatch_lines(["conc: 1 explored test, 4 stressed tests in *out.json"])


def test_the_page_holds_the_numbers(run, pytester):
    run(TESTS, "--conc-html=out.html", "--conc-json=out.json")
    document = json.loads((pytester.path / "out.json").read_text())
    assert json.loads(Elements((pytester.path / "out.html").read_text()).scripts[0]) == document


@in_a_browser
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_shows_the_rates_as_a_table(run, pytester, width):
    run(TESTS, "--conc-html=out.html", "-k", "lost or kept")
    script = """
    const texts = (row) => [...row.children].map((each) => each.textContent);
    const page = document.documentElement;
    return [page.scrollWidth - page.clientWidth, [...document.querySelectorAll(".stressed tr")].map(texts),
      document.querySelectorAll(".empty").length];"""
    overflow, rows, empty = seen(pytester, (pytester.path / "out.html").read_text(), script, width)
    assert rows == [
        ["test", "failed", "share", "95 % CI"],
        ["test_lost", "37 of 100", "37.0 %", "28.2–46.8"],
        ["AssertionError: assert 1 == 2 test_x.py:7", "37 ×"],
        ["test_kept", "0 of 100", "0.0 %", "0.0–3.7"],
    ]
    assert (overflow, empty) == (0, 0)
