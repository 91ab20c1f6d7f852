"""Run the plan: probe after probe, each until it has settled or its time is over."""

from __future__ import annotations

from itertools import groupby
from math import ceil
from typing import TYPE_CHECKING

from llamabuild.errors import EnvironmentLacks
from llamabuild.machine.extension import load_extension
from llamabuild.machine.state import read_counters
from llamabuild.types.kernels import Probe, Spread

from .loops import usable_loops
from .memory import StoppedError, open_team, pages_had
from .placement import cpu_order, numa_nodes
from .plan import plan_probes
from .residence import GRAIN_BYTES, MEMORY
from .samples import collect, quantile
from .spec import BANDWIDTH, CHASE, LATENCY, PAST_CACHES, READ

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from llamabuild._native import ProbeTeam
    from llamabuild.machine.state import Counters
    from llamabuild.types.machine import Machine

    from .samples import Run, Samples
    from .spec import ProbeSpec

THROTTLED_SECONDS = 0.001
SLICE_BYTES = 16 << 20
"""Of a thread's memory in one pass, at most: 1 or 2 ms, as samples should be; the next pass takes
the next slice, so that nothing is read again before all of the working set was."""
LINE_BYTES = 64
"""A pointer of a chase each."""
ROUND_PASSES = 100
"""Before someone is asked whether to stop."""
UNITS = {BANDWIDTH: "bytes/s", LATENCY: "ns"}
OPERATIONS = "operations/s"


def measure_probes(
    machine: Machine,
    *,
    threads: Sequence[int],
    quick: bool,
    on_probe: Callable[[Probe, int, int], None],
    should_stop: Callable[[], bool],
    on_note: Callable[[str], None] = lambda _note: None,
    budget: float | None = None,
) -> tuple[Probe, ...]:
    """Measure the machine's limits.

    Args:
        machine: This machine.
        threads: Thread counts, each 1 to the CPUs that this process may use.
        quick: About 20 s instead of up to three minutes.
        on_probe: Called after each probe with it, the number done and the number in all.
        should_stop: Asked every few tenths of a second.
        on_note: Called with a line for what could not be measured, and why.
        budget: Seconds for all; None: as long as it takes. Fewer probes are made in a short one.

    Returns:
        What was measured; the first part of it if it was stopped.

    Raises:
        BadInput: A thread count that this process has no CPUs for, or none.
        EnvironmentLacks: The extension module is missing.
    """
    nodes = numa_nodes() if machine.numa_nodes > 1 else ()
    loops = usable_loops(machine.cpu.features)
    specs = plan_probes(machine, loops, threads=threads, quick=quick, nodes=nodes, budget=budget)
    return run_probes(machine, specs, on_probe=on_probe, should_stop=should_stop, on_note=on_note)


def run_probes(
    machine: Machine,
    specs: Sequence[ProbeSpec],
    *,
    on_probe: Callable[[Probe, int, int], None],
    should_stop: Callable[[], bool],
    on_note: Callable[[str], None],
) -> tuple[Probe, ...]:
    """Measure these probes in order; arguments as for :func:`measure_probes`."""
    cpus = cpu_order(machine)
    found: list[Probe] = []
    done = 0
    for _, group in groupby(specs, key=lambda spec: spec.place):
        together = list(group)
        try:
            for probe in _measure_together(together, cpus, should_stop):
                found.append(probe)
                on_probe(probe, done + 1, len(specs))
                done += 1
        except EnvironmentLacks as error:
            on_note(str(error))
            done = specs.index(together[-1]) + 1
        except StoppedError:
            break
    return tuple(found)


def _measure_together(
    specs: Sequence[ProbeSpec], cpus: Sequence[int], should_stop: Callable[[], bool]
) -> Iterator[Probe]:
    """Measure probes that use the same memory.

    Raises:
        EnvironmentLacks: The memory can't be had.
        StoppedError: Someone asked to stop.
    """
    first = specs[0]
    with open_team(first, cpus[: first.threads], should_stop) as team:
        pages, pages_note = pages_had(first.pages, team.extents)
        for spec in specs:
            before = read_counters()
            samples, per_pass = _sample(team, spec, should_stop)
            after = read_counters()
            notes = [
                spec.note,
                pages_note,
                "threads could not be pinned" if not team.pinned else "",
                "no order for the NUMA node taken"
                if team.refused and spec.node is not None
                else "",
                samples.note,
                _throttled(before, after),
            ]
            yield _probe(
                spec,
                _values(spec, samples, per_pass),
                pages=pages,
                note="; ".join(note for note in notes if note),
                settled=samples.settled,
                steal_seconds=_steal(before, after),
            )


