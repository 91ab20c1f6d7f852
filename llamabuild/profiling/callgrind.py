"""Callgrind's output: what each function cost, and who called whom at what cost.

The format is that of the manual's chapter «Callgrind Format Specification»: names may be given once
with a number and by the number alone thereafter, and the line after ``calls=`` is the cost of what
was called, which is no cost of the function itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

NAMED = re.compile(r"(\w+)=(?:\((\d+)\))?\s*(.*)")
COSTS = re.compile(r"[0-9+*-]")
NOT_COSTS = frozenset({"jump", "jcnd", "jfi", "jfn"})
CYCLE = re.compile(r"'\d+$")
"""Callgrind marks levels of recursion; they are one function here."""
MOST_LINES = 30_000_000


class BadCallgrind(Exception):
    """Not an output of callgrind; says why in one clause."""


class Function(NamedTuple):
    """A function by its name and its file's."""

    name: str
    """Mangled or not, as valgrind was told."""
    library: str
    """Without folders; empty where it isn't known."""


@dataclass(frozen=True, slots=True)
class CallGraph:
    """Costs in the order of ``events``."""

    events: tuple[str, ...]
    own: dict[Function, list[int]] = field(default_factory=dict)
    calls: dict[tuple[Function, Function], int] = field(default_factory=dict)
    """Caller and called to inclusive cost, in the first event."""

    def index(self, event: str) -> int | None:
        """Return where an event stands, None where it was not counted."""
        return self.events.index(event) if event in self.events else None

    def total(self, event: str) -> int:
        """Return an event of all functions together."""
        index = self.index(event)
        return 0 if index is None else sum(costs[index] for costs in self.own.values())


class _Names:
    """Names that are given once and then by number, for functions, files and objects apart."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], str] = {}

    def resolve(self, kind: str, number: str | None, name: str) -> str:
        if number is None:
            return name
        if name:
            self._known[kind, number] = name
        if (kind, number) not in self._known:
            message = f"a {kind} ({number}) that was not named"
            raise BadCallgrind(message)
        return self._known[kind, number]


def read_callgrind(lines: Iterable[str]) -> CallGraph:
    """Read one dump.

    Raises:
        BadCallgrind: It is none, or damaged.
    """
    reader = _Reader()
    for number, line in enumerate(lines):
        if number > MOST_LINES:
            message = "callgrind wrote more than can be read"
            raise BadCallgrind(message)
        reader.take(line.rstrip("\n"))
    if reader.graph is None:
        message = "callgrind's file names no events"
        raise BadCallgrind(message)
    return reader.graph


class _Reader:
    def __init__(self) -> None:
        self.graph: CallGraph | None = None
        self._names = _Names()
        self._positions = 1
        self._object = ""
        self._called_object: str | None = None
        self._function = Function("", "")
        self._called = Function("", "")
        self._call = False

    def take(self, line: str) -> None:
        if line.startswith("events:"):
            self.graph = CallGraph(tuple(line.removeprefix("events:").split()))
        elif line.startswith("positions:"):
            self._positions = len(line.removeprefix("positions:").split())
        elif COSTS.match(line):
            self._costs(line)
        elif (named := NAMED.match(line)) is not None:
            self._name(*named.groups())

    def _name(self, key: str, number: str | None, name: str) -> None:
        match key:
            case "ob":
                self._object = self._file(number, name)
            case "cob":
                self._called_object = self._file(number, name)
            case "fn":
                self._function = Function(self._plain(number, name), self._object)
            case "cfn" | "cfni":
                library = self._object if self._called_object is None else self._called_object
                self._called = Function(self._plain(number, name), library)
                self._called_object = None
            case "calls":
                self._call = True
            case "fl" | "fi" | "fe" | "cfi" | "cfl":
                self._names.resolve("file", number, name)
            case _ if key in NOT_COSTS:
                self._call = False

    def _file(self, number: str | None, name: str) -> str:
        return PurePath(self._names.resolve("object", number, name)).name.replace("???", "")

    def _plain(self, number: str | None, name: str) -> str:
        return CYCLE.sub("", self._names.resolve("function", number, name))

    def _costs(self, line: str) -> None:
        graph = self.graph
        if graph is None:
            message = "costs before the names of events"
            raise BadCallgrind(message)
        try:
            costs = [int(word) for word in line.split()[self._positions :]]
        except ValueError as error:
            message = f"callgrind wrote {line[:60]!r}"
            raise BadCallgrind(message) from error
        if self._call:
            self._call = False
            if costs and self._called != self._function:
                pair = self._function, self._called
                graph.calls[pair] = graph.calls.get(pair, 0) + costs[0]
            return
        own = graph.own.setdefault(self._function, [0] * len(graph.events))
        for index, cost in enumerate(costs[: len(own)]):
            own[index] += cost
