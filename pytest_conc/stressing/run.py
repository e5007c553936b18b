"""One real run: its threads and processes, what has gone wrong in them, and how it is brought to an end.

For the hooks of shared state a run is what an execution is: they call `access` before each access. Nothing is chosen
here. The operating system and the interpreter schedule; the policy of delays may put the thread to sleep.
"""

from __future__ import annotations

import os
import threading
from _thread import allocate_lock
from _thread import get_ident as os_thread
from contextlib import nullcontext
from types import FrameType
from typing import Any, Final

from pytest_conc.controlled import originals
from pytest_conc.instrument.attributes import CLASS_OR_INSTANCE
from pytest_conc.instrument.locations import Location, Locations
from pytest_conc.model.current import CONTESTED, MEMBERS
from pytest_conc.model.operation import READ
from pytest_conc.stressing.children import new_folder
from pytest_conc.stressing.delays import OFTEN, Delays, RandomDelays
from pytest_conc.stressing.member import Holding, Member
from pytest_conc.stressing.places import Places
from pytest_conc.stressing.settings import Told
from pytest_conc.stressing.troubles import Troubles

ITERATORS_KEPT: Final = 10_000


class _Iterators(dict[int, tuple[Any, Any, Any]]):
    """Iterators of containers by address; forgets all when there are many."""

    def __setitem__(self, key: int, value: tuple[Any, Any, Any]) -> None:
        if len(self) >= ITERATORS_KEPT:
            self.clear()
        super().__setitem__(key, value)


class _SharedLocations(Locations):
    """Locations that several threads ask for at once."""

    def __init__(self) -> None:
        super().__init__([])
        self._lock = allocate_lock()
        self.injections: list[Any] = []
        self.injected: dict[Location, list[Any]] = {}

    def inject(self, injection: Any) -> None:
        """Locations that it meets are to be known; those that are known already are looked at anew."""
        self.injections.append(injection)
        self.injected.clear()
        self.clear()

    def locate(self, owner: Any, name: Any, kind: str | None = None) -> Location:
        """Also finds out which injections meet the location."""
        location = super().locate(owner, name, kind)
        if self.injections and location not in self.injected:
            self.injected[location] = [each for each in self.injections if each.meets(owner, name)]
        return location

    def _enter(self, owner: Any, kind: str | None) -> Any:
        originals.acquire_lock(self._lock)
        try:
            return self.entries.get(id(owner)) or super()._enter(owner, kind)
        finally:
            originals.release_lock(self._lock)


class _RealThreads:
    """What the hooks ask of a host."""

    shares_a_thread = False


class Run:
    """One run; see the module's text. `number` counts the runs of a test, from 1."""

    recorder = None
    host = _RealThreads

    def __init__(self, number: int, delays: Delays, places: Places, watches: bool, told: Told | None = None) -> None:
        self.number = number
        self.told = told
        self.in_child: Any = nullcontext  # makes what the targets of plain child processes are called inside of
        self.watches = watches
        self.delays = delays
        self.troubles = Troubles()
        self.locations = _SharedLocations()
        self.entries = self.locations.entries
        self.iterators: dict[int, tuple[Any, Any, Any]] = _Iterators()
        self.holders: dict[int, Holding] = {}
        self.members: list[Member] = []
        self.processes: list[Any] = []
        self.excepthook = threading.excepthook
        self.aborted: BaseException | None = None
        self.is_over = False
        self._folder = ""
        self.main_ident = os_thread()
        self._places = places
        self.main = Member(self, threading.current_thread())

    # -- what the hooks call -----------------------------------------------------------------
    def access(self, member: Member, kind: str, location: Any, site: Any) -> None:
        """Before an access to shared state."""
        member.operations += kind is not READ
        if self.locations.injections:
            self._sleep_as_told(kind is not READ, location, site)
        if self.delays.watches:
            self.delays.before(member, kind is not READ, location.container or location, site)

    def _sleep_as_told(self, writes: bool, location: Any, site: Any) -> None:
        if site.kind == CLASS_OR_INSTANCE and not location.number:
            return  # the default of the class, after the attribute of the instance: one access
        for injection in self.locations.injected.get(location, ()):
            injection.before(writes)

    def inject(self, injection: Any) -> None:
        """From now on the accesses that `injection` meets are told to it first: a `sleep_points.before`."""
        self.locations.inject(injection)
        CONTESTED[self.main_ident] = self.main

    def amend(self, member: Member, kind: str, location: Any) -> None:
        """An access turned out to be of another kind."""

    def switch_point(self, member: Member) -> None:
        """Nothing is chosen in a real run."""

    def before_lock(self, member: Member, lock: Any, frame: FrameType) -> None:
        """Before an attempt to take a lock."""
        if self.delays.watches:
            site = self._places.of_lock(frame)
            if site is not None:
                self.delays.before(member, True, id(lock), site)

    def before_file(self, member: Member, writes: bool, path: str, frame: FrameType) -> None:
        """Before a file is opened, made or removed."""
        member.operations += writes
        if self.delays.watches:
            site = self._places.of_file(frame)
            if site is not None:
                self.delays.before(member, writes, path, site)

    def sleep_point(self, label: str) -> None:
        """At a place that a person has marked."""
        self.delays.at_point(label)

    # -- members ---------------------------------------------------------------------------------
    def __enter__(self) -> None:
        """The calling thread is the main member from now on."""
        self.delays.begin(self.number)
        self.members.append(self.main)
        MEMBERS[os_thread()] = self.main

    def __exit__(self, *error: object) -> None:
        """The main member is an ordinary thread again."""
        self.is_over = True
        self.main.ended = True
        MEMBERS.pop(os_thread(), None)
        CONTESTED.pop(os_thread(), None)

    def expect(self, thread: threading.Thread) -> Member:
        """A thread is about to be started: from now on accesses matter."""
        member = Member(self, thread)
        self.members.append(member)
        if self.watches and os_thread() in MEMBERS:
            CONTESTED[os_thread()] = MEMBERS[os_thread()]
        return member

    def enter(self, member: Member) -> None:
        """The calling OS thread is that member."""
        MEMBERS[os_thread()] = member
        if self.watches:
            CONTESTED[os_thread()] = member

    def has_company(self, member: Member) -> bool:
        """Whether another member could do anything while this one sleeps: one that does not sleep itself."""
        return any(
            not (each is member or each.ended or each.pause is not None or each.is_stuck()) for each in self.members
        )

    def leave(self, member: Member) -> None:
        """The calling OS thread is done."""
        member.ended = True
        MEMBERS.pop(os_thread(), None)
        CONTESTED.pop(os_thread(), None)

    def continue_in_child(self) -> None:
        """A forked child goes on in this run, alone, with delays of its own."""
        self.members[:] = [self.main]
        self.holders.clear()
        if self.delays.watches:
            self.delays = RandomDelays(os.getpid(), OFTEN)
            CONTESTED[os_thread()] = self.main

    def folder(self) -> str:
        """Where the children of this run write what goes wrong in them."""
        self._folder = self._folder or new_folder()
        return self._folder

    def has_folder(self) -> bool:
        """Whether that place was made."""
        return bool(self._folder)

    def alive(self) -> list[Member]:
        """The members besides the main one that have not ended."""
        return [member for member in self.members if member is not self.main and not member.ended]
