"""What the programs rewritten from published suites have in common: a program is written once, with one switch.

`together` runs threads, `pair` makes the two callables without arguments that explorers want. What tasks share is kept
in attributes of a `Shared`, in a list or a dictionary.
"""

import threading
from collections.abc import Callable
from typing import NamedTuple


class Shared:
    """Attributes that several tasks read and write."""

    def __init__(self, **values: object) -> None:
        self.__dict__.update(values)


class Pair(NamedTuple):
    """The same program with its bug and without it; each call makes its own state and joins its own threads."""

    buggy: Callable[[], None]
    fixed: Callable[[], None]


def pair(program: Callable[[bool], None]) -> Pair:
    """`program(True)` is the mended form, `program(False)` the one with the bug."""
    return Pair(lambda: program(False), lambda: program(True))


def together(*targets: Callable[[], object]) -> None:
    """Run each target in a thread of its own and wait for all of them."""
    threads = [threading.Thread(target=target) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
