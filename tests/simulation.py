"""A machine without a clock: trials from a seed, with drift, heavy-tailed noise and known ratios.

Time on this machine is counted in slots, one per trial. A drift maps slots to log-slowness; the
order of trials decides which arm meets which part of it, so that an experiment's layout can be
judged apart from its statistics.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from llamabuild.compare import compare_run
from llamabuild.types.comparison import BASELINE as BASELINE_VERDICT
from llamabuild.types.comparison import EQUIVALENT, FASTER, SLOWER
from llamabuild.types.inputs import Model, Source
from llamabuild.types.machine import Cpu, Machine
from llamabuild.types.run import NOISE_ARM, Arm, Run, Schedule, Trial, Workload

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from llamabuild.types.comparison import ComparisonSet

    Drift = Callable[[NDArray[np.int64], np.random.Generator], NDArray[np.float64]]

BASELINE = "base"
PLANNED = Schedule(
    seed=1, warmup_blocks=1, looks=(12, 18, 24), alphas=(0.01, 0.015, 0.025), threshold=0.01
)
MACHINE = Machine(
    fingerprint="mock",
    cpu=Cpu(
        architecture="x86_64",
        vendor="mock",
        brand="mock",
        microarchitecture="x86_64",
        features=(),
        logical_cpus=2,
        physical_cores=2,
        threads_per_core=1,
        caches=(),
        hypervisor="",
    ),
    affinity=(0, 1),
    quota_cpus=None,
    usable_threads=2,
    numa_nodes=1,
    memory_bytes=1 << 32,
    transparent_huge_pages="madvise",
    governor="unknown",
    turbo="unknown",
    operating_system="mock",
    kernel="mock",
    libc="mock",
)
SOURCE = Source(spec="path:x", version="x", digest="x", archive_sha256="", tree="x")
MODEL = Model(
    spec="x",
    path="x",
    sha256="x",
    size_bytes=1,
    architecture="llama",
    name="x",
    quantization="Q4_1",
    parameters=1,
    layers=1,
    embedding_length=1,
    context_length=1,
    vocabulary=1,
    synthetic=True,
)


def no_drift(slots, generator):
    return np.zeros(slots.size)


def warming(slots, generator):
    """30 % slower at the end than at the start."""
    return 0.3 * slots / slots.size


def wandering(slots, generator):
    """A random walk of 0.5 % a trial."""
    return np.cumsum(0.005 * generator.standard_normal(slots.size))


def breathing(slots, generator):
    """±8 % with a period that no block length divides, at a random phase."""
    return 0.08 * np.sin(slots / 37.3 * 2 * np.pi + generator.uniform(0, 2 * np.pi))


def stepping(slots, generator):
    """A noisy neighbour comes and goes: four changes of speed between 0 and 25 %."""
    edges = np.sort(generator.integers(0, slots.size, 4))
    return generator.uniform(0, 0.25, 5)[np.searchsorted(edges, slots, side="right")]


DRIFTS: dict[str, Drift] = {
    drift.__name__: drift for drift in (no_drift, warming, wandering, breathing, stepping)
}


def workloads(count: int) -> tuple[Workload, ...]:
    kinds = (("pp", 64), ("tg", 16), ("pp", 512), ("tg", 128))
    return tuple(
        Workload(name=f"{kind}{tokens}", kind=kind, tokens=tokens, seconds=0.5, max_repetitions=8)
        for kind, tokens in kinds[:count]
    )


def make_run(arms: Sequence[str], schedule: Schedule = PLANNED, loads: int = 1, **fields) -> Run:
    """A run of ``arms`` besides the baseline, all ready."""
    values = {
        "id": "run",
        "started": "2026-01-01T00:00:00Z",
        "finished": "",
        "status": "running",
        "command": ("variants",),
        "version": "0",
        "machine": MACHINE,
        "tools": (),
        "source": SOURCE,
        "model": MODEL,
        "baseline": BASELINE,
        "threads": 2,
        "schedule": schedule,
        "workloads": workloads(loads),
        "arms": tuple(Arm(name=name, status="ready", reason="") for name in (BASELINE, *arms)),
    }
    return Run(**{**values, **fields})


@dataclass(frozen=True)
class MockMachine:
    """Where the trials run.

    ``noise`` is the robust relative standard deviation of a trial (Student's t, ``tail`` degrees
    of freedom; infinite means normal); one trial in fifty is hit by a pause of 10–50 %.
    """

    noise: float = 0.02
    tail: float = 3.0
    pauses: float = 0.02
    drift: Drift = no_drift
    ratios: Mapping[str, float] = field(default_factory=dict)
    """Throughput relative to the baseline; 1 for arms not named."""
    interleaved: bool = True
    """Shuffled blocks; False measures arm after arm, as a plain loop would."""

    def trials(self, run: Run, seed: int, blocks: int = 0) -> list[Trial]:
        """All trials of ``run`` up to its last look (or ``blocks``, warm-up included)."""
        generator = np.random.default_rng(seed)
        blocks = blocks or run.schedule.warmup_blocks + run.schedule.looks[-1]
        cells = [
            (arm, load)
            for arm in (*(arm.name for arm in run.arms), NOISE_ARM)
            for load in run.workloads
        ]
        shape = (blocks, len(cells))
        slots = np.arange(blocks * len(cells)).reshape(shape)
        if self.interleaved:
            slots = generator.permuted(slots, axis=1)
        else:
            slots = np.arange(blocks * len(cells)).reshape(shape[::-1]).T
        places = slots.argsort(axis=1).argsort(axis=1).tolist()
        slow = self.drift(np.arange(slots.size), generator)[slots]
        slow = slow - np.log([self.ratios.get(arm, 1.0) for arm, _ in cells])
        slow = slow + self._noise(generator, shape)
        within = 0.2 * self.noise * generator.standard_normal((*shape, 3))
        samples = (1e8 * np.exp(slow[..., None] + within)).astype(np.int64).tolist()
        return [
            Trial(
                block=block,
                position=places[block][column],
                workload=load.name,
                arm=arm,
                status="ok",
                error="",
                started="2026-01-01T00:00:00Z",
                samples_ns=tuple(samples[block][column]),
                tokens=load.tokens,
                output={},
                state=None,
            )
            for block in range(blocks)
            for column, (arm, load) in enumerate(cells)
        ]

    def _noise(self, generator: np.random.Generator, shape: tuple[int, int]):
        if np.isinf(self.tail):
            return self.noise * generator.standard_normal(shape)
        quartile = {3.0: 0.7648923}[self.tail] * 1.4826022
        noise = self.noise / quartile * generator.standard_t(self.tail, shape)
        paused = generator.random(shape) < self.pauses
        return noise + paused * generator.uniform(0.1, 0.5, shape)


def until(trials: Sequence[Trial], blocks: int) -> list[Trial]:
    """The trials of the first ``blocks`` blocks, warm-up included."""
    return [trial for trial in trials if trial.block < blocks]


def outcome(run: Run, trials: Sequence[Trial]) -> ComparisonSet:
    """The comparison at which the run ended: at the first look that decides everything.

    The rule of ``may_stop``, without its own comparison: thousands of runs are simulated.
    """
    for look in run.schedule.looks:
        seen = until(trials, run.schedule.warmup_blocks + look)
        result = compare_run(run, seen)
        if result.decided or look == run.schedule.looks[-1]:
            return result
    raise AssertionError("the last look ends a run")


def outcomes(run: Run, machine: MockMachine, runs: int) -> list[ComparisonSet]:
    """How ``runs`` runs with the seeds 0, 1, … ended."""
    return [outcome(run, machine.trials(run, seed)) for seed in range(runs)]


def verdicts(result: ComparisonSet) -> set[str]:
    return {row.verdict for row in result.comparisons}


def told_apart(results: Sequence[ComparisonSet]) -> int:
    """In how many runs anything came out faster or slower."""
    return sum(bool(verdicts(result) & {FASTER, SLOWER}) for result in results)


def agree(result: ComparisonSet) -> bool:
    """Whether each word says the same as its interval, p-value and threshold."""
    threshold = {item.workload: 1 + item.threshold for item in result.noise}
    for row in result.comparisons:
        if row.verdict == BASELINE_VERDICT:
            continue
        delta = threshold[row.workload]
        bounded = row.low is not None
        beyond = bounded and (row.low > delta or row.high < 1 / delta)
        inside = bounded and row.low > 1 / delta and row.high < delta
        if beyond != (row.verdict in {FASTER, SLOWER}) or beyond != (row.p_value <= result.alpha):
            return False
        if inside != (row.verdict == EQUIVALENT):
            return False
    return True
