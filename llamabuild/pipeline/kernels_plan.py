"""The plan of a run of ``kernels``: what this machine, this store and the time allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.errors import BadInput
from llamabuild.kernels.plan import RESIDENCES, Group, Wish, fit, plan_groups
from llamabuild.kernels.registry import implementations, missing_features
from llamabuild.probes import (
    available_bytes,
    estimated_seconds,
    plan_probes,
    residence,
    residence_bytes,
)
from llamabuild.probes.loops import usable_loops
from llamabuild.probes.placement import cpu_order, numa_nodes
from llamabuild.probes.residence import MEMORY
from llamabuild.types.base import Data
from llamabuild.types.kernels import GgmlLibrary, KernelResult

from .kernels_beside import with_beside
from .kernels_request import dropped
from .kernels_rivals import baselines, find_rivals
from .kernels_rows import missing_row, unsupported_row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamabuild.kernels.ggml import GgmlFunction
    from llamabuild.kernels.plan import Place
    from llamabuild.kernels.registry import Implementation
    from llamabuild.kernels.timing import MatMul
    from llamabuild.types.machine import Machine

    from .kernels_request import KernelRequest

RESERVE_SECONDS = 5.0
"""To load libraries and to calibrate the clock."""
PROBES_PART = 0.35
"""Of the time, for probes, where kernels are to be timed, too."""
MEMORY_PART = 0.6
"""Of the available memory that weights may take."""


class KernelPlan(Data, frozen=True, kw_only=True):
    """What is going to be measured."""

    wish: Wish
    probes: int
    """How many."""
    probe_seconds: float
    groups: tuple[Group, ...]
    """Of kernels, the most important first."""
    left_out: tuple[Group, ...]
    """For which there is no time."""
    libraries: tuple[GgmlLibrary, ...]
    absent: tuple[KernelResult, ...]
    """Rows of kernels that can't be run here."""
    notes: tuple[str, ...]

    @property
    def seconds(self) -> float:
        """Of all together, about."""
        return RESERVE_SECONDS + self.probe_seconds + sum(g.seconds for g in self.groups)


def make_plan(request: KernelRequest, wish: Wish, machine: Machine) -> KernelPlan:
    """Return what is going to be measured, within the request's time.

    Raises:
        BadInput: An unknown variant, or a time in which nothing can be measured.
    """
    number, probe_seconds = _probes(request, wish, machine)
    if not request.kernels:
        return KernelPlan(
            wish=wish,
            probes=number,
            probe_seconds=probe_seconds,
            groups=(),
            left_out=(),
            libraries=(),
            absent=(),
            notes=(),
        )
    asked = _asked(wish)
    runnable = [kernel for kernel in asked if not missing_features(kernel)]
    formats = tuple(dict.fromkeys(kernel.format for kernel in runnable))
    rivals = find_rivals(baselines(request.baselines, machine.cpu), formats)
    left = request.limit_seconds - probe_seconds - RESERVE_SECONDS
    groups, reduced = _groups(wish, machine, runnable, rivals.kernels, left, beside=request.probes)
    if groups[1] and not groups[0]:
        raise _no_time(request, "any group of kernels after the probes")
    return KernelPlan(
        wish=wish,
        probes=number,
        probe_seconds=probe_seconds,
        groups=groups[0],
        left_out=groups[1],
        libraries=rivals.libraries,
        absent=(
            *(unsupported_row(k, lacks) for k in asked if (lacks := missing_features(k))),
            *(missing_row(item) for item in rivals.missing),
        ),
        notes=(
            *rivals.notes,
            *reduced,
            *dropped(wish),
            *_other_notes(request, wish, machine, groups[1]),
        ),
    )


def _asked(wish: Wish) -> list[Implementation]:
    return [
        kernel
        for kernel in implementations()
        if kernel.format in (wish.formats or (kernel.format,))
        and kernel.shape in (wish.shapes or (kernel.shape,))
        and kernel.isa in (wish.isas or (kernel.isa,))
    ]


