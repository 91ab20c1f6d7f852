"""From addresses in a process to places in files."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .recording import Mapping, Recording

NOWHERE = ""
"""The path of code that lies in no file that was seen."""


def located(recording: Recording, begin_ns: int, end_ns: int) -> Counter[tuple[str, int]]:
    """Count the samples of a stretch of time by file and offset in the file.

    Args:
        recording: Of one program; its processes are kept apart.
        begin_ns: Of CLOCK_MONOTONIC; earlier samples don't count.
        end_ns: Later samples don't count.

    Returns:
        Path and offset to number; what lies in no file has an empty path and offset 0.
    """
    counts = Counter[tuple[str, int]]()
    mapped = _Mapped(recording.mappings)
    for sample in sorted(recording.samples):
        if begin_ns <= sample.time_ns <= end_ns:
            mapping = mapped.find(*sample)
            place = (NOWHERE, 0)
            if mapping is not None:
                place = (mapping.path, sample.address - mapping.start + mapping.offset)
            counts[place] += 1
    return counts


class _Mapped:
    """What is mapped as time goes on; ask in the order of time."""

    def __init__(self, mappings: Iterable[Mapping]) -> None:
        # A stable sort: of one moment, the order of the recording stands.
        self._coming = sorted(mappings, key=lambda m: m.since_ns)[::-1]
        self._present: dict[int, list[Mapping]] = {}

    def find(self, time_ns: int, process: int, address: int) -> Mapping | None:
        while self._coming and self._coming[-1].since_ns <= time_ns:
            new = self._coming.pop()
            self._present.setdefault(new.process, []).insert(0, new)
        newest_first = self._present.get(process, [])
        return next((m for m in newest_first if m.start <= address < m.end), None)
