"""Tables in markdown, and where what the benchmarks install is kept."""

import os
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def cache() -> Path:
    """Outside the project, because what lies below it counts as the project's own code."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base, "pytest-conc", f"{platform.python_implementation()}-{platform.python_version()}")


def machine() -> str:
    """One line that says on what a table was made."""
    return (
        f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores, {platform.system()}"
    )


def line(cells: Iterable[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def markdown(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    return "\n".join([line(header), line("---" for _ in header), *map(line, rows)])


def significant(value: float | None) -> str:
    """Three significant digits, as plain decimals; a dash for None."""
    if value is None:
        return "–"
    if value >= 100:
        return f"{float(f'{value:.3g}'):,.0f}".replace(",", " ")
    return f"{value:.3g}"
