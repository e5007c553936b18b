"""Every Python block in the README and the docs is a test module that does what the page says."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:<!-- outcome: (\w+)=(\d+) -->)?", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


def blocks():
    for page in PAGES:
        for number, found in enumerate(BLOCK.finditer(page.read_text())):
            outcomes = {found[2]: int(found[3])} if found[2] else {"passed": found[1].count("\ndef test_")}
            yield pytest.param(found[1], outcomes, id=f"{page.stem}-{number}")


@pytest.mark.parametrize(("source", "outcomes"), list(blocks()))
def test_the_block_does_what_the_page_says(pytester, source, outcomes):
    pytester.makepyfile(test_block=source)
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(**outcomes)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_between_pages_lead_somewhere(page):
    broken = [target for target in LINK.findall(page.read_text()) if not (page.parent / target).exists()]
    assert not broken