def _sample(
    team: ProbeTeam, spec: ProbeSpec, should_stop: Callable[[], bool]
) -> tuple[Samples, int]:
    """Return samples, and what a pass of one thread does: bytes, steps or operations."""
    loop = spec.loop
    whole = max(GRAIN_BYTES, spec.bytes_per_thread)
    slices = ceil(whole / SLICE_BYTES) if loop.kind == BANDWIDTH else 1
    size = whole // slices // GRAIN_BYTES * GRAIN_BYTES
    per_pass: int = load_extension().probe_units(loop.index, size)

    def run(passes: int, samples: int, *, warm: bool) -> Sequence[tuple[float, bool]]:
        return team.run(loop.index, size, passes, samples, warm=warm)

    cached = spec.residence not in {MEMORY, ""}
    if cached and loop.name == CHASE:
        _go_round(run, whole // LINE_BYTES // per_pass + 1, should_stop)
    elif cached and slices > 1:
        _go_round(run, slices, should_stop)
    samples = collect(
        run,
        seconds=spec.seconds,
        warm=cached and slices == 1 and loop.name != CHASE,
        should_stop=should_stop,
    )
    if samples is None:
        raise StoppedError
    return samples, per_pass


def _go_round(run: Run, passes: int, should_stop: Callable[[], bool]) -> None:
    """Go over all of the memory once, in short calls, so that it is where it will be."""
    for done in range(0, passes, ROUND_PASSES):
        if should_stop():
            raise StoppedError
        run(min(passes - done, ROUND_PASSES), 1, warm=False)


def _values(spec: ProbeSpec, samples: Samples, per_pass: int) -> list[float]:
    """Return the samples in the probe's unit, sorted."""
    if spec.loop.kind == LATENCY:
        return sorted(seconds / per_pass * 1e9 for seconds in samples.seconds)
    return sorted(per_pass * spec.threads / seconds for seconds in samples.seconds)


def _probe(
    spec: ProbeSpec,
    ordered: Sequence[float],
    *,
    pages: str,
    note: str,
    settled: bool,
    steal_seconds: float | None,
) -> Probe:
    loop = spec.loop
    value = quantile(ordered, 0.5)
    return Probe(
        name=loop.name,
        kind=loop.kind,
        value=value,
        unit=UNITS.get(loop.kind, OPERATIONS),
        spread=Spread(
            low=quantile(ordered, 0.25),
            high=quantile(ordered, 0.75),
            samples=len(ordered),
            stable=settled,
            steal_seconds=steal_seconds,
        ),
        threads=spec.threads,
        working_set_bytes=spec.bytes_per_thread * spec.threads,
        residence=spec.residence,
        isa=loop.isa,
        width_bits=loop.width_bits,
        streams=loop.streams,
        pages=pages,
        allocated_bytes_per_second=_allocated(spec, value),
        node=spec.node,
        note=note,
    )


def _allocated(spec: ProbeSpec, value: float) -> float | None:
    """Return the bandwidth with the read of each line before it is stored to, or None.

    One of the loop's arrays is stored to. In the first-level cache nothing is read before.
    """
    loop = spec.loop
    stores = loop.kind == BANDWIDTH and loop.name != READ and not loop.name.endswith(PAST_CACHES)
    if not stores or spec.residence == "L1":
        return None
    return value * (loop.streams + 1) / loop.streams


def _steal(before: Counters, after: Counters) -> float | None:
    if before.steal_seconds is None or after.steal_seconds is None:
        return None
    return max(0.0, after.steal_seconds - before.steal_seconds)


def _throttled(before: Counters, after: Counters) -> str:
    if before.throttled_seconds is None or after.throttled_seconds is None:
        return ""
    seconds = after.throttled_seconds - before.throttled_seconds
    return f"the CPU quota held it back for {seconds:.3f} s" if seconds > THROTTLED_SECONDS else ""
