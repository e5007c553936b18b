"""The kinds of operations, and how each one touches its resource.

Two operations of different tasks are dependent if their order can matter. Every kind has a mode that says
how it touches its resource; two operations on one resource commute exactly if both modes are `READS`,
or if one of them is `NOTHING`. Queues and containers refine that: see `pytest_conc.exploration.classes`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

READS: Final = 0
WRITES: Final = 1
PUTS: Final = 2
GETS: Final = 3
NOTHING: Final = 4

READ: Final = "read"
WRITE: Final = "write"
INSERT: Final = "insert"

MODES: Final[dict[str, int]] = {
    READ: READS,
    WRITE: WRITES,
    INSERT: WRITES,
    "acquire": WRITES,
    "try-acquire": WRITES,
    "release": WRITES,
    "failed release": READS,
    "locked": READS,
    "wait": WRITES,
    "wake": WRITES,
    "try-wake": WRITES,
    "notify": WRITES,
    "set": WRITES,
    "clear": WRITES,
    "is_set": READS,
    "begin to wait": READS,
    "wait for": READS,
    "try-wait": READS,
    "put": PUTS,
    "get": GETS,
    "try-put": WRITES,
    "try-get": WRITES,
    "size": READS,
    "task_done": WRITES,
    "wait until done": READS,
    "shutdown": WRITES,
    "start": NOTHING,
    "begin": NOTHING,
    "join": NOTHING,
    "exit": WRITES,
    "is_alive": READS,
    "enumerate": READS,
    "try-join": READS,
    "sleep": NOTHING,
    "sleep point": NOTHING,
    "switch": NOTHING,
    "spin": NOTHING,
    "drain": NOTHING,
}


class Step(NamedTuple):
    """One operation of a trace, as it is shown: who did what to which resource, where, and the values.

    `internal` says that no line of the user's own code was being executed: the inside of a pool, say. `path` is the
    file that `site` shortens, `number` that of the task (two may have one name). `resource` is what the user's code
    calls it; `key` tells resources apart (`room.guests` may be an attribute, or the list that is its value), and
    `lock` is the key of the lock that the `wait` of a condition gives up and its `wake` takes again. `stack` are the
    lines of the user's code that led there, as "file:line in function", the innermost first.
    """

    task: str
    kind: str
    resource: str
    site: str
    line: int = 0
    source: str = ""
    before: str | None = None
    after: str | None = None
    internal: bool = False
    path: str = ""
    function: str = ""
    number: int = 0
    lock: str | None = None
    key: str = ""
    stack: tuple[str, ...] = ()
