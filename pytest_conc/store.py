"""What is kept in pytest's cache from one session to the next: failing schedules, and where real runs should sleep.

Workers of pytest-xdist read them and send what they found with their reports; only the controller writes.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

KEY: Final = "conc/failing"
KEPT: Final = 3
NEAR_MISSES: Final = "conc/near-misses"


class Store:
    """Failing schedules by test, newest first. Empty, and never written, where pytest has no cache."""

    def __init__(self, config: pytest.Config) -> None:
        self._cache: Any = getattr(config, "cache", None)
        self._writes = self._cache is not None and not hasattr(config, "workerinput")
        self._read: dict[str, Any] | None = None
        self._failing: dict[str, list[str]] = {}
        self._passing: dict[str, set[str]] = {}
        self._learned: dict[str, Any] = {}

    def tokens(self, test: str) -> list[str]:
        """The tokens of that test when the session began."""
        kept = self._kept().get(test, [])
        return [token for token in kept if isinstance(token, str)] if isinstance(kept, list) else []

    def near_misses(self, test: str) -> dict[str, tuple[float, float, float]]:
        """What real runs of that test have learned: places, how likely and how long to sleep there."""
        found: Any = None if self._cache is None else self._cache.get(NEAR_MISSES, None)
        return _plans(found.get(test)) if isinstance(found, dict) else {}

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

        record = getattr(report, "conc_stress", {})
        if record.get("learned"):
            self._learned[record["test"]] = record["learned"]

    def pytest_sessionfinish(self) -> None:
        """Writes what has changed."""
        if self._writes and self._learned:
            found: Any = self._cache.get(NEAR_MISSES, None)
            self._cache.set(NEAR_MISSES, {**(found if isinstance(found, dict) else {}), **self._learned})
        if self._writes and self._passing:
            kept = self._kept()
            for test, passing in self._passing.items():
                left = [token for token in self.tokens(test) if token not in passing]
                kept[test] = list(dict.fromkeys([*self._failing[test], *left]))[:KEPT]
            self._cache.set(KEY, {test: tokens for test, tokens in kept.items() if tokens})


STORE: Final = pytest.StashKey[Store]()


def _plans(found: Any) -> dict[str, tuple[float, float, float]]:
    """What the cache holds, as far as it is what we write: somebody may have edited it."""
    plans = found.items() if isinstance(found, dict) else ()
    return {key: tuple(values) for key, values in plans if isinstance(values, list) and _is_plan(values)}


def _is_plan(values: list[Any]) -> bool:
    return len(values) == 3 and all(type(each) is float and 0 < each <= 1 for each in values)
