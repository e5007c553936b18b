"""What all suites share."""

pytest_plugins = ("pytester",)
