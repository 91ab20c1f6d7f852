"""Which probes to make: pure data, with the time that they will take."""

from __future__ import annotations

from itertools import pairwise
from math import log2
from typing import TYPE_CHECKING

import msgspec

from llamabuild.errors import BadInput

from .residence import (
    GRAIN_BYTES,
    LEVELS,
    MEMORY,
    available_bytes,
    memory_set,
    residence,
    residence_bytes,
)
from .spec import (
    BANDWIDTH,
    CHASE,
    COMPUTE,
    FILE_PAGES,
    HUGE_PAGES,
    LATENCY,
    PAST_CACHES,
    READ,
    SMALL_PAGES,
    ProbeSpec,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from llamabuild.types.machine import Machine

    from .spec import Loop

SMALLEST_BYTES = 16 << 10
NEAR_OCTAVES = 0.3
"""Sizes closer than this factor of two count as the same."""
STREAM_COUNTS = (4, 8)
"""Parallel streams that are near the best everywhere; the others are measured where it is cheap."""
BUDGET_SECONDS = {False: 140.0, True: 16.0}
"""By ``quick``: the aim is 3 minutes and 25 s, and samples that don't settle take longer."""
LONGEST_SECONDS, SHORTEST_SECONDS = 0.25, 0.03
"""Of one probe's samples."""
TOUCH_BYTES_PER_SECOND = 1e9
"""For fresh memory, by page faults in a virtual machine."""
OVERHEAD_SECONDS = 0.02
"""Of one probe: threads, counters."""
QUICK_MEMORY_BYTES = 512 << 20
"""A chase in more than this takes longer to prepare than to measure; it is only made by default."""


class Plan:
    """Collects probes for one machine."""

    def __init__(
        self, machine: Machine, loops: Sequence[Loop], threads: Sequence[int], available: int
    ) -> None:
        self.machine = machine
        self.loops = loops
        self.threads = threads
        self.available = available
        self.specs: list[ProbeSpec] = []

    def sizes(self, threads: int) -> dict[str, int]:
        """Return bytes a thread, well inside each level that this machine has."""
        found = {
            level: residence_bytes(self.machine, level, threads, available=self.available)
            for level in LEVELS
        }
        return {level: size for level, size in found.items() if size}

    def sweep(self, threads: int) -> tuple[int, ...]:
        """Return bytes a thread from 16 KiB to the working set in memory, a factor of 2 apart."""
        anchors = self.sizes(threads)
        largest = anchors[MEMORY]
        sizes = set(anchors.values())
        size = SMALLEST_BYTES
        while size < largest:
            # Next to a size that is there anyway, another says nothing new.
            if all(abs(log2(size / anchor)) > NEAR_OCTAVES for anchor in anchors.values()):
                sizes.add(size)
            size *= 2
        return tuple(sorted(sizes))

    def add(
        self,
        loops: Iterable[Loop],
        sizes: Iterable[int],
        threads: int,
        pages: str = SMALL_PAGES,
        node: int | None = None,
    ) -> None:
        """Add each loop with each size of a thread's memory."""
        chosen = tuple(loops)
        reduced = memory_set(self.machine, threads, available=self.available)[1]
        for size in sizes:
            where = residence(self.machine, size, threads)
            note = reduced if size == self.sizes(threads)[MEMORY] else ""
            self.specs += (
                ProbeSpec(
                    loop=loop,
                    threads=threads,
                    bytes_per_thread=size,
                    residence=where,
                    pages=pages,
                    node=node,
                    seconds=0.0,
                    note=note,
                )
                for loop in chosen
            )

    def add_compute(self, threads: int) -> None:
        """Add all loops of arithmetic."""
        self.specs += (
            ProbeSpec(
                loop=loop, threads=threads, bytes_per_thread=0, residence="", pages="", seconds=0.0
            )
            for loop in self.named(lambda loop: loop.kind == COMPUTE)
        )

    def named(self, wanted: Callable[[Loop], bool]) -> tuple[Loop, ...]:
        """Return the loops that answer."""
        return tuple(loop for loop in self.loops if wanted(loop))

    def widest(self, wanted: Callable[[Loop], bool]) -> tuple[Loop, ...]:
        """Return the loops that answer, in the widest vectors that they come in."""
        found = self.named(wanted)
        width = max((loop.width_bits for loop in found), default=0)
        return tuple(loop for loop in found if loop.width_bits == width)


def plan_probes(
    machine: Machine,
    loops: Sequence[Loop],
    *,
    threads: Sequence[int],
    quick: bool,
    nodes: Sequence[int] = (),
    available: int | None = None,
    budget: float | None = None,
) -> tuple[ProbeSpec, ...]:
    """Return the probes to make, those that share memory side by side.

    By default everything at the fewest and the most threads, with a sweep of sizes for reads and
    latency; for the thread counts between, reads in each level, a copy and arithmetic. Quick: one
    size in each level, the widest vectors. Where the budget is too short, the quick ones; where it
    is too short for these, the reads and the arithmetic that bound kernels; where for these, none.

    Args:
        machine: Where.
        loops: What its CPU can run.
        threads: Thread counts.
        quick: For under half a minute instead of under three minutes.
        nodes: NUMA nodes, where there are several.
        available: Memory in bytes; what the system says by default.
        budget: Seconds that :func:`estimated_seconds` may come to; None: as long as it takes.

    Raises:
        BadInput: A thread count that this process has no CPUs for, or none.
    """
    counts = sorted(set(threads))
    most = len(machine.affinity)
    if not counts or counts[0] < 1 or counts[-1] > most:
        message = f"probes with {', '.join(map(str, counts)) or 'no'} threads"
        raise BadInput(message, f"take 1 to {most}, the CPUs that this process may use")
    free = available_bytes(machine) if available is None else available
    extents = (_add_quick, _add_bounds) if quick else (_add_whole, _add_quick, _add_bounds)
    for add in extents:
        plan = Plan(machine, loops, counts, free)
        add(plan)
        if nodes and add is not _add_bounds:
            _nodes(plan, nodes, counts[-1])
        wanted = BUDGET_SECONDS[add is not _add_whole]
        specs = _timed(plan.specs, wanted if budget is None else min(wanted, budget))
        if budget is None or estimated_seconds(specs) <= budget:
            return specs
    return ()


def estimated_seconds(specs: Sequence[ProbeSpec]) -> float:
    """Return how long probes take at most if samples don't settle early, in seconds."""
    return _preparation(specs) + sum(spec.seconds + OVERHEAD_SECONDS for spec in specs)


def _is_read(loop: Loop) -> bool:
    return loop.name == READ


def _is_good_read(loop: Loop) -> bool:
    return loop.name == READ and loop.streams in STREAM_COUNTS


def _is_store(loop: Loop) -> bool:
    return loop.kind == BANDWIDTH and loop.name != READ


def _is_chase(loop: Loop) -> bool:
    return loop.kind == LATENCY


def _add_whole(plan: Plan) -> None:
    ends = {plan.threads[0], plan.threads[-1]}
    for count in sorted(ends):
        _whole(plan, count)
    for count in plan.threads:
        if count not in ends:
            _between(plan, count)


def _add_quick(plan: Plan) -> None:
    for count in plan.threads:
        _quick(plan, count, (plan.threads[0], plan.threads[-1]))
    _quick_once(plan, plan.threads[-1])


def _add_bounds(plan: Plan) -> None:
    for count in plan.threads:
        plan.add(plan.widest(_is_good_read), plan.sizes(count).values(), count)
        plan.add_compute(count)


def _quick(plan: Plan, count: int, ends: Sequence[int]) -> None:
    sizes = plan.sizes(count)
    # Between the ends, only memory can surprise.
    chosen = sizes.values() if count in ends else [sizes[MEMORY]]
    plan.add(plan.widest(_is_good_read), chosen, count)
    plan.add_compute(count)


def _quick_once(plan: Plan, most: int) -> None:
    memory = plan.sizes(most)[MEMORY]
    plan.add(plan.widest(_is_store), [memory], most)
    plan.add(plan.widest(_is_good_read), [memory], most, HUGE_PAGES)
    plan.add(plan.widest(_is_good_read), [memory], most, FILE_PAGES)
    alone = [size for size in plan.sizes(1).values() if size <= QUICK_MEMORY_BYTES]
    plan.add(plan.named(_is_chase), alone, 1)
    plan.add(plan.named(_is_chase), alone[-1:], 1, HUGE_PAGES)


def _whole(plan: Plan, count: int) -> None:
    sizes = plan.sizes(count)
    anchors = set(sizes.values())
    between = [size for size in plan.sweep(count) if size not in anchors]
    plan.add(plan.named(_is_read), sizes.values(), count)
    some = {loop.index: loop for loop in plan.named(_is_good_read)}
    some |= {loop.index: loop for loop in plan.widest(_is_read)}
    plan.add(some.values(), between, count)
    plan.add(plan.widest(_is_store), sizes.values(), count)
    large = [size for level, size in sizes.items() if level not in {"L1", "L2"}]
    plan.add(plan.widest(_is_good_read), large, count, HUGE_PAGES)
    plan.add(plan.widest(_is_good_read), [sizes[MEMORY]], count, FILE_PAGES)
    if count == 1:
        plan.add(plan.named(_is_chase), plan.sweep(count), count)
        plan.add(plan.named(_is_chase), plan.sweep(count), count, HUGE_PAGES)
    else:
        plan.add(plan.named(_is_chase), sizes.values(), count)
    plan.add_compute(count)


def _between(plan: Plan, count: int) -> None:
    sizes = plan.sizes(count)
    plan.add(plan.widest(_is_good_read), sizes.values(), count)
    copies = {"copy", "copy" + PAST_CACHES}
    plan.add(plan.widest(lambda loop: loop.name in copies), [sizes[MEMORY]], count)
    plan.add_compute(count)


def _nodes(plan: Plan, nodes: Sequence[int], most: int) -> None:
    for node in nodes:
        for count in sorted({1, most}):
            plan.add(plan.widest(_is_good_read), [plan.sizes(count)[MEMORY]], count, node=node)
        plan.add(plan.named(_is_chase), [plan.sizes(1)[MEMORY]], 1, node=node)


def _timed(specs: Sequence[ProbeSpec], budget: float) -> tuple[ProbeSpec, ...]:
    """Return the probes sorted by their memory, with the time that each may take."""
    ordered = sorted(specs, key=lambda spec: spec.place)
    left = budget - _preparation(ordered) - OVERHEAD_SECONDS * len(ordered)
    each = min(LONGEST_SECONDS, max(SHORTEST_SECONDS, left / max(1, len(ordered))))
    return tuple(msgspec.structs.replace(spec, seconds=each) for spec in ordered)


def _preparation(specs: Sequence[ProbeSpec]) -> float:
    """Return the seconds to touch the memory of probes in this order."""
    return sum(_touch_seconds(spec) for spec in _first_of_each_place(specs))


def _first_of_each_place(specs: Sequence[ProbeSpec]) -> Iterator[ProbeSpec]:
    yield from specs[:1]
    yield from (after for before, after in pairwise(specs) if before.place != after.place)


def _touch_seconds(spec: ProbeSpec) -> float:
    # A file is written first; a chase is linked after.
    times = 2 if spec.pages == FILE_PAGES or spec.loop.name == CHASE else 1
    size = max(GRAIN_BYTES, spec.bytes_per_thread)
    return times * spec.threads * size / TOUCH_BYTES_PER_SECOND
