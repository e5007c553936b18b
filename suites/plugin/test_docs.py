"""Every page does what it says: its Python blocks run, its quoted output is real, its links lead somewhere."""

import re
import subprocess
import sys

import pytest

import pytest_conc
from pytest_conc.model.settings import NAMES
from pytest_conc.strategies import STRATEGIES
from suites.plugin.quotes import PAGES, ROOT, blocks, is_quoted, masked, quotes, requoted


def is_finding(thing):
    return isinstance(thing, type) and issubclass(thing, pytest_conc.ConcurrencyError)


LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
FINDINGS = [name for name in pytest_conc.__all__ if is_finding(getattr(pytest_conc, name))]
HAS_RUN = [block for block in blocks() if block.file.startswith("test_")]


def numbered(things):
    return [pytest.param(thing, id=f"{place}-{number}") for number, (place, thing) in enumerate(things)]


@pytest.mark.parametrize("block", numbered((block.page.stem, block) for block in HAS_RUN))
def test_the_block_does_what_the_page_says(pytester, block):
    for name, source in block.files().items():
        path = pytester.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(**block.outcomes())


@pytest.mark.parametrize("quote", numbered((quote.block.page.stem, quote) for quote in quotes()))
def test_quoted_output_is_what_the_command_prints(quote):
    printed = quote.printed()
    if not is_quoted(masked(quote.lines()), masked(printed)):
        pytest.fail(
            f"{quote.block.page.name} quotes what is not printed any more. This would be right (`python -m "
            "suites.plugin.quotes` writes it into the page):\n" + "\n".join(requoted(quote.lines(), printed)),
            pytrace=False,
        )


def test_a_quote_may_leave_lines_out_but_not_change_them():
    printed = ["one", "two", "three", "four"]
    assert is_quoted(["one", "[...]", "four"], printed)
    assert is_quoted(["[...]", "two", "[...]"], printed)
    assert not is_quoted(["one", "[...]", "five"], printed)
    assert not is_quoted(["[...]", "two"], printed)


def test_a_new_quote_leaves_out_what_the_old_one_left_out():
    assert requoted(["one", "[...]", "fuor"], ["one", "two", "three", "four"]) == ["one", "[...]", "four"]
    assert requoted(["[...]", "tow", "three"], ["one", "two", "three"]) == ["[...]", "two", "three"]
    assert requoted(["[...]", "tow", "[...]"], ["one", "two", "three"]) == ["[...]", "two", "[...]"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_between_pages_lead_somewhere(page):
    broken = [target for target in LINK.findall(page.read_text()) if not (page.parent / target).exists()]
    assert not broken


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("reference/api", pytest_conc.__all__),
        ("reference/options", NAMES),
        ("reference/options", STRATEGIES),
        ("reference/findings", FINDINGS),
        ("how-to/strategy", STRATEGIES),
    ],
)
def test_the_page_has_all_names(page, names):
    text = (ROOT / "docs" / f"{page}.md").read_text()
    assert [name for name in names if f"`{name}" not in text] == []


def test_the_documentation_is_built_without_a_warning(tmp_path):
    for module in ("sphinx", "furo", "myst_parser"):
        pytest.importorskip(module, reason="needs Sphinx, furo and MyST: pip install -e '.[docs]'")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", ROOT / "docs", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "outcome:" not in (tmp_path / "tutorial" / "first-race.html").read_text()
