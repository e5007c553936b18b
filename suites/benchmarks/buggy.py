"""The programs on which explorers are compared: every program of `suites/classics` that is known to fail, by name.

Standard library only, and nothing of pytest-conc, so that peers run the very same text.
"""

from collections.abc import Callable

from suites.classics import models, peers, rewritten

Program = Callable[[], object]

PROGRAMS: dict[str, Program] = {
    **{name: models.PROGRAMS[name] for name, known in models.EXPECTED.items() if known.preemptions is not None},
    **{name: buggy for name, (buggy, _) in peers.PROGRAMS.items()},
    **{name: pair.buggy for name, pair in rewritten.PROGRAMS.items()},
}

MENDED: dict[str, Program] = {
    **{name: mended for name, (_, mended) in peers.PROGRAMS.items()},
    **{name: pair.fixed for name, pair in rewritten.PROGRAMS.items()},
}
"""The same programs without their bugs, but for the models, which have no such form."""

STARTERS = (models, peers, *rewritten.SUITES)
"""Modules whose programs start their threads by calling `together`, a global of the module."""

OWN_THREADS = {
    "work_stealing",
    "sentinels",
    "pool_callback",
    "own_threads",
    "moby_25384",
    "etcd_wait_group",
    "docker_loop_variable",
}
"""The programs that start threads in another way, too."""
