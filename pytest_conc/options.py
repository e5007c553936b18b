"""The command line and ini options: one table, from which both are made."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from zlib import crc32

import pytest

if TYPE_CHECKING:
    from pytest_conc.model.settings import Settings
    from pytest_conc.stressing.settings import StressSettings


class Option(NamedTuple):
    """An option of an exploration: how its text is read, and what it means."""

    name: str
    read: Callable[[str], Any]
    metavar: str
    help: str


def _truth(text: str) -> bool:
    if text.lower() in ("1", "true", "yes", "on"):
        return True
    if text.lower() in ("0", "false", "no", "off", ""):
        return False
    raise ValueError(text)


def _seed(text: str) -> int:
    import random

    return random.SystemRandom().randrange(1 << 31) if text == "random" else int(text)


OPTIONS: Final = (
    Option("strategy", str, "NAME", "how the next task is chosen (auto, random, pct, …)"),
    Option("executions", int, "N", "at most so many executions a test (1000)"),
    Option("seconds", float, "S", "at most so long a test"),
    Option("seed", _seed, "N|random", "all randomness comes from it (0); random draws one and prints it"),
    Option("host", str, "NAME", "greenlets (default) or threads"),
    Option("preemption", str, "WHERE", "any (default), or gil: only where CPython with the GIL switches"),
    Option("timing", str, "HOW", "virtual (default), or any: sleeps and time-outs may end at any moment"),
    Option("max_preemptions", int, "N", "at most so many preemptions an execution"),
    Option("max_steps", int, "N", "operations in one execution, then it is a livelock (20000)"),
    Option("hang_after", float, "S", "seconds without progress until the test fails (10; 0: never)"),
    Option("keep_going", _truth, "", "do not stop at the first failure of a test"),
    Option("races", str, "HOW", "data races in explorations: note (default), error, off"),
    Option("stress", int, "RUNS", "run every selected test for real so many times, marked or not"),
    Option("delays", str, "HOW", "where real runs sleep: learned (default), random, off"),
)
SWITCHES: Final = {
    "interleave": "explore every selected test, marked or not",
    "show": "print the failures that tests with finds= have found",
}
_MARKER_WINS: Final = frozenset({"finds", "targets", "host", "timing", "preemption", "gevent"})
REPORTS: Final = {
    "json": "what was explored and found as JSON",
    "html": "a page on which every failure can be stepped through",
}
_RUNS: Final = "runs"  # what `--conc-stress` sets
_EXAMPLES: Final = {"interleave": "executions=100", "stress": "runs=100"}
_STEP: Final = "__pytest_repeat_step_number"  # the parameter that pytest-repeat gives to each repetition
_HANG_AFTER: Final = 10.0
SEED: Final = pytest.StashKey[int]()
DEBUGGED = pytest.StashKey[bool]()
GIVEN: Final = pytest.StashKey[tuple[dict[str, Any], dict[str, Any]]]()
OF_REPLAYS: Final = ("host", "max_steps", "hang_after", "races")  # what a token does not say
OF_STRESS: Final = ("delays", "hang_after")


def add_options(parser: pytest.Parser) -> None:
    """Declares all options."""
    group = parser.getgroup("conc", "interleavings of concurrent tests (pytest-conc)")
    group.addoption("--conc-replay", metavar="TOKEN", help="run the test under the one schedule of this token")
    for name, what in SWITCHES.items():
        group.addoption(f"--conc-{name}", action="store_true", help=what)
        parser.addini(f"conc_{name}", what, type="bool", default=False)
    for option in OPTIONS:
        flag = "--conc-" + option.name.replace("_", "-")
        if option.read is _truth:
            group.addoption(flag, action="store_const", const="true", help=option.help)
        else:
            group.addoption(flag, metavar=option.metavar, help=option.help)
        parser.addini(f"conc_{option.name}", option.help)
    for kind, what in REPORTS.items():
        group.addoption(f"--conc-{kind}", metavar="PATH", help=f"write {what}")
        parser.addini(f"conc_{kind}", f"write {what}")
    parser.addini("conc_targets", "further modules whose shared state is watched", type="args", default=[])


def read_options(config: pytest.Config) -> None:
    """Checks what was given, before any test runs. Raises pytest.UsageError with value, cause and remedy."""
    given: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    for option in OPTIONS:
        for values, text, where in (
            (given[0], config.getini(f"conc_{option.name}"), f"ini option conc_{option.name}"),
            (given[1], config.getoption("conc_" + option.name), "--conc-" + option.name.replace("_", "-")),
        ):
            if text is not None and text != "":
                values[option.name] = _read(option, str(text), where)
    worker = getattr(config, "workerinput", {})
    seed = worker.get("conc_seed", given[1].get("seed", given[0].get("seed", 0)))
    config.stash[SEED] = seed
    for values in given:
        values.pop("seed", None)
    config.stash[GIVEN] = given


def _read(option: Option, text: str, where: str) -> Any:
    try:
        value = option.read(text)
    except ValueError:
        kind = {int: "a whole number", float: "a number", _seed: "a whole number or 'random'"}.get(
            option.read, "true or false"
        )
        raise pytest.UsageError(f"{where}: {text!r} is not {kind}") from None
    from pytest_conc.model.settings import WrongUse

    try:
        _check(option.name, value)
    except WrongUse as error:
        raise pytest.UsageError(f"{where}: {error}") from None
    return value


def _check(name: str, value: Any) -> None:
    """Raises WrongUse for a value that cannot work."""
    from pytest_conc.model.settings import NAMES, Settings

    if name in NAMES:
        Settings().with_options({name: value})
        if name == "strategy":
            _check_strategy(value)
    else:
        from pytest_conc.stressing.settings import StressSettings

        StressSettings().with_options({_RUNS if name == "stress" else name: value})


def is_on(config: pytest.Config, switch: str) -> bool:
    """Whether `--conc-interleave` or `--conc-show` was given, or is set in the ini file."""
    return bool(config.getoption(f"conc_{switch}") or config.getini(f"conc_{switch}"))


def given(config: pytest.Config, name: str) -> Any:
    """The value of an option from the command line, else from the ini file, else None."""
    ini, line = config.stash[GIVEN]
    return line.get(name, ini.get(name))


def hang_after(config: pytest.Config) -> float:
    """Seconds that a join without a time limit may take, in a test without a mark; 0: any."""
    seconds = given(config, "hang_after")
    return _HANG_AFTER if seconds is None else float(seconds)


def given_again(config: pytest.Config, names: tuple[str, ...]) -> str:
    """Those of the options, and of our ini options set with -o, that this command line has, ready for the next one."""
    values = [(f"--conc-{name.replace('_', '-')}", config.getoption(f"conc_{name}")) for name in names]
    overrides = [("-o", text) for text in config.getoption("override_ini") or () if text.startswith("conc_")]
    return "".join(f" {flag} {shlex.quote(text)}" for flag, text in (*values, *overrides) if text is not None)


def _check_strategy(name: str) -> None:
    from pytest_conc.model.settings import WrongUse, unknown_name
    from pytest_conc.strategies import STRATEGIES

    if name not in STRATEGIES:
        raise WrongUse(unknown_name(name, tuple(STRATEGIES), "strategy"))


def wants_reports(config: pytest.Config) -> bool:
    """Whether any report is to be written, by this process or, on an xdist worker, by the controller."""
    return any(config.getoption(f"conc_{kind}") is not None or config.getini(f"conc_{kind}") for kind in REPORTS)


def report_paths(config: pytest.Config) -> dict[str, Path]:
    """Where to write which report. Raises pytest.UsageError for a place where none can be written.

    A path of the command line is relative to where pytest was started, one of the ini file to the root directory.
    """
    paths: dict[str, Path] = {}
    for kind in REPORTS:
        for text, where, base in (
            (config.getini(f"conc_{kind}") or None, f"ini option conc_{kind}", config.rootpath),
            (config.getoption(f"conc_{kind}"), f"--conc-{kind}", config.invocation_params.dir),
        ):
            if text is not None:
                paths[kind] = _writable(text, where, base)
    _check_distinct(paths)
    return paths


def _writable(text: str, where: str, base: Path) -> Path:
    path = base / os.path.expanduser(os.path.expandvars(text))
    if not text.strip() or path.is_dir():
        raise pytest.UsageError(f"{where}: {text!r} is not the name of a file; write {where} {path / 'conc-report'}")
    if not path.parent.is_dir():
        raise pytest.UsageError(f"{where}: {text!r} is in no directory: make {str(path.parent)!r} first")
    try:
        _try_to_write(path)
    except OSError as error:
        raise pytest.UsageError(
            f"{where}: {text!r} cannot be written ({error.strerror}); name a file in a directory that is yours"
        ) from None
    return path


def _try_to_write(path: Path) -> None:
    if not path.exists():
        path.touch()
        path.unlink()
    elif path.is_file():  # opening anything else, a pipe or a terminal, could block or be seen by its reader
        path.open("a").close()


def _check_distinct(paths: Mapping[str, Path]) -> None:
    if len({path.resolve() for path in paths.values()}) < len(paths):
        raise pytest.UsageError(
            f"--conc-json and --conc-html: {str(paths['json'])!r} is given for both; give each report a file of its own"
        )


def settings_for(item: pytest.Item) -> Settings:
    """How a test is explored: defaults, ini, command line and markers. Raises WrongUse for a bad marker."""
    from pytest_conc.model.settings import NAMES, Settings

    marked = _marked(item, "conc_interleave", NAMES)
    merged = _merged(item, marked, NAMES)
    targets = [*item.config.getini("conc_targets"), *_listed(marked.get("targets", ()))]
    merged["targets"] = tuple(dict.fromkeys(targets))
    if isinstance(merged.get("strategy"), str):
        _check_strategy(merged["strategy"])
    if "finds" not in merged and item.get_closest_marker("conc_stress") is not None:
        merged["finds"] = stress_settings_for(item).finds
    return Settings().with_options(merged)


def stress_settings_for(item: pytest.Item) -> StressSettings:
    """How a test is run for real: defaults, ini, command line and markers. Raises WrongUse for a bad marker."""
    from pytest_conc.model.settings import NAMES as OF_EXPLORATIONS
    from pytest_conc.stressing.settings import NAMES, StressSettings

    merged = _merged(item, _marked(item, "conc_stress", NAMES), NAMES)
    runs = given(item.config, "stress")
    if runs is not None:
        merged[_RUNS] = runs
    if "finds" not in merged and item.get_closest_marker("conc_stress") is None:
        merged["finds"] = _marked(item, "conc_interleave", OF_EXPLORATIONS).get("finds")
    return StressSettings().with_options(merged)


def _merged(item: pytest.Item, marked: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """What is given for a test under these names, with its seed and its time."""
    ini, line = (_of(values, names) for values in item.config.stash[GIVEN])
    strong = {name: value for name, value in marked.items() if name in _MARKER_WINS}
    merged: dict[str, Any] = {**ini, **marked, **line, **strong}
    limit = _timeout_of(item)
    if limit:
        merged["seconds"] = min(merged.get("seconds") or limit, limit)
    merged.setdefault("seed", seed_for(item, session_seed(item)))
    return merged


def _of(values: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name in names}


def _timeout_of(item: pytest.Item) -> float | None:
    """The limit that pytest-timeout sets for this test, if it does, less a second (or half of it) for the rest."""
    mark = item.get_closest_marker("timeout")
    text: Any = mark.args[0] if mark is not None and mark.args else (mark.kwargs.get("timeout") if mark else None)
    if text is None and item.config.pluginmanager.has_plugin("timeout"):
        text = item.config.getoption("timeout", None) or item.config.getini("timeout")
    try:
        limit = float(text)
    except (TypeError, ValueError):
        return None
    return max(limit / 2, limit - 1) or None


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _marked(item: pytest.Item, mark_name: str, names: tuple[str, ...]) -> Mapping[str, Any]:
    """The options of all marks of that name of the test; the closest one wins."""
    from pytest_conc.model.settings import WrongUse, unknown_name

    short = mark_name.removeprefix("conc_")
    merged: dict[str, Any] = {}
    for mark in item.iter_markers(mark_name):
        if mark.args:
            raise WrongUse(f"{short} got {mark.args[0]!r} without a name; write a keyword, as in {_EXAMPLES[short]}")
        for name, value in mark.kwargs.items():
            if name not in names:
                raise WrongUse(unknown_name(name, names, f"option of {short}"))
            merged.setdefault(name, value)
    return merged


def seed_for(item: pytest.Item, session_seed: int) -> int:
    """The seed of a test in a session with that seed."""
    return crc32(f"{session_seed}:{base_id(item)}".encode())


def session_seed(item: pytest.Item) -> int:
    """The session's seed, as it is for the real runs of this test: in each step of pytest-repeat another one.

    So the steps do not make the same runs again, and each can be repeated without --count: its session seed is
    given to `--conc-seed`. The first step has the seed that the test has without --count.
    """
    seed, step = item.config.stash[SEED], repeat_step(item)
    return crc32(f"{seed}/{step}".encode()) if step else seed


def seed_again(item: pytest.Item) -> str:
    """The option that gives these real runs their seed once more; empty where they would have it anyway."""
    seed = session_seed(item)
    return "" if str(seed) == (item.config.getini("conc_seed") or "0") else f" --conc-seed {seed}"


def repeat_step(item: pytest.Item) -> int:
    """Which repetition this is under pytest-repeat, from 0; 0 without it."""
    return int(_parameters(item).get(_STEP, 0))


def own_id(item: pytest.Item) -> str:
    """The test's id without the group that xdist's loadgroup adds to it."""
    own = f"{item.parent.nodeid}::{item.name}" if item.parent is not None else item.nodeid
    return own if item.nodeid.startswith(f"{own}@") else item.nodeid


def base_id(item: pytest.Item) -> str:
    """The test's id without a group of xdist, and without the step that pytest-repeat adds to it."""
    nodeid = own_id(item)
    if _STEP not in _parameters(item):
        return nodeid
    head, _, inside = nodeid.rpartition("[")
    kept = inside.rstrip("]").split("-")[:-2]
    return head + (f"[{'-'.join(kept)}]" if kept else "")


def _parameters(item: pytest.Item) -> Mapping[str, Any]:
    found: Mapping[str, Any] = getattr(getattr(item, "callspec", None), "params", {})
    return found
