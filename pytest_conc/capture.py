"""Output and logs of many executions or runs: only those of the one that is reported are kept.

That is the one after which somebody said `keep` for the first time: the execution of an exploration that is shown, or
the first failing run of a stress test. Else it is the last one.
"""

from __future__ import annotations

import io
import sys
from types import TracebackType
from typing import Any

import pytest


class _Sink(io.TextIOBase):
    """Stands in for sys.stdout or sys.stderr; keeps what the current execution writes."""

    def __init__(self, real: Any) -> None:
        self.real = real
        self.parts: list[str] = []
        self.kept: list[str] | None = None

    def write(self, text: str) -> int:
        self.parts.append(text)
        return len(text)

    def writable(self) -> bool:
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return str(getattr(self.real, "encoding", "utf-8"))

    def fileno(self) -> int:
        return int(self.real.fileno())

    def isatty(self) -> bool:
        return False


class Captured:
    """Context manager around an exploration of one test; `begin` is called at the start of each execution."""

    def __init__(self, item: pytest.Item) -> None:
        self._item = item
        self._sinks: list[_Sink] = []
        self._logs: tuple[str, list[Any]] | None = None

    def __enter__(self) -> Captured:
        self._sinks = [_Sink(sys.stdout), _Sink(sys.stderr)]
        sys.stdout, sys.stderr = self._sinks
        return self

    def begin(self) -> None:
        """A new execution: forgets what the one before has written."""
        for sink in self._sinks:
            sink.parts = []
        self._forget_logs()

    def keep(self) -> None:
        """The run that has just ended is the one that is reported: its output stays, that of later ones goes."""
        for sink in self._sinks:
            sink.kept = sink.kept if sink.kept is not None else sink.parts
        if self._logs is None and (handler := self._handler()) is not None:
            self._logs = handler.stream.getvalue(), list(handler.records)

    def _plugin(self) -> Any:
        return self._item.config.pluginmanager.get_plugin("logging-plugin")

    def _handler(self) -> Any:
        plugin = self._plugin()
        return None if plugin is None else plugin.report_handler

    def _forget_logs(self) -> None:
        plugin = self._plugin()
        if plugin is not None and plugin.report_handler.records:
            plugin.report_handler.reset()
            plugin.caplog_handler.reset()

    def _bring_logs_back(self) -> None:
        handler = self._handler()
        if self._logs is not None and handler is not None:
            handler.reset()
            text, handler.records = self._logs
            handler.stream.write(text)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        sys.stdout, sys.stderr = (sink.real for sink in self._sinks)
        for sink in self._sinks:
            sink.real.write("".join(sink.parts if sink.kept is None else sink.kept))
        self._bring_logs_back()
