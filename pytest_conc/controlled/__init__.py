"""Drop-in replacements that announce operations; a new one is one file and one line in `PATCHES`.

They replace the methods of the real classes for the duration of an exploration, so code under test needs no edit.
"""

from __future__ import annotations

from pytest_conc.controlled import conditions, flags, futures, locks, outside, queues, threads, times
from pytest_conc.controlled.patching import Patch

PATCHES: list[Patch] = [
    *threads.PATCHES,
    *conditions.PATCHES,
    *flags.PATCHES,
    *queues.PATCHES,
    *futures.PATCHES,
    *times.PATCHES,
    *outside.PATCHES,
    *locks.PATCHES,
]
