"""Drop-in replacements that announce operations; a new one is one file and one line in the table.

They replace the methods of the real classes for the duration of an exploration, so code under test needs no edit.
"""

from __future__ import annotations

from pytest_conc.controlled import caches, conditions, flags, futures, locks, outside, queues, threads, times
from pytest_conc.controlled.patching import Patch, SwapPatch

PATCHES: list[Patch] = [
    *threads.PATCHES,
    *conditions.PATCHES,
    *flags.PATCHES,
    *caches.PATCHES,
    *queues.PATCHES,
    *futures.PATCHES,
    *outside.PATCHES,
    *locks.PATCHES,
    SwapPatch([*threads.SWAPS, *times.SWAPS, *outside.SWAPS]),  # one walk through all modules
]
DEFAULTS = times.SWAPS  # what may be a default argument
