"""The programs rewritten from published suites, all of them: by name, with the suite that each comes from."""

from suites.classics import (
    published_contest,
    published_convul,
    published_go_study,
    published_goker,
    published_java,
    published_sctbench,
)

SUITES = (
    published_sctbench,
    published_convul,
    published_contest,
    published_java,
    published_goker,
    published_go_study,
)
PROGRAMS = {name: pair for suite in SUITES for name, pair in suite.PROGRAMS.items()}
HOW = {name: how for suite in SUITES for name, how in suite.HOW.items()}
NOT_FOUND = published_sctbench.NOT_FOUND
