"""The pytest plugin `conc`: options, the mark, exploring a marked test, its report. Idle until a test is marked."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from pytest_conc.options import (
    DEBUGGED,
    SEED,
    add_options,
    given,
    hang_after,
    is_on,
    read_options,
    report_paths,
    session_seed,
    wants_reports,
)
from pytest_conc.store import STORE, Store

if TYPE_CHECKING:
    from pytest_conc.explored import Explored
    from pytest_conc.fixtures.greenlets import Greenlets
    from pytest_conc.fixtures.processes import Processes
    from pytest_conc.fixtures.shared_queues import SharedQueues
    from pytest_conc.fixtures.sleep_points import SleepPoints
    from pytest_conc.fixtures.threads import Threads
    from pytest_conc.stressed import Stressed
    from pytest_conc.stressing.gevent_child import GeventChild

RUN_OFTEN: pytest.StashKey[Explored | Stressed | GeventChild] = pytest.StashKey()
RAN_ONCE = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declares the options."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Declares the mark and checks the options, before any test."""
    config.addinivalue_line(
        "markers", "conc_interleave(**options): run this test under every interleaving that matters"
    )
    config.addinivalue_line("markers", "conc_stress(**options): run this test for real, again and again")
    read_options(config)
    config.stash[STORE] = Store(config)
    config.pluginmanager.register(config.stash[STORE], "conc-store")
    config.pluginmanager.register(Colours(), "conc-colours")
    config.pluginmanager.register(Guard(), "conc-guard")
    _configure_reports(config)
    token = config.getoption("conc_replay")
    if token is not None:
        from pytest_conc.model.schedule import check_token
        from pytest_conc.model.settings import WrongUse

        try:
            check_token(token)
        except WrongUse as error:
            raise pytest.UsageError(f"--conc-replay: {error}") from None


def _configure_reports(config: pytest.Config) -> None:
    """Registers who writes the reports that were asked for: on the controller alone, where xdist has workers."""
    if not wants_reports(config) or hasattr(config, "workerinput"):
        return
    paths = report_paths(config)
    from pytest_conc.report.files import ReportFiles

    config.pluginmanager.register(ReportFiles(paths, config.stash[SEED]), "conc-report-files")


def pytest_report_header(config: pytest.Config) -> str | None:
    """Names the seed where it was drawn."""
    if config.getoption("conc_seed") == "random":
        return f"conc: seed {config.stash[SEED]}; repeat with --conc-seed={config.stash[SEED]}"
    return None


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Gives every xdist worker the same seed."""
    node.workerinput["conc_seed"] = node.config.stash[SEED]


def is_stressed(item: pytest.Item) -> bool:
    """Whether this test is run for real, again and again."""
    if item.config.getoption("conc_replay"):
        return False
    if given(item.config, "stress") is not None:
        return True
    return item.get_closest_marker("conc_stress") is not None and not is_on(item.config, "interleave")


def is_explored(item: pytest.Item) -> bool:
    """Whether this test is run under the scheduler."""
    return bool(
        is_on(item.config, "interleave")
        or item.config.getoption("conc_replay")
        or item.get_closest_marker("conc_interleave")
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """Forgets at the end what the test has left: its errors hold frames, and these hold queues, sockets and threads."""
    try:
        return (yield)
    finally:
        if RUN_OFTEN in item.stash:
            del item.stash[RUN_OFTEN]
            item.__dict__.pop("setup", None)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fails a test whose mark cannot work, before anything of it runs."""
    if item.get_closest_marker("conc_interleave") and item.get_closest_marker("conc_stress"):
        pytest.fail(
            f"{item.nodeid} is marked both interleave and stress, and can be run in one of the two ways only; keep "
            "interleave, and run it with --conc-stress RUNS to stress it",
            pytrace=False,
        )
    if is_stressed(item):
        from pytest_conc.stressed import prepare
    elif is_explored(item):
        from pytest_conc.explored import prepare  # type: ignore[assignment]
    else:
        return
    prepared = prepare(item)
    if isinstance(prepared, str):
        item.stash[RAN_ONCE] = prepared
    else:
        item.stash[RUN_OFTEN] = prepared


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Explores or stresses the test instead of calling it once."""
    __tracebackhide__ = True
    run_often = pyfuncitem.stash.get(RUN_OFTEN, None)
    if run_often is None:
        return None
    run_often.run()
    return True


def pytest_enter_pdb(config: pytest.Config) -> None:
    """Somebody is in the debugger: nothing that he looks at is run again without need."""
    config.stash[DEBUGGED] = True


class Guard:
    """A plugin of its own: tests that are called once, but with their helpers on guard.

    That is every test where `hang_after` is given, and one that injects sleeps.
    """

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, Any, Any]:
        """Fails a test that does not go on, or whose helpers fail."""
        __tracebackhide__ = True
        limit = given(pyfuncitem.config, "hang_after")
        if RUN_OFTEN in pyfuncitem.stash or not (limit or "sleep_points" in pyfuncitem.funcargs):
            return (yield)
        from pytest_conc.stressed import on_guard

        with on_guard(pyfuncitem, limit or 0):
            return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Adds what was explored to the report of the test."""
    report = yield
    run_often = item.stash.get(RUN_OFTEN, None)
    if run_often is not None and report.when in run_often.phases:
        run_often.add_to(report, call)
    elif report.failed and call.excinfo is not None and given(item.config, "hang_after"):
        _tell_finding(report, call.excinfo.value)
    elif RAN_ONCE in item.stash and report.when == "call":
        report.conc_ran_once = item.stash[RAN_ONCE]
    if hasattr(report, "conc_stress"):
        _add_numbers(item, report)
    return report


