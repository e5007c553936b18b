"""The source around the lines that a trace touches: whole functions, or what surrounds the lines in long ones."""

from __future__ import annotations

import ast
import linecache
import os
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

LONG: Final = 40
AROUND: Final = 5


class Span(NamedTuple):
    """Lines of a file, from the first to the last, counted from 1."""

    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first + 1

    def within(self, other: Span) -> Span:
        """The part of this span that lies in the other one."""
        return Span(max(self.first, other.first), min(self.last, other.last))


class Files:
    """Names for the files of a program, relative to `root` where they lie below it, and excerpts of them."""

    def __init__(self, root: str) -> None:
        self._root = os.path.join(os.path.abspath(root), "")
        self._paths: dict[str, str] = {}

    def is_own(self, path: str) -> bool:
        """Whether the file lies below the root."""
        return os.path.abspath(path).startswith(self._root)

    def name(self, path: str) -> str:
        """The name of a file in a record, with slashes; empty for no file."""
        if not path:
            return ""
        name = os.path.relpath(path, self._root) if self.is_own(path) else path
        name = name.replace(os.sep, "/")
        self._paths[name] = path
        return name

    def excerpts(self, places: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Excerpts for places that have a `file`, named by this object, and a `line`; by file, then by line."""
        touched: dict[str, set[int]] = {}
        for place in places:
            if place["file"] and place["line"]:
                touched.setdefault(place["file"], set()).add(place["line"])
        return [excerpt for name, lines in touched.items() for excerpt in self._of_file(name, sorted(lines))]

    def _of_file(self, name: str, touched: list[int]) -> Iterator[dict[str, Any]]:
        lines = [line.rstrip("\n") for line in linecache.getlines(self._paths[name])]
        functions = list(_functions("\n".join(lines)))
        spans = (_span_around(line, functions, len(lines)) for line in touched if line <= len(lines))
        for span in _merged(spans):
            text = textwrap.dedent("\n".join(lines[span.first - 1 : span.last]))
            yield {"file": name, "first": span.first, "lines": text.split("\n")}


def _functions(text: str) -> Iterator[Span]:
    """The span of each function, decorators included; none if the text cannot be read."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield Span(min([node.lineno, *(each.lineno for each in node.decorator_list)]), node.end_lineno or 0)


def _span_around(line: int, functions: Iterable[Span], count: int) -> Span:
    """The innermost function around the line if it is short, else some lines before and after."""
    around = Span(line - AROUND, line + AROUND)
    inside = [span for span in functions if span.first <= line <= span.last]
    if not inside:
        return around.within(Span(1, count))
    function = min(inside, key=len)
    return function if len(function) <= LONG else around.within(function)


def _merged(spans: Iterable[Span]) -> list[Span]:
    """The same lines in as few spans as possible, in order."""
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and span.first <= merged[-1].last + 1:
            merged[-1] = Span(merged[-1].first, max(merged[-1].last, span.last))
        else:
            merged.append(span)
    return merged
