"""What profiling one build brings home: counters, hot functions, a loop, and what holds it back."""

from __future__ import annotations

from .base import Data
from .inputs import Model, Source
from .machine import Machine
from .proof import FunctionShare

COUNTED, NOT_SUPPORTED, NOT_COUNTED = "counted", "not supported", "not counted"
LOST = "lost in loading"
"""A count that differs from one loading of the model to the next by more than the work adds."""
SIMULATED = "simulated"
"""Where a rate comes from, besides :data:`COUNTED`."""


class Count(Data, frozen=True, kw_only=True):
    """One event of ``perf stat``, for the repetitions alone."""

    role: str
    """What it is counted for, by ``counters.toml``, such as ``llc_misses``."""
    event: str
    """As perf names it."""
    value: float | None
    """None unless ``status`` is ``counted``."""
    unit: str
    """``msec``, ``MiB`` or empty for a number of events."""
    running: float
    """Share of the time in which it was counted, 0 to 1; below 1 perf has scaled the value up."""
    status: str
    """``counted``, ``not supported``, ``not counted`` or ``lost in loading``."""


class Counters(Data, frozen=True, kw_only=True):
    """What was counted while some repetitions of a workload ran."""

    repetitions: int
    """Counts of a run with one more, less those of a run with one."""
    seconds: float
    """That these repetitions took."""
    counts: tuple[Count, ...] = ()
    reason: str = ""
    """Why nothing was counted, or what is lacking."""


class Rate(Data, frozen=True, kw_only=True):
    """A quotient of two counts, or a count by time."""

    name: str
    title: str
    value: float
    unit: str
    """``per access``, ``per 1000 instructions``, ``bytes/s``, or empty."""
    origin: str
    """``counted`` or ``simulated``."""
    basis: str
    """The events that it is made of."""


class Hot(Data, frozen=True, kw_only=True):
    """Which functions an event falls into."""

    event: str
    """``cycles``, ``cpu time`` or ``cache misses``."""
    method: str
    """Such as ``perf cycles:u`` or ``SIGPROF sampler``; empty when nothing was sampled."""
    samples: int
    functions: tuple[FunctionShare, ...] = ()
    """Largest share first."""
    reason: str = ""


class Instruction(Data, frozen=True, kw_only=True):
    """One instruction of a function, as objdump prints it."""

    address: int
    """In the file."""
    text: str
    groups: tuple[str, ...] = ()
    """ISA groups that its encoding needs."""
    share: float = 0.0
    """Of the function's samples, 0 to 1."""


class Loop(Data, frozen=True, kw_only=True):
    """The innermost loop around the hottest instruction of the hottest function."""

    function: str
    library: str
    event: str
    """What was sampled, as in :class:`Hot`."""
    samples: int
    """Of the function."""
    share: float = 0.0
    """Of the function's samples that lie in the loop."""
    instructions: tuple[Instruction, ...] = ()
    groups: dict[str, int] = {}
    """Instructions of the loop by ISA group."""
    reason: str = ""
    """Why there is none."""


class SimulatedFunction(Data, frozen=True, kw_only=True):
    """What a function itself, without those that it calls, did in the simulation."""

    name: str
    library: str
    instructions: int
    reads: int
    l1_misses: int
    """Reads that missed the simulated first level."""
    ll_misses: int
    """Reads that missed the simulated last level."""


class Simulation(Data, frozen=True, kw_only=True):
    """A run under valgrind, whose caches are a model of two levels without prefetching."""

    tool: str
    """With its version; empty when nothing was simulated."""
    variant: str = ""
    """Whose build ran; valgrind cannot run every build."""
    build_id: str = ""
    workload: str = ""
    """What ran, smaller than the real one."""
    scope: str = ""
    """The part of the run that was counted, in words."""
    caches: str = ""
    """The simulated caches, in words."""
    counts: dict[str, int] = {}
    """By role, as in :class:`Count`."""
    rates: tuple[Rate, ...] = ()
    functions: tuple[SimulatedFunction, ...] = ()
    """Most last-level misses first."""
    reason: str = ""
    """Why nothing was simulated, or not on the build that was asked for."""


class Opinion(Data, frozen=True, kw_only=True):
    """What one way of looking says about the bound."""

    source: str
    """``roofline``, ``counters`` or ``simulation``."""
    measure: str
    value: float
    unit: str
    verdict: str
    """``memory-bound``, ``compute-bound`` or ``neither``."""
    rule: str
    """The rule that it was derived by, with its thresholds."""


class Verdict(Data, frozen=True, kw_only=True):
    """Whether memory or arithmetic holds a workload back."""

    opinions: tuple[Opinion, ...]
    agreement: str
    """``agree``, ``disagree``, ``one source`` or ``unknown``."""
    sentence: str


class Stack(Data, frozen=True, kw_only=True):
    """One path of calls, outermost first, and its own share of all."""

    frames: tuple[str, ...]
    share: float


class Flame(Data, frozen=True, kw_only=True):
    """The call paths of a workload."""

    source: str
    """Where the paths come from, in words."""
    unit: str
    """What the widths mean, such as ``CPU time``."""
    stacks: tuple[Stack, ...] = ()
    reason: str = ""
    """Why there is nothing better, or nothing at all."""


class WorkloadProfile(Data, frozen=True, kw_only=True):
    """One workload of one build, looked at in every way that this machine allows."""

    workload: str
    kind: str
    tokens: int
    tokens_per_second: float | None
    counters: Counters
    rates: tuple[Rate, ...]
    """From counters."""
    hot: tuple[Hot, ...]
    """Time first; cache misses where they can be sampled."""
    loop: Loop
    simulation: Simulation | None
    """None where it was not asked for."""
    verdict: Verdict
    flame: Flame
    reason: str = ""
    """Why it did not run."""


class ProfileRun(Data, frozen=True, kw_only=True):
    """Everything that one call of ``profile`` found. Times are ISO 8601, UTC."""

    id: str
    started: str
    finished: str
    """Empty while it is under way."""
    status: str
    """``running``, ``interrupted``, ``done`` or ``failed``."""
    command: tuple[str, ...]
    version: str
    machine: Machine
    source: Source
    model: Model
    variant: str
    build_id: str
    threads: int
    kernel_run: str
    """Whose probes the roofline is made of; empty without any."""
    workloads: tuple[WorkloadProfile, ...] = ()
    notes: tuple[str, ...] = ()
    """Lesser modes: what could not be had here, with the remedy."""
