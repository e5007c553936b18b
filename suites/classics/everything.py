"""All interleavings of a random program, one after the other, with no idea of which operations depend on each other.

Depth first over all choices. It only leaves out where the switch would come before an access to an object that one
task alone has (`Seen`), before a task is started, or, if nobody looks at that, before it begins, ends or is joined.
"""

from __future__ import annotations

from suites.classics.random_programs import script

LOOKING = {"threads", "pool", "event"}
"""Families with operations that tell whether another task is over, or began to wait."""


class Everything:
    """All interleavings of a random program, depth first: the last choice that has an alternative left is changed."""

    asks_always = True
    curious = draws = False

    def __init__(self, seed):
        self.exhausted = False
        families = {step[0] for steps in script(seed)[0] for step in steps}
        self._at_once = {"begin", "start", "exit", "join"} if families.isdisjoint(LOOKING) else {"start"}
        self._path = []
        self._at = 0

    def begin(self, trace):
        """One more execution, which makes the choices of the path first."""
        self._at = 0

    def choose(self, running, enabled):
        """The next choice of the path, or the first task there is."""
        if len(enabled) == 1:
            return enabled[0]
        for task in (running, *enabled):
            if task in enabled and (task.kind in self._at_once or _is_private(task.resource)):
                return task
        if self._at == len(self._path):
            self._path.append([0, len(enabled)])
        self._at += 1
        return enabled[self._path[self._at - 1][0]]

    def end(self):
        """Goes to the next path."""
        while self._path and self._path[-1][0] + 1 == self._path[-1][1]:
            self._path.pop()
        self.exhausted = not self._path
        if self._path:
            self._path[-1][0] += 1


def _is_private(resource):
    return getattr(resource, "owner_type", "") == "Seen"
