"""What a sampler brings home."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamabuild.process import Finished


class CannotSample(Exception):
    """A method of sampling does not work here or for this program; says why in one clause."""


class Mapping(NamedTuple):
    """A part of a file in a process's memory. A later one replaces what it overlaps."""

    since_ns: int
    process: int
    start: int
    end: int
    offset: int
    """Place in the file of what is at ``start``."""
    path: str


class Sample(NamedTuple):
    """Where a thread was at one moment."""

    time_ns: int
    """Of CLOCK_MONOTONIC, as :func:`time.monotonic_ns` has it."""
    process: int
    address: int


class Recording(NamedTuple):
    """A program that ran to its end under a sampler."""

    method: str
    finished: Finished
    mappings: Sequence[Mapping]
    """Of code; in the order in which they were made."""
    samples: Sequence[Sample]
