"""One execution of a program under a schedule: announce, choose, perform.

A task *announces* its next operation before it performs it (`announce` for operations on locks, queues,
threads, the clock; `access` for reads and writes of shared state). The strategy *chooses* among the tasks
whose announced operation is enabled, and the chosen one alone goes on, *performs* its operation and runs up to
its next announcement. There is no scheduler task: the choice is made by the task that announces, and control goes
straight to the chosen one. Blocking is not a special case, since a blocked operation is one whose guard is
false. Virtual time jumps to the next deadline when nobody is enabled; if there is no deadline either, it is a
deadlock.

The main task is the caller of `run` itself. When an execution is over, for whatever reason, control goes
back to the main task, which unwinds (`Abort`) and then has all others unwind, in the order of their numbers.

Speed: `access` is called for each read and write of shared state, so it only looks at attributes; the list of
enabled tasks is kept until an operation may have changed it (`stale`). As long as the main task is alone, and
again after it has joined everybody, nothing is recorded: all that happens then is ordered with everything
else anyway, in every schedule.
"""

from __future__ import annotations

import threading
from _thread import get_ident as os_thread
from collections.abc import Callable
from math import ceil
from random import Random
from typing import Any, Final

from pytest_conc.controlled.pools import forget_worker, wake_workers
from pytest_conc.execution.clock import wait_for_the_outside
from pytest_conc.execution.hosts import Host
from pytest_conc.execution.learned import Learned
from pytest_conc.execution.recorder import Recorder
from pytest_conc.execution.spinning import FIRST, let_spin, look_around
from pytest_conc.execution.stuck import deadlock, leak
from pytest_conc.execution.task import Task
from pytest_conc.instrument.locals import restore_locals
from pytest_conc.instrument.locations import Locations
from pytest_conc.model.current import CONTESTED, RUNNING
from pytest_conc.model.findings import Abort
from pytest_conc.model.settings import Settings
from pytest_conc.strategies.protocol import Strategy, Trace

ABORTS: Final = 200
FIRST_IDENT: Final = 1_000_000
_ACTIVE: dict[int, threading.Thread] = threading._active  # type: ignore[attr-defined]


def on_grid(moment: float) -> float:
    """The next multiple of 2**-20 seconds: clocks then only show numbers whose differences are exact."""
    return ceil(moment * 1048576) / 1048576 if moment < 1e9 else moment


