"""What is watched: the project's own code, and the modules that `targets` names.

The project is what lies below the root directory and is not installed (site-packages), and the package of that
project where it is installed; a target is a module with all its submodules. The package itself is never watched.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from types import ModuleType

from pytest_conc.model.settings import WrongUse

_OWN = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


def watched_modules(root: str, targets: Sequence[str], also: Iterable[str] = ()) -> list[ModuleType]:
    """The modules to watch among those that are imported. Raises WrongUse for an unknown target."""
    _import_targets(targets)
    base = os.path.join(os.path.abspath(root), "")
    wanted = {*targets, *also}
    return [module for name, module in _modules() if _is_named(name, wanted) or _is_below(module, base)]


def _modules() -> Iterator[tuple[str, ModuleType]]:
    modules: list[tuple[str, object]] = list(sys.modules.items())
    for name, module in modules:
        has_source = isinstance(getattr(module, "__file__", None), str)
        if isinstance(module, ModuleType) and has_source and not name.startswith("pytest_conc"):
            yield name, module


def _is_named(name: str, wanted: set[str]) -> bool:
    return name in wanted or any(name.startswith(each + ".") for each in wanted)


def _is_below(module: ModuleType, base: str) -> bool:
    filename = getattr(module, "__file__", None)
    if not isinstance(filename, str) or not filename.startswith(base) or filename.startswith(_OWN):
        return False
    below = filename[len(base) - 1 :]
    return not any(part in below for part in _INSTALLED) and f"{os.sep}.venv{os.sep}" not in below


def _import_targets(targets: Sequence[str]) -> None:
    import importlib

    for name in targets:
        try:
            importlib.import_module(name)
        except (ImportError, TypeError, ValueError) as error:
            raise WrongUse(
                f"targets names {name!r}, which cannot be imported ({error}); write the dotted name of a "
                "module that the test can import"
            ) from None