def _tell_finding(report: pytest.TestReport, error: BaseException) -> None:
    """A finding says itself where and why; no frame has anything to do with it."""
    from pytest_conc.model.findings import ConcurrencyError

    if isinstance(error, ConcurrencyError):
        report.longrepr = "\n".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())])


def _add_numbers(item: pytest.Item, report: Any) -> None:
    """Adds what the summary and --junitxml say about real runs."""
    from pytest_conc.report.rates import junit_properties

    report.conc_stress["session_seed"] = session_seed(item)
    item.user_properties.extend(junit_properties(report.conc_stress))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The verdicts under -v, what finds= tests have found under --conc-show, what ran only once, the rates."""
    if _reports(terminalreporter, "conc", "conc_ran_once", "conc_stress"):
        from pytest_conc.report.summary import write_summary

        write_summary(
            terminalreporter,
            _reports(terminalreporter, "conc"),
            {report.nodeid: report.conc_ran_once for report in _reports(terminalreporter, "conc_ran_once")},
            _reports(terminalreporter, "conc_stress"),
        )


def _reports(terminal: Any, *attributes: str) -> list[Any]:
    """The reports that have one of these attributes."""
    everything = (report for group in terminal.stats.values() for report in group)
    return [report for report in everything if any(hasattr(report, name) for name in attributes)]


class Colours:
    """A plugin of its own, because it has to be around the summary of the terminal, and the one above inside of it."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: Any) -> Generator[None, Any, Any]:
        """Paints the reports of failed tests while they are printed."""
        if not terminalreporter._tw.hasmarkup or not _reports(terminalreporter, "conc"):
            return (yield)
        from pytest_conc.report.colour import coloured

        with coloured(_reports(terminalreporter, "conc"), terminalreporter._tw.markup):
            return (yield)


@pytest.fixture
def threads(request: pytest.FixtureRequest) -> Iterator[Threads]:
    """Starts threads: `.start(target, *args)` returns a handle, `.together(*targets)` their results in order."""
    __tracebackhide__ = True
    from pytest_conc.fixtures.judging import finish, keep
    from pytest_conc.fixtures.threads import Threads

    made = keep(request, Threads(hang_after(request.config)))
    yield made
    finish(request, made)


@pytest.fixture
def processes(request: pytest.FixtureRequest) -> Iterator[Processes]:
    """Starts processes: as `threads` does, and `.start(…, method="spawn" | "fork" | "forkserver")`."""
    __tracebackhide__ = True
    from pytest_conc.fixtures.judging import finish, keep, refuse_in_exploration

    refuse_in_exploration("processes")
    from pytest_conc.fixtures.processes import Processes
    from pytest_conc.stressing.in_child import InChild

    made = keep(request, Processes(str(request.config.rootpath), hang_after(request.config)))
    made.around.append(InChild())
    yield made
    finish(request, made)


@pytest.fixture
def greenlets(request: pytest.FixtureRequest) -> Iterator[Greenlets]:
    """Starts greenlets of gevent: as `threads` does."""
    __tracebackhide__ = True
    from pytest_conc.fixtures.judging import finish, keep, refuse_in_exploration

    refuse_in_exploration("greenlets")
    from pytest_conc.fixtures.greenlets import Greenlets

    made = keep(request, Greenlets(hang_after(request.config)))
    yield made
    finish(request, made)


@pytest.fixture
def shared_queue() -> Iterator[SharedQueues]:
    """Makes queues that remember who has put or got what: `shared_queue(maxsize=0, kind="auto")`."""
    from pytest_conc.fixtures.shared_queues import SharedQueues

    queues = SharedQueues()
    yield queues
    queues.close()


@pytest.fixture
def sleep_points(request: pytest.FixtureRequest) -> Iterator[SleepPoints]:
    """Injects sleeps: `.at("label", seconds)`, `.before(owner, name, access="write", seconds=…)`; `.hits` counts."""
    from pytest_conc.fixtures.sleep_points import SleepPoints, asked_by

    made = SleepPoints(asked_by(request))
    yield made
    made.finish()
