"""The page of `--conc-html`: one file without any reference to another one, with the record inside of it.

`page.html` is the frame; `page.css`, `world.js` (what is true after each step), `timeline.js` (one failure, step by
step) and `page.js` (index and tests) are put into it as they are.
"""

from __future__ import annotations

import json
from importlib.resources import files
from string import Template
from typing import Any, Final

_SCRIPTS: Final = ("elements.js", "world.js", "timeline.js", "page.js")


def page(document: dict[str, Any], kind: str = "whole") -> str:
    """The page for a document; `kind` is `whole`, or `part` for one that stands in another page."""
    return Template(_text("page.html")).substitute(
        kind=kind,
        style=_text("page.css"),
        script="".join(map(_text, _SCRIPTS)),
        record=embedded(document),
    )


def embedded(document: dict[str, Any]) -> str:
    """JSON that can stand inside of a script element: no text in it ends the element or begins a comment."""
    return json.dumps(document, allow_nan=False).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _text(name: str) -> str:
    return files(__name__).joinpath(name).read_text(encoding="utf-8")