def _probes(request: KernelRequest, wish: Wish, machine: Machine) -> tuple[int, float]:
    if not request.probes:
        return 0, 0.0
    specs = plan_probes(
        machine,
        usable_loops(machine.cpu.features),
        threads=wish.threads,
        quick=wish.quick,
        nodes=numa_nodes() if machine.numa_nodes > 1 else (),
        budget=probe_budget(request),
    )
    if not specs:
        raise _no_time(request, "the probes")
    return len(specs), estimated_seconds(specs)


def probe_budget(request: KernelRequest) -> float:
    """Return the seconds that probes may take."""
    left = request.limit_seconds - RESERVE_SECONDS
    return left * PROBES_PART if request.kernels else left


def _no_time(request: KernelRequest, what: str) -> BadInput:
    message = f"{request.limit_seconds / 60:g} minutes are too short for {what}"
    without = " or measure without them (--no-probes)" if request.kernels and request.probes else ""
    return BadInput(message, f"allow more (--minutes){without}")


def _groups(
    wish: Wish,
    machine: Machine,
    kernels: Sequence[Implementation],
    rivals: Sequence[GgmlFunction | MatMul],
    seconds: float,
    *,
    beside: bool,
) -> tuple[tuple[tuple[Group, ...], tuple[Group, ...]], tuple[str, ...]]:
    """Return the groups that fit and those that don't; weights in memory are halved if it helps."""
    places = Places(machine, available_bytes(machine))
    cpus = cpu_order(machine)

    def fitting(place: Place) -> tuple[tuple[Group, ...], tuple[Group, ...]]:
        groups = plan_groups(wish, kernels, rivals, place, cpus)
        return fit([with_beside(group) for group in groups] if beside else groups, seconds)

    whole = fitting(places.size)
    if not whole[1]:
        return whole, places.notes
    half = fitting(places.half_of_memory)
    if len(half[0]) == len(whole[0]):
        return whole, places.notes
    return half, (
        *places.notes,
        "weights in memory are half of the probes' largest set, to save time",
    )


class Places:
    """How many weights live where on a machine.

    A group has its weights in several layouts at once, so those in memory may be fewer than the
    probes' largest working set.

    Args:
        machine: Where.
        available: Memory in bytes.
    """

    def __init__(self, machine: Machine, available: int) -> None:
        self._machine = machine
        self._available = available
        self._notes: dict[str, None] = {}

    @property
    def notes(self) -> tuple[str, ...]:
        """What was reduced until now."""
        return tuple(self._notes)

    def size(self, place: str, threads: int, layouts: int) -> int:
        """Return the bytes of each thread's weights, of which there are so many layouts.

        0 where the machine has no such place, or too little memory for that.
        """
        size = residence_bytes(self._machine, place, threads, available=self._available)
        most = int(self._available * MEMORY_PART / layouts / threads)
        if size <= most:
            return size
        fits = place == MEMORY and residence(self._machine, max(1, most), threads) == place
        what = "fewer weights than the probes had" if fits else "none"
        self._notes[f"too little memory: {what} in {place} where {layouts} copies are needed"] = (
            None
        )
        return most if fits else 0

    def half_of_memory(self, place: str, threads: int, layouts: int) -> int:
        """Return the same, and for weights in memory half of it."""
        size = self.size(place, threads, layouts)
        return size // 2 if place == MEMORY else size


def _other_notes(
    request: KernelRequest, wish: Wish, machine: Machine, left_out: tuple[Group, ...]
) -> list[str]:
    notes = []
    if len(machine.affinity) == 1:
        notes.append("one CPU only: nothing is measured with several threads")
    notes.extend(
        f"no {place} of its own here: nothing is measured in it"
        for place in wish.residences or RESIDENCES
        if not any(residence_bytes(machine, place, threads) for threads in wish.threads)
    )
    if not request.probes:
        notes.append("without probes: no bounds")
    if left_out:
        titles = "; ".join(group.title for group in left_out)
        notes.append(f"left out to stay within the time (--minutes allows more): {titles}")
    return notes
