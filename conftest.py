"""What all suites share."""

from importlib import import_module

import pytest

pytest_plugins = ("pytester",)

# A session that a test starts in this process forgets what it was the first to import. What is imported once more is
# another class, and what was made by the first one could not be sent to a child any more. So these come first.
for name in ("managers", "pool", "sharedctypes"):
    import_module(f"multiprocessing.{name}")
for name in ("processes", "shared_queues"):
    import_module(f"pytest_conc.fixtures.{name}")


@pytest.fixture
def pytester(pytester, monkeypatch):
    """Sessions that tests start run their tests in the order in which they are written."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:randomly")
    return pytester
