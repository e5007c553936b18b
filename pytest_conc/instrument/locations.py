"""Which object and name an access touches, and whether that location matters.

A location is (object, name). It matters, and its accesses become scheduling points, once two tasks have
touched it and one of them has written: everything else cannot make a difference. What is learned is kept by
*site*, the instruction that accesses: a site that has once touched a location that matters is hot until the end
of the exploration. A cold site still writes its access into the trace, so nothing is lost, it only does not
switch there; replays treat all sites as hot, so that a schedule does not depend on what was learned.

Identity. Objects are told apart by address for as long as they live. An object that supports weak references
is forgotten when it dies; of the others (lists, dicts, cells, objects with slots) a reference is kept, or the next
object at the same address would be taken for the same, and it is given up as soon as nobody else has one,
so that the lifetime of what they contain hardly changes: two of them are looked at on each new location.
"""

from __future__ import annotations

from sys import getrefcount
from typing import Any, Final
from weakref import ref

from pytest_conc.model.operation import INSERT, READ

WHOLE: Final = "[…]"


class Location:
    """A piece of shared state. `container` is the location of the whole, for an item of a container."""

    __slots__ = (
        "container",
        "direct",
        "first",
        "has_items",
        "items",
        "last",
        "matters",
        "name",
        "number",
        "owner_type",
        "reads",
        "shared",
        "sites",
        "writes",
        "written",
    )

    def __init__(self, number: int, owner_type: str, name: Any, container: Location | None) -> None:
        self.number = number
        self.owner_type = owner_type
        self.name = name
        self.first: Any = None
        self.last: Any = None
        self.shared = self.written = self.matters = self.direct = False
        self.sites: list[Any] = []
        self.container = container
        self.has_items = name is WHOLE
        self.items: list[Location] = []
        self.reads: list[Any] = []
        self.writes: list[Any] = []

    def label(self) -> str:
        """The name of the location, as reports show it: `Counter#1.value`."""
        if self.container is not None:
            return f"{self.owner_type}#{self.number}[{self.name!r}]"
        if self.name is WHOLE:
            return f"{self.owner_type}#{self.number}"
        if not self.owner_type:
            return str(self.name)
        return f"{self.owner_type}#{self.number}.{self.name}" if self.number else f"{self.owner_type}.{self.name}"

    def key(self) -> tuple[Any, ...]:
        """What identifies the location in every execution with the same schedule."""
        return (self.number, self.owner_type, self.name)


class _Dying(ref[Any]):
    __slots__ = ("key",)
    key: int


class _Entry:
    __slots__ = ("holder", "kind", "names", "number")

    def __init__(self, number: int, kind: str) -> None:
        self.names: dict[Any, Location] = {}
        self.number = number
        self.holder: Any = None
        self.kind = kind


class Locations:
    """The locations of one execution."""

    def __init__(self, hot: list[Any]) -> None:
        self._hot = hot
        self.entries: dict[int, _Entry] = {}
        self._counts: dict[str, int] = {}
        self._held: list[int] = []
        self._looked_at = 0

    def locate(self, owner: Any, name: Any, kind: str | None = None) -> Location:
        """The location of that name in that object; `kind` overrides the name of the object's type."""
        entry = self.entries.get(id(owner)) or self._enter(owner, kind)
        location = entry.names.get(name)
        if location is None:
            location = entry.names[name] = Location(entry.number, entry.kind, name, None)
        return location

    def locate_item(self, owner: Any, key: Any) -> Location:
        """The location of one item of a container."""
        entry = self.entries.get(id(owner)) or self._enter(owner, None)
        location = entry.names.get(("item", key))
        if location is None:
            whole = self.locate(owner, WHOLE)
            location = entry.names[("item", key)] = Location(entry.number, entry.kind, key, whole)
        return location

    def touch(self, location: Location, task: Any, kind: str, site: Any) -> None:
        """One more access to a location of which it is not known yet that it matters."""
        location.direct = True
        self._learn(location, task, kind, site)
        whole = location.container
        if whole is not None:
            whole.direct = whole.direct or kind is INSERT
            self._learn(whole, task, kind, site)
            location.matters = location.matters or whole.matters
        if location.matters:
            self.heat(site)
        location.last = site

    def _learn(self, location: Location, task: Any, kind: str, site: Any) -> None:
        if location.first is None:
            location.first = task
        elif location.first is not task:
            location.shared = True
        if kind is not READ:
            location.written = True
        if not site.hot:
            location.sites.append(site)
        if location.shared and location.written and location.direct:
            self._now_matters(location)

    def _now_matters(self, location: Location) -> None:
        location.matters = True
        for site in location.sites:
            self.heat(site)
        location.sites.clear()

    def clear(self) -> None:
        """The execution is over."""
        self.entries.clear()
        self._held.clear()

    def heat(self, site: Any) -> None:
        """From now on this site is a scheduling point."""
        if not site.hot:
            site.hot = True
            self._hot.append(site)

    def _enter(self, owner: Any, kind: str | None) -> _Entry:
        kind = type(owner).__name__ if kind is None else kind
        number = 0
        if not issubclass(type(owner), type):  # isinstance would ask owner.__class__
            number = self._counts[kind] = self._counts.get(kind, 0) + 1
        entry = _Entry(number, kind)
        address = id(owner)
        try:
            entry.holder = dying = _Dying(owner, self._forget)
            dying.key = address
        except TypeError:
            entry.holder = owner
            self._held.append(address)
            self._give_up()
            self._give_up()
        self.entries[address] = entry
        return entry

    def _forget(self, dying: _Dying) -> None:
        self.entries.pop(dying.key, None)

    def _give_up(self) -> None:
        if not self._held:
            return
        self._looked_at = (self._looked_at + 1) % len(self._held)
        address = self._held[self._looked_at]
        entry = self.entries.get(address)
        if entry is not None and getrefcount(entry.holder) <= 2:
            del self.entries[address]
            self._held[self._looked_at] = self._held[-1]
            self._held.pop()
