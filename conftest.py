"""What all suites share."""

import pytest

pytest_plugins = ("pytester",)


@pytest.fixture
def pytester(pytester, monkeypatch):
    """Sessions that tests start run their tests in the order in which they are written."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:randomly")
    return pytester
