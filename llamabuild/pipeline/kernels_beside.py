"""Reads of memory or L3 right before and after the kernels that read their weights from it.

What a machine's memory and last-level cache give changes within minutes where other guests use them
too, so a bound from the probes at the beginning of a run would say little about a group in its
middle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from llamabuild.probes.loops import usable_loops
from llamabuild.probes.measure import run_probes
from llamabuild.probes.plan import STREAM_COUNTS
from llamabuild.probes.residence import MEMORY
from llamabuild.probes.spec import READ, ProbeSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llamabuild.kernels.plan import Group
    from llamabuild.types.kernels import Probe
    from llamabuild.types.machine import Machine

SHARED = ("L3", MEMORY)
"""Places that others use too."""
SECONDS = 0.1
"""Of each loop."""
GROUP_SECONDS = 1.0
"""What both reads add to a group in one of them, about."""


def read_beside(
    machine: Machine, group: Group, should_stop: Callable[[], bool]
) -> tuple[Probe, ...]:
    """Return reads of as many bytes as a group's weights, on as many threads.

    Nothing for a group in a cache of its core's own.
    """
    if group.residence not in SHARED:
        return ()
    reads = [
        loop
        for loop in usable_loops(machine.cpu.features)
        if loop.name == READ and loop.streams in STREAM_COUNTS
    ]
    widest = max((loop.width_bits for loop in reads), default=0)
    size = group.jobs[0].weight_bytes // group.threads // 4096 * 4096
    specs = [
        ProbeSpec(
            loop=loop,
            threads=group.threads,
            bytes_per_thread=size,
            residence=group.residence,
            seconds=SECONDS,
        )
        for loop in reads
        if loop.width_bits == widest
    ]
    found = run_probes(
        machine,
        specs,
        on_probe=lambda *_: None,
        should_stop=should_stop,
        on_note=lambda _: None,
    )
    return tuple(msgspec.structs.replace(probe, beside=group.title) for probe in found)


def nearest_in_time(probes: Sequence[Probe], beside: Sequence[Probe]) -> tuple[Probe, ...]:
    """Return all probes, those of the place of ``beside`` replaced by these."""
    places = {_place(probe) for probe in beside}
    return (*(probe for probe in probes if _place(probe) not in places), *beside)


def with_beside(group: Group) -> Group:
    """Return a group with the time that the reads beside it take."""
    extra = GROUP_SECONDS if group.residence in SHARED else 0.0
    return msgspec.structs.replace(group, seconds=group.seconds + extra)


def _place(probe: Probe) -> tuple[str, str, int]:
    return probe.name, probe.residence, probe.threads
