"""The failing schedules of a project, kept in pytest's cache from one session to the next.

Workers of pytest-xdist read them and send what they found with their reports; only the controller writes.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

KEY: Final = "conc/failing"
KEPT: Final = 3


class Store:
    """Failing schedules by test, newest first. Empty, and never written, where pytest has no cache."""

    def __init__(self, config: pytest.Config) -> None:
        self._cache: Any = getattr(config, "cache", None)
        self._writes = self._cache is not None and not hasattr(config, "workerinput")
        self._read: dict[str, Any] | None = None
        self._failing: dict[str, list[str]] = {}
        self._passing: dict[str, set[str]] = {}

    def tokens(self, test: str) -> list[str]:
        """The tokens of that test when the session began."""
        kept = self._kept().get(test, [])
        return [token for token in kept if isinstance(token, str)] if isinstance(kept, list) else []

    def _kept(self) -> dict[str, Any]:
        if self._read is None:
            found: Any = None if self._cache is None else self._cache.get(KEY, None)
            self._read = found if isinstance(found, dict) else {}
        return self._read

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Notes what a test has found: `report.conc_schedules` is its id, failing and passing tokens."""
        test, failing, passing = getattr(report, "conc_schedules", ("", [], []))
        if failing or passing:
            self._failing.setdefault(test, []).extend(failing)
            self._passing.setdefault(test, set()).update(passing)

    def pytest_sessionfinish(self) -> None:
        """Writes what has changed."""
        if self._writes and self._passing:
            kept = self._kept()
            for test, passing in self._passing.items():
                left = [token for token in self.tokens(test) if token not in passing]
                kept[test] = list(dict.fromkeys([*self._failing[test], *left]))[:KEPT]
            self._cache.set(KEY, {test: tokens for test, tokens in kept.items() if tokens})


STORE: Final = pytest.StashKey[Store]()
