"""The suites on every CPython from 3.11 on that is installed here.

Interpreters are looked for as `python3.N` on PATH and among those of pyenv, which has many that are not on PATH.
The session `interpreters` says which were found and which were skipped, and why.
"""

import os
import re
import subprocess
from pathlib import Path

import nox

OLDEST = 11
ASK = "import platform, sys; print(platform.python_implementation(), *sys.version_info[:3])"


def folders() -> list[Path]:
    """Where interpreters may be: the versions of pyenv first, because its shims on PATH may lead nowhere."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    return [*sorted(pyenv.glob("versions/*/bin")), *map(Path, os.get_exec_path())]


def candidates() -> list[Path]:
    """Every executable called python3.N."""
    return [path for folder in folders() for path in sorted(folder.glob("python3.*")) if is_python(path)]


def is_python(path: Path) -> bool:
    return re.fullmatch(r"python3\.\d+", path.name) is not None and os.access(path, os.X_OK)


def identity(python: Path) -> tuple[str, int, int, int] | None:
    """Implementation and version; None if it does not run."""
    answer = subprocess.run([python, "-c", ASK], capture_output=True, text=True)
    if answer.returncode:
        return None
    implementation, *version = answer.stdout.split()
    major, minor, micro = map(int, version)
    return implementation, major, minor, micro


def survey() -> tuple[dict[int, tuple[int, Path]], dict[Path, str]]:
    """The newest CPython of each minor version, as {minor: (micro, path)}, and the others with the reason."""
    chosen: dict[int, tuple[int, Path]] = {}
    skipped: dict[Path, str] = {}
    for python in candidates():
        known = identity(python)
        if known is None:
            skipped[python] = "does not run"
        elif known[0] != "CPython":
            skipped[python] = f"is {known[0]}, not CPython"
        elif known[2] < OLDEST:
            skipped[python] = f"is older than 3.{OLDEST}"
        elif known[3] > chosen.get(known[2], (-1,))[0]:
            chosen[known[2]] = known[3], python
    return chosen, skipped


CHOSEN, SKIPPED = survey()
PYTHONS = {f"3.{minor}": path for minor, (_, path) in sorted(CHOSEN.items())}
os.environ["PATH"] = os.pathsep.join([*(str(path.parent) for path in PYTHONS.values()), os.environ["PATH"]])

nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = True


@nox.session(python=False)
def interpreters(session: nox.Session) -> None:
    """Say which interpreters are used, and which are not."""
    for version, path in PYTHONS.items():
        session.log(f"{version}: {path}")
    for path, reason in SKIPPED.items():
        session.log(f"skipped {path}: {reason}")
    if not PYTHONS:
        session.error(f"no CPython 3.{OLDEST} or later was found: install one, or put it on PATH as python3.N")


@nox.session(python=list(PYTHONS))
def tests(session: nox.Session) -> None:
    """All suites on one interpreter."""
    session.install("--editable", ".[test,gevent]")
    session.run("python", "-m", "pytest", "-n", "2", *session.posargs)
