"""The machine's caches as valgrind's simulator can have them.

It knows two levels, and needs a number of sets that is a power of two (valgrind's manual, chapter
Cachegrind). A cache whose real number is another one keeps its size as nearly as that allows, with
more or fewer ways.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from llamabuild.types.machine import Cache, Cpu

SYSTEM = Path("/sys/devices/system/cpu/cpu0/cache")
USUAL_WAYS = {"I1": 8, "D1": 8, "LL": 16}
"""Where the system does not say."""


class SimulatedCache(NamedTuple):
    """One cache of the simulation."""

    option: str
    """``I1``, ``D1`` or ``LL``."""
    size_bytes: int
    ways: int
    line_bytes: int

    @property
    def argument(self) -> str:
        """As valgrind takes it."""
        return f"--{self.option}={self.size_bytes},{self.ways},{self.line_bytes}"


def simulated_caches(cpu: Cpu, system: Path = SYSTEM) -> tuple[SimulatedCache, ...]:
    """Return the first level and the last as nearly as they can be simulated.

    Those that the machine does not describe are left to valgrind, which then asks the CPU.
    """
    found = []
    for option, kinds, last in (
        ("I1", ("instruction",), False),
        ("D1", ("data", "unified"), False),
        ("LL", ("unified", "data"), True),
    ):
        fitting = [cache for cache in cpu.caches if cache.kind in kinds]
        pick = max if last else min
        cache = pick(fitting, key=lambda cache: cache.level, default=None)
        if cache is not None and cache.size_bytes and cache.line_bytes:
            found.append(_nearest(option, cache, ways_of(cache, system) or USUAL_WAYS[option]))
    return tuple(found)


def ways_of(cache: Cache, system: Path = SYSTEM) -> int | None:
    """Return the associativity that the kernel gives for a cache of the first CPU."""
    kinds = {"instruction": "Instruction", "data": "Data", "unified": "Unified"}
    for folder in sorted(system.glob("index[0-9]*")):
        try:
            level = int(_word(folder / "level"))
            ways = int(_word(folder / "ways_of_associativity"))
            kind = _word(folder / "type")
        except (OSError, ValueError):
            continue
        if (level, kind) == (cache.level, kinds.get(cache.kind)) and ways > 0:
            return ways
    return None


def in_words(caches: tuple[SimulatedCache, ...]) -> str:
    """Say what is simulated."""
    parts = [
        f"{cache.option} {cache.size_bytes / 1024:,.0f} KiB {cache.ways}-way" for cache in caches
    ]
    return ", ".join(parts) or "as valgrind finds them"


def _nearest(option: str, cache: Cache, ways: int) -> SimulatedCache:
    line = cache.line_bytes
    sets = 1 << max((cache.size_bytes // (line * ways)).bit_length() - 1, 0)
    ways = max(round(cache.size_bytes / (line * sets)), 1)
    return SimulatedCache(option, sets * ways * line, ways, line)


def _word(file: Path) -> str:
    return file.read_text("ascii").strip()
