"""The pages of the documentation as programs: their Python blocks, and the console output that they quote.

A block marked `<!-- file: shop.py -->` is saved under that name; one that does not begin with `test_` lies beside the
later blocks of its page. A block marked `<!-- outcome: failed=1 -->` ends like this; any other passes.

A text block that begins with `$ pytest` or `$ python` quotes what this command prints for the last Python block before
it. `[...]` stands for lines that are left out. Tokens, addresses and times do not count.

    python -m suites.plugin.quotes      rewrites all quotes that differ; look at what `git diff` says then
"""

from __future__ import annotations

import difflib
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCED = re.compile(r"^```(python|text)\n(.*?)^```\n((?:<!-- \w+: [^\n]* -->\n)*)", re.MULTILINE | re.DOTALL)
MARK = re.compile(r"<!-- (\w+): (.*) -->")
MASKS = (
    (re.compile(r"\bc2\.[\w-]+…?|\bc2\.…"), "TOKEN"),
    (re.compile(r"0x[0-9a-f]+"), "0xADDRESS"),
    (re.compile(r"\bin \d+\.\d+s\b"), "in TIMEs"),
    (re.compile(r"^(=+) (.*?) =+$"), r"= \2 ="),
)
LEFT_OUT = "[...]"


class Block(NamedTuple):
    """A Python block: its page, what lies beside it, its file and how it ends."""

    page: Path
    source: str
    file: str
    outcome: str
    beside: tuple[tuple[str, str], ...]

    def outcomes(self) -> dict[str, int]:
        """How many tests end in which way, for `assert_outcomes`."""
        if not self.outcome:
            return {"passed": len(re.findall(r"^    def test_|^def test_", self.source, re.MULTILINE))}
        return {name: int(count) for name, count in (pair.split("=") for pair in self.outcome.split(", "))}

    def files(self) -> dict[str, str]:
        """All files that are needed to run it, by name."""
        return {**dict(self.beside), self.file: self.source}


class Quote(NamedTuple):
    """Console output on a page, and the block whose output it is."""

    block: Block
    text: str

    def printed(self) -> list[str]:
        """What the command really prints, in lines."""
        with tempfile.TemporaryDirectory() as folder:
            for name, source in self.block.files().items():
                path = Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(source)
            command = self.text.partition("\n")[0].removeprefix("$ ")
            done = subprocess.run(_real(command), cwd=folder, env=_environment(), capture_output=True, text=True)
        return [line.rstrip() for line in (done.stdout + done.stderr).splitlines()]

    def lines(self) -> list[str]:
        """The quoted lines, without the command."""
        return self.text.splitlines()[1:]


def _real(command: str) -> list[str]:
    program, *arguments = shlex.split(command)
    pytest = ["-m", "pytest", "-p", "no:cacheprovider", "-p", "no:randomly"] if program == "pytest" else []
    return [sys.executable, *pytest, *arguments]


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV_"))}
    for name in ("CI", "BUILD_NUMBER"):  # where they are set, pytest prints differences in full
        kept.pop(name, None)
    return {**kept, "COLUMNS": "80", "PYTHONIOENCODING": "utf-8", "PYTHONDONTWRITEBYTECODE": "1"}


def fenced(page: Path) -> Iterator[Block | Quote]:
    """The blocks and quotes of a page, in order."""
    block: Block | None = None
    beside: tuple[tuple[str, str], ...] = ()
    for language, text, marks in FENCED.findall(page.read_text()):
        if language == "python":
            given = dict(MARK.findall(marks))
            block = Block(page, text, given.get("file", "test_block.py"), given.get("outcome", ""), beside)
            yield block
            if not block.file.startswith("test_"):
                beside = (*beside, (block.file, text))
        elif block is not None and text.startswith(("$ pytest", "$ python ")):
            yield Quote(block, text)


def blocks() -> list[Block]:
    """All Python blocks of all pages."""
    return [each for page in PAGES for each in fenced(page) if isinstance(each, Block)]


def quotes() -> list[Quote]:
    """All quoted output of all pages."""
    return [each for page in PAGES for each in fenced(page) if isinstance(each, Quote)]


def masked(lines: Sequence[str]) -> list[str]:
    """The lines without what differs from run to run."""
    return [_masked(line.rstrip()) for line in lines]


def _masked(line: str) -> str:
    for pattern, instead in MASKS:
        line = pattern.sub(instead, line)
    return line


def is_quoted(quoted: Sequence[str], printed: Sequence[str]) -> bool:
    """Whether the quoted lines are the printed ones, but for what is left out."""
    if not quoted:
        return not printed
    if quoted[0] == LEFT_OUT:
        return any(is_quoted(quoted[1:], printed[start:]) for start in range(len(printed) + 1))
    return bool(printed) and quoted[0] == printed[0] and is_quoted(quoted[1:], printed[1:])


def requoted(quoted: Sequence[str], printed: Sequence[str]) -> list[str]:
    """The printed lines with the same parts left out, as far as lines that are still the same or similar tell."""
    new: list[str] = []
    matcher = difflib.SequenceMatcher(None, masked(quoted), masked(printed), autojunk=False)
    for _, start, end, first, last in matcher.get_opcodes():
        new += _replaced(list(quoted[start:end]), list(printed[first:last]))
    return new


def _replaced(old: list[str], real: list[str]) -> list[str]:
    """What stands for lines that are not printed any more: all that is printed there, but for what was left out."""
    left_out = old.count(LEFT_OUT)
    if left_out == 0:
        return real
    if left_out > 1:
        return [line for each in old for line in ([LEFT_OUT] if each == LEFT_OUT else _most_similar(each, real))]
    at = old.index(LEFT_OUT)
    after = len(old) - at - 1
    return [*real[:at], LEFT_OUT, *real[max(at, len(real) - after) :]]


def _most_similar(line: str, real: list[str]) -> list[str]:
    return difflib.get_close_matches(line, real, 1, 0.4)


def rewrite() -> None:
    """Puts the real output in the place of all quotes that differ."""
    for quote in quotes():
        printed = quote.printed()
        if not is_quoted(masked(quote.lines()), masked(printed)):
            head = quote.text.partition("\n")[0]
            text = "\n".join([head, *requoted(quote.lines(), printed)]) + "\n"
            page = quote.block.page
            page.write_text(page.read_text().replace(quote.text, text, 1))


if __name__ == "__main__":
    rewrite()
