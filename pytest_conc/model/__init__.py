"""Plain data: operations, schedules, findings, settings. Imports nothing else of the package."""
