"""Trials of a made-up run: every block runs each measured arm and A′ once per workload."""

from __future__ import annotations

import math
import random
import statistics
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from llamabuild.types.machine import MachineState
from llamabuild.types.run import Trial
from tests.report_fixture.base import BASE_SPEED, BLOCKS, DISCARDED, SPEED, WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llamabuild.types.run import Workload

USUAL_MEMORY = (31_000, 214_000_000)
MEMORY: dict[str, tuple[int, int]] = {}


def trials(
    speeds: Mapping[str, tuple[float, float]] = SPEED,
    base: Mapping[str, float] = BASE_SPEED,
    memory: Mapping[str, tuple[int, int]] = MEMORY,
) -> tuple[Trial, ...]:
    """Return trials in a seeded order.

    Args:
        speeds: Arm to its speed on each workload as a ratio to ``base``.
        base: Workload to tokens per second of the baseline.
        memory: Arm to minor faults and peak resident bytes, where they are not the usual.
    """
    generator = random.Random(7)
    clock = datetime(2026, 11, 22, 9, 15, 30, tzinfo=UTC)
    made = []
    for block in range(BLOCKS):
        order = [(workload, name) for workload in WORKLOADS for name in speeds]
        generator.shuffle(order)
        drift = 1 + 0.012 * math.sin(block / 3) - (0.08 if block == DISCARDED else 0)
        drift -= 0.04 if block == 0 else 0
        for position, (workload, name) in enumerate(order):
            factor = speeds[name][WORKLOADS.index(workload)]
            speed = base[workload.name] * factor * drift
            samples = tuple(
                round(workload.tokens / (speed * generator.gauss(1, 0.008)) * 1e9) for _ in range(3)
            )
            crashed = block == 9 and name == "sse42" and workload.kind == "pp"
            clock += timedelta(seconds=4)
            made.append(
                Trial(
                    block=block,
                    position=position,
                    workload=workload.name,
                    arm=name,
                    status="crashed" if crashed else "ok",
                    error="llama-bench was ended by SIGILL" if crashed else "",
                    started=clock.strftime("%Y-%m-%dT%H:%M:%SZ"),
                    samples_ns=() if crashed else samples,
                    tokens=workload.tokens,
                    output={} if crashed else _bench_output(workload, samples),
                    state=_state(block, *memory.get(name, USUAL_MEMORY)),
                )
            )
    return tuple(made)


def _bench_output(workload: Workload, samples: tuple[int, ...]) -> dict[str, object]:
    speeds = [workload.tokens / sample * 1e9 for sample in samples]
    return {
        "build_commit": "0c1e57098",
        "cpu_info": "Intel(R) Xeon(R) Platinum 8581C",
        "model_filename": "/home/someone/.cache/llamabuild/models/SmolLM2-135M-Instruct.Q4_1.gguf",
        "model_type": "llama 256M Q4_1",
        "model_size": 96576768,
        "n_threads": 2,
        "n_prompt": workload.tokens if workload.kind == "pp" else 0,
        "n_gen": workload.tokens if workload.kind == "tg" else 0,
        "avg_ns": round(statistics.mean(samples)),
        "stddev_ns": round(statistics.stdev(samples)),
        "avg_ts": statistics.mean(speeds),
        "stddev_ts": statistics.stdev(speeds),
        "samples_ns": list(samples),
        "samples_ts": speeds,
    }


def _state(block: int, faults: int, peak: int) -> MachineState:
    return MachineState(
        wall_seconds=3.8,
        user_seconds=6.9,
        system_seconds=0.2,
        peak_rss_bytes=peak,
        minor_faults=faults,
        major_faults=0,
        voluntary_switches=420,
        involuntary_switches=61,
        steal_seconds=0.5 if block == DISCARDED else 0.01,
        foreign_seconds=0.03,
        throttled_seconds=0.0,
        runnable_threads=1,
        load_1min=1.9,
        frequency_mhz=None,
        transparent_huge_pages="madvise",
    )