class Execution:
    """One run of a program; see the module's text. Make a new one for each run."""

    def __init__(
        self, settings: Settings, strategy: Strategy, host: Host, learned: Learned, recorder: Recorder | None = None
    ) -> None:
        self.strategy = strategy
        self.choice = strategy.choose
        self.host = host
        self.recorder = recorder
        self.patience = settings.max_steps
        self.limit = min(FIRST, self.patience)
        self.is_fair = False
        self.any_time = settings.timing == "any"
        self.asks_always = self.everything_hot = False
        self.preempts_accesses = settings.preemption == "any"
        self.now = 0.0
        self.trace = Trace()
        self.learned = learned
        self.locations = Locations(learned.hot)
        self.entries = self.locations.entries
        self.states: dict[int, Any] = {}
        self.roster: Any = None
        self.counts: dict[str, int] = {}
        self.iterators: dict[int, tuple[Any, Any, Any]] = {}
        self.locals: dict[int, list[Any]] = {}
        self.threads_named = self.threads_made = self.pools_named = self.futures_made = 0
        self._seed = settings.seed
        self._random: Random | None = None
        self.drew = False
        self.unjoined = 0
        self.atomic = self.preemptions = 0
        self.stale = True
        self.ending = False
        self.error: BaseException | None = None
        self.failed_task: Task | None = None
        self.value: Any = None
        self.excepthook = threading.excepthook
        self.lost: list[Task] = []
        self.unasked: dict[int, tuple[Task | None, BaseException]] = {}  # what futures hold and nobody has asked for
        self.main = Task(self, 0, "main", lambda: None, None)
        self.main.ident = os_thread()
        self.alive: list[Task] = [self.main]
        self.tasks: list[Task] = [self.main]
        self.enabled: list[Task] = []

    # -- the main task ---------------------------------------------------------------------
    def run(self, program: Callable[[], Any]) -> None:
        """Runs the program to its end; afterwards `value` or `error` and `trace` tell what happened."""
        RUNNING[os_thread()] = self.main
        self.main.begun = True
        self._begin_with(self.strategy)
        try:
            self.value = program()
            self._after_the_body()
        except Abort:
            pass
        except BaseException as error:
            self.fail(self.main, error)
        finally:
            try:
                self._unwind()
            finally:
                RUNNING.pop(os_thread(), None)
                CONTESTED.pop(os_thread(), None)

    def _begin_with(self, strategy: Strategy) -> None:
        strategy.begin(self.trace)
        self.choice = strategy.choose
        self.asks_always = getattr(strategy, "asks_always", False)
        curious = self.learned.is_curious() and getattr(strategy, "curious", True)
        everywhere = getattr(strategy, "asks_everywhere", False) or (curious and self.preempts_accesses)
        self.everything_hot = self.asks_always or everywhere

    def _after_the_body(self) -> None:
        idle = wake_workers(self)
        left = [task for task in self.alive if task is not self.main and not task.daemon and task.thread not in idle]
        if left and not self.ending:
            self.fail(self.main, leak(left))
        workers = [task for task in self.alive if task.thread in idle]
        if workers and not self.ending:
            self.announce(self.main, "drain", None, lambda _: all(task.finished for task in workers))
        if self.unasked and not self.ending:
            task, error = next(iter(self.unasked.values()))
            self.fail(task or self.main, error)

    def _unwind(self) -> None:
        self.ending = True
        try:
            for task in self.alive[1:]:
                if task in self.lost:
                    continue
                if task.begun and not task.finished:
                    self.host.switch(self.main, task)
                else:
                    self.host.discard(task)
        finally:
            for task in self.tasks[1:]:
                self._retire(task)
            for state in self.states.values():
                state.let_go()
            restore_locals(self)

    # -- tasks -----------------------------------------------------------------------------
    def new_task(self, parent: Task, name: str, body: Callable[[], Any], daemon: bool = False) -> Task:
        """Registers a task that will run `body` when it is first chosen."""
        task = Task(self, len(self.tasks), name, body, parent)
        task.ident = FIRST_IDENT + task.number
        task.daemon = daemon
        self.tasks.append(task)
        self.alive.append(task)
        self.unjoined += 1
        self.stale = True
        self.host.prepare(task)
        self.host.contest(parent)
        if self.recorder is not None:
            self.recorder.start(task)
        return task

    def perform(self, task: Task) -> Any:
        """The whole life of a task, called by its host; returns the task that goes on after it."""
        task.begun = True
        if not self.ending:
            self._record(task, "begin", task)
        try:
            task.body()
            self._announce_exit(task)
        except Abort:
            pass
        except BaseException as error:
            self._task_failed(task, error)
        task.finished = True
        self.alive.remove(task)
        _ACTIVE.pop(task.ident, None)
        if task.thread is not None:
            task.thread._is_stopped = True
        self.stale = True
        if self.ending:
            return self.main
        self._record(task, "exit", task)
        return self._next(task)

    def _announce_exit(self, task: Task) -> None:
        if (self.learned.exits or self.everything_hot) and not self.ending:
            task.kind, task.resource, task.guard = "exit", task, None
            chosen = self._next(task)
            if chosen is not task:
                self.preemptions += task in self.enabled
                self.host.switch(task, chosen)

    def _task_failed(self, task: Task, error: BaseException) -> None:
        if isinstance(error, SystemExit) or self.ending:
            return
        if threading.excepthook is not self.excepthook:
            threading.excepthook(threading.ExceptHookArgs((type(error), error, error.__traceback__, task.thread)))
            return
        self.fail(task, error)

    def fail(self, task: Task, error: BaseException) -> None:
        """The execution is over because of this error; the first one counts."""
        if self.error is None and not self.ending:
            self.error = error
            self.failed_task = task
        self.ending = True

    def joined(self, task: Task) -> None:
        """Somebody has joined this task; if it was the last one, nobody is left to race with."""
        if task.finished and not task.joined:
            task.joined = True
            self.unjoined -= 1
            if self.unjoined == 0:
                self.host.settle()
                restore_locals(self)

    def _retire(self, task: Task) -> None:
        _ACTIVE.pop(task.ident, None)
        if task.thread is not None:
            task.thread._is_stopped = True
            forget_worker(task.thread)

    # -- announce, choose, perform ------------------------------------------------------------
    def access(self, task: Task, kind: str, location: Any, site: Any) -> None:
        """Announces a read or write of shared state; returns when the task may perform it."""
        if self.atomic:
            return
        if self.ending:
            return self._unwinding(task)
        trace = self.trace
        if len(trace) >= self.limit:
            look_around(self, task)
        if location.matters:
            if not site.hot:
                self.locations.heat(site)
        elif location.first is not task or location.last is not site:
            self.locations.touch(location, task, kind, site)
        if (site.hot and self.preempts_accesses) or self.everything_hot:
            task.kind = kind
            task.resource = location
            enabled = self._refresh() if self.stale else self.enabled
            if len(enabled) > 1 or self.asks_always:
                chosen = self.choice(task, enabled)
                if chosen is not task:
                    self.preemptions += 1
                    self.host.switch(task, chosen)
                    if self.ending:
                        raise Abort
        trace.append((task, kind, location))

    def show(self, value: Any, call: str = "") -> None:
        """What the operation (or that call) gave or got, for the execution that is shown."""
        if self.recorder is not None:
            self.recorder.note_value(self, value, call)

    def amend(self, task: Task, kind: str, location: Any) -> None:
        """The access that the task has just been granted is of another kind than it announced."""
        if self.trace and self.trace[-1][0] is task and self.trace[-1][2] is location:
            self.trace[-1] = (task, kind, location)

    def announce(
        self,
        task: Task,
        kind: str,
        resource: Any,
        guard: Callable[[Task], bool] | None = None,
        timeout: float | None = None,
    ) -> None:
        """Announces an operation that may block; returns when the task is to perform it.

        `guard` says of a task whether the operation is enabled; `timeout` is in seconds of virtual time.
        """
        if self.ending:
            self._unwinding(task)
            if guard is not None and not guard(task):
                raise Abort
            return
        if len(self.trace) >= self.limit and self.unjoined and not self.atomic:
            look_around(self, task)
        due = None if timeout is None else on_grid(self.now + max(timeout, 0.0))
        if due is not None:
            task.deadline = float("-inf") if self.any_time else due
        if (self.atomic or self.unjoined == 0) and (guard is None or guard(task)):
            if self.any_time and due is not None:
                task.guard = guard
                self._time_has_passed(task, due)
            task.guard = task.deadline = None
            return
        task.kind, task.resource, task.guard = kind, resource, guard
        if self.recorder is not None:
            self.recorder.announce(task)
        self.enabled = enabled = [each for each in self.alive if each.guard is None or each.guard(each)]
        chosen = self.choice(task, enabled) if len(enabled) > 1 else self._only(task, enabled)
        if chosen is not task:
            self.preemptions += task in self.enabled
            self.host.switch(task, chosen)
        if self.ending:
            raise Abort
        if self.any_time and due is not None:
            self._time_has_passed(task, due)
        task.guard = task.deadline = None
        self.stale = True
        if self.unjoined:
            self.trace.append((task, kind, resource))
            if self.recorder is not None:
                self.recorder.note(self, resource)

    def _time_has_passed(self, task: Task, due: float) -> None:
        """Under `timing="any"`: a wait that was cut short by nothing has lasted until it was due."""
        task.deadline = None
        if task.guard is not None and not task.guard(task):
            self.now = max(self.now, due)

    def follow_up(self, task: Task, kind: str, resource: Any, matters: bool) -> None:
        """Announces an operation that is a scheduling point only if it matters, so far as is known."""
        if matters or self.everything_hot:
            self.announce(task, kind, resource)
        elif self.unjoined and not self.ending and not self.atomic:
            self.stale = True
            self._record(task, kind, resource)

    def _record(self, task: Task, kind: str, resource: Any) -> None:
        self.trace.append((task, kind, resource))
        if self.recorder is not None:
            self.recorder.note(self, resource)

    def _next(self, task: Task) -> Any:
        """The task that goes on; the main task when the execution is over."""
        enabled = self._refresh()
        return self.choice(task, enabled) if len(enabled) > 1 else self._only(task, enabled)

    def _only(self, task: Task, enabled: list[Task]) -> Any:
        """The task that goes on where fewer than two are enabled: time may have to pass first."""
        while not enabled:
            if not (self._advance() or let_spin(self.alive) or wait_for_the_outside(self)):
                self.fail(task, deadlock(self))
                return self.main
            enabled = self._refresh()
        asks = self.asks_always and self.unjoined  # what is not recorded is not asked for
        return enabled[0] if len(enabled) == 1 and not asks else self.choice(task, enabled)

    def _refresh(self) -> list[Task]:
        self.enabled = [task for task in self.alive if task.guard is None or task.guard(task)]
        self.stale = False
        return self.enabled

    def _advance(self) -> bool:
        """Lets virtual time jump to the next deadline, if there is one."""
        later = [task.deadline for task in self.alive if task.deadline is not None and task.deadline > self.now]
        if later:
            self.now = min(later)
            self.trace.jumps.append(len(self.trace))
        return bool(later)

    def random_bytes(self, size: int) -> bytes:
        """Bytes for `os.urandom`, the same in every execution with the same seed."""
        if self._random is None:
            self._random = Random(self._seed)
            self.drew = True
        return self._random.randbytes(size)

    def switch_point(self, task: Task) -> None:
        """A place where this CPython with the GIL can switch (`preemption="gil"`)."""
        if not self.preempts_accesses and not self.atomic:
            self.announce(task, "switch", None)

    # -- the end -----------------------------------------------------------------------------
    def leave(self, task: Task) -> None:
        """Gives up the execution, which has just failed, from within a task: never returns."""
        if task is not self.main:
            self.host.switch(task, self.main)
        raise Abort

    def dispose(self) -> None:
        """Breaks the cycles that the execution is part of, or it would be left to the garbage collector."""
        for task in self.tasks:
            if task not in self.lost:
                task.execution = task.thread = task.body = task.parent = None  # type: ignore[assignment]
        self.error = None
        self.locations.clear()

    def _unwinding(self, task: Task) -> None:
        task.aborts += 1
        if task.aborts > ABORTS and task is not self.main:
            self.lost.append(task)
            self.host.abandon(task, self.main)
        if task.aborts > ABORTS // 2:
            raise Abort
