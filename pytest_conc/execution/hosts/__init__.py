"""Hosts: how tasks are suspended and resumed. A new host is one file and one branch of `host_named`."""

from __future__ import annotations

from typing import Any, Protocol


class Host(Protocol):
    """Suspends and resumes tasks; nothing else differs between hosts. One serves a whole exploration."""

    shares_a_thread: bool

    def prepare(self, task: Any) -> None:
        """A task is going to exist; it begins when it is first switched to."""

    def switch(self, source: Any, target: Any) -> None:
        """Suspends the running task `source` and resumes `target`; returns when source is resumed."""

    def discard(self, task: Any) -> None:
        """The task will never begin."""

    def abandon(self, task: Any, target: Any) -> None:
        """The running task does not end; it is left behind and `target` goes on. Never returns."""

    def contest(self, task: Any) -> None:
        """From now on there is more than one task; `task` is the running one."""

    def settle(self) -> None:
        """The running task is the only one again."""

    def close(self) -> None:
        """The exploration is over."""


def host_named(name: str) -> Host:
    """A new host of that name, `greenlets` or `threads`."""
    if name == "threads":
        from pytest_conc.execution.hosts.threads import ThreadHost

        return ThreadHost()
    from pytest_conc.execution.hosts.greenlets import GreenletHost

    return GreenletHost()
