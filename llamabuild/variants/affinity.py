"""``affinity=cores``: where threads may run, in words that fit every machine.

Each word stands for another setting with a value of this machine: CPUs, a node or a mask.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from llamabuild.errors import BadInput
from llamabuild.machine import limits, topology
from llamabuild.machine.mask import mask_of
from llamabuild.machine.system import SYSFS
from llamabuild.types.base import Data

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

AFFINITY = "affinity"
FIRST = re.compile(r"first-(\d+)")
NODE = re.compile(r"node-(\d+)")
CORES, MASK = "cores", "mask"


class Layout(Data, frozen=True):
    """What threads can be bound to."""

    cores: tuple[frozenset[int], ...]
    """Each physical core as the set of its logical CPUs."""
    allowed: tuple[int, ...]
    """Logical CPUs that may be used, sorted."""


def this_layout() -> Layout:
    """Return this machine's, as this process may use it."""
    online = topology.online_cpus(SYSFS, os.cpu_count() or 1)
    return Layout(topology.cores(SYSFS, online), limits.affinity())


def stands_for(value: str, layout: Layout) -> str:
    """Return the setting that a value of the axis means here, such as ``cpus=0,2``.

    Raises:
        BadInput: More CPUs than may be used.
    """
    usable = [sorted(core & set(layout.allowed)) for core in layout.cores]
    one_each = [core[0] for core in usable if core]
    if match := FIRST.fullmatch(value):
        count = int(match[1])
        if count > len(layout.allowed):
            message = f"'{AFFINITY}={value}': {len(layout.allowed)} CPUs may be used here"
            raise BadInput(message, f"first-{len(layout.allowed)} is all of them")
        return f"cpus={_listed(layout.allowed[:count])}"
    if match := NODE.fullmatch(value):
        return f"node={match[1]}"
    if value == MASK:
        return f"cpu-mask={mask_of(layout.cores, layout.allowed, len(one_each))}"
    return f"cpus={_listed(one_each)}"


def values_here(layout: Layout, threads: int) -> tuple[str, ...]:
    """Return the values that differ here: N CPUs for N threads, one of each core, mask, node 0.

    One CPU leaves no choice: then there are none.
    """
    if len(layout.allowed) < 2:  # noqa: PLR2004 - nothing to choose from
        return ()
    words = (f"first-{min(threads, len(layout.allowed))}", CORES, MASK, "node-0")
    meant = {stands_for(word, layout): word for word in reversed(words)}
    return tuple(word for word in words if word in meant.values())


def explained(values: Iterable[str], layout: Layout) -> str:
    """Say what each value means here, for a report."""
    return ", ".join(f"{value} is {stands_for(value, layout)}" for value in values)


def _listed(cpus: Sequence[int]) -> str:
    """``0-3,8``: CPUs as taskset takes them."""
    ranges: list[list[int]] = []
    for cpu in cpus:
        if ranges and ranges[-1][1] == cpu - 1:
            ranges[-1][1] = cpu
        else:
            ranges.append([cpu, cpu])
    return ",".join(f"{a}" if a == b else f"{a}-{b}" for a, b in ranges)
