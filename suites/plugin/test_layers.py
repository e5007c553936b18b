"""The layers of the package import downwards only, and no two modules import each other, however indirectly.

Every import statement counts, also one inside a function; only imports for type checkers are exempt. The root of
the package, `pytest_conc/__init__.py`, is the public face: it may import every layer, and no layer imports it.
"""

import ast
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "pytest_conc"

LAYERS = (  # from the top down
    "plugin",
    "explored",
    "stressed",
    "body",
    "store",
    "capture",
    "fixtures",
    "report",
    "options",
    "stressing",
    "exploration",
    "execution",
    "controlled",
    "instrument",
    "strategies",
    "sleep_points",
    "marks",
    "model",
)


class Import(NamedTuple):
    """Module `user` imports module `used`, at that line of its file."""

    user: str
    used: str
    line: int


def modules(package: Path) -> dict[str, Path]:
    """{dotted name: file}."""
    return {dotted(path.relative_to(package.parent)): path for path in sorted(package.rglob("*.py"))}


def dotted(path: Path) -> str:
    names = path.with_suffix("").parts
    return ".".join(names[:-1] if names[-1] == "__init__" else names)


def parts(node: ast.AST) -> Iterable[ast.AST]:
    """The statements and expressions in node, without those that only a type checker reads."""
    if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
        return node.orelse
    return ast.iter_child_nodes(node)


def statements(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Every import that can run below node."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield node
    for part in parts(node):
        yield from statements(part)


def base(node: ast.ImportFrom, user: str, path: Path) -> str:
    """The absolute name of the module that `from … import` names."""
    if not node.level:
        return node.module or ""
    parents = user.split(".")[: None if path.stem == "__init__" else -1]
    kept = parents[: len(parents) - node.level + 1]
    return ".".join([*kept, *([node.module] if node.module else [])])


def targets(node: ast.Import | ast.ImportFrom, user: str, path: Path, known: dict[str, Path]) -> Iterator[str]:
    """What the statement imports: a submodule where there is one of that name, else the module it is taken from."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    module = base(node, user, path)
    for alias in node.names:
        submodule = f"{module}.{alias.name}"
        yield submodule if submodule in known else module


def imports(package: Path) -> list[Import]:
    """All imports of modules of the package by modules of the package."""
    known = modules(package)
    return [
        Import(user, used, node.lineno)
        for user, path in known.items()
        for node in statements(ast.parse(path.read_text(encoding="utf-8")))
        for used in targets(node, user, path, known)
        if used.split(".")[0] == package.name and used != user
    ]


def height(module: str) -> int:
    """How high its layer is; the root of the package is above all."""
    layer = module.split(".")[1:2]
    return len(LAYERS) - LAYERS.index(layer[0]) if layer else len(LAYERS) + 1


def strangers(package: Path) -> list[str]:
    places = {name.split(".")[1] for name in modules(package) if "." in name}
    return [
        f"{place} is in no layer: move it into one, or add a line to LAYERS" for place in sorted(places - {*LAYERS})
    ]


def upward(package: Path) -> list[str]:
    return [
        f"{user}:{line} imports {used}, which is above it"
        for user, used, line in imports(package)
        if height(user) < height(used)
    ]


def cycles(package: Path) -> list[str]:
    graph: dict[str, set[str]] = {}
    for user, used, _ in imports(package):
        graph.setdefault(user, set()).add(used)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return ["import cycle: " + " → ".join(reversed(error.args[1]))]
    return []


def faults(package: Path) -> list[str]:
    return strangers(package) or upward(package) or cycles(package)


def test_imports_go_only_downwards():
    assert imports(PACKAGE), f"nothing was looked at: is the package at {PACKAGE}?"
    assert faults(PACKAGE) == []


SOUND = {
    "__init__.py": "from .exploration import explore\n",
    "plugin.py": "from pytest_conc import exploration\n",
    "exploration/__init__.py": "from pytest_conc.exploration.budget import explore\n",
    "exploration/budget.py": "from ..model import trace\nimport pytest_conc.model.trace\n",
    "model/__init__.py": "",
    "model/trace.py": "import sys\nfrom typing import TYPE_CHECKING\n"
    "if TYPE_CHECKING:\n    from pytest_conc.plugin import x\nelse:\n    x = None\n",
}

BROKEN = {
    "upward": (
        {"model/trace.py": "import pytest_conc.exploration.budget"},
        "model.trace:1 imports pytest_conc.exploration",
    ),
    "in a function": (
        {"model/trace.py": "def f():\n    from pytest_conc.exploration import budget"},
        "model.trace:2 imports pytest_conc.exploration.budget",
    ),
    "relative": (
        {"model/trace.py": "from ..exploration.budget import x"},
        "model.trace:1 imports pytest_conc.exploration",
    ),
    "relative in a package": ({"model/__init__.py": "from .. import plugin"}, "model:1 imports pytest_conc.plugin"),
    "the root": ({"model/trace.py": "from pytest_conc import something"}, "model.trace:1 imports pytest_conc, which"),
    "not for type checkers": (
        {"model/trace.py": "if not TYPE_CHECKING:\n    from pytest_conc import plugin"},
        "model.trace:2 imports pytest_conc.plugin",
    ),
    "the other branch": (
        {"model/trace.py": "if TYPE_CHECKING:\n    pass\nelse:\n    from pytest_conc import plugin"},
        "model.trace:4 imports pytest_conc.plugin",
    ),
    "cycle": (
        {"model/trace.py": "from .event import x", "model/event.py": "def f():\n    from .trace import y"},
        "import cycle: ",
    ),
    "no layer": ({"helpers.py": ""}, "helpers is in no layer"),
}


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / "pytest_conc" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root / "pytest_conc"


def test_a_sound_tree_has_no_faults(tmp_path):
    assert faults(tree(tmp_path, SOUND)) == []


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_tree_is_found_out(tmp_path, name):
    files, message = BROKEN[name]
    (found,) = faults(tree(tmp_path, SOUND | files))
    assert message in found
