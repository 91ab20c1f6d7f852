"""The core clock, from a chain of dependent additions: one cycle each on every CPU we know of."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from llamabuild.machine.extension import load_extension
from llamabuild.machine.state import read_counters
from llamabuild.types.kernels import Clock, Spread

from .placement import cpu_order
from .samples import MOST, median_is_settled, quantile

if TYPE_CHECKING:
    from llamabuild.types.machine import Machine

ADDITIONS = 1 << 19
"""About 0.15 ms: few samples are interrupted."""
BATCH = 100
LONGEST_SECONDS = 0.5


def calibrate_clock(machine: Machine) -> Clock:
    """Measure the clock of a busy core.

    The time-stamp counter, where there is one, ticks at a rate of its own, which ``timer`` names.

    Raises:
        EnvironmentLacks: The extension module is missing.
    """
    native = load_extension()
    cpu = cpu_order(machine)[0]
    steal = read_counters().steal_seconds
    start = monotonic()
    native.probe_clock(cpu, ADDITIONS, BATCH)  # the clock rises once there is work
    samples: list[tuple[float, int]] = []
    settled = False
    while not settled and len(samples) < MOST and monotonic() - start < LONGEST_SECONDS:
        samples += native.probe_clock(cpu, ADDITIONS, BATCH)
        settled = median_is_settled([seconds for seconds, _ in samples])
    hz = sorted(ADDITIONS / seconds for seconds, _ in samples)
    counter = quantile(sorted(ticks / seconds for seconds, ticks in samples), 0.5)
    end = read_counters().steal_seconds
    timer = "clock_gettime(CLOCK_MONOTONIC_RAW)"
    return Clock(
        hz=quantile(hz, 0.5),
        spread=Spread(
            low=quantile(hz, 0.25),
            high=quantile(hz, 0.75),
            samples=len(hz),
            stable=settled,
            steal_seconds=None if steal is None or end is None else max(0.0, end - steal),
        ),
        timer=f"{timer}; time-stamp counter {counter / 1e6:.1f} MHz" if counter else timer,
    )
