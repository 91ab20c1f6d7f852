"""``profile``: one build, each of its workloads looked at in every way that this machine allows."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from llamabuild import __version__
from llamabuild.bench import choose_workloads
from llamabuild.errors import BadInput, BuildFailed, EnvironmentLacks, Interrupted
from llamabuild.interrupts import Terminated, graceful_interrupts
from llamabuild.machine.detect import detect_machine
from llamabuild.profiling import (
    COUNTERS,
    SIMULATION,
    counted_rates,
    rate_opinions,
    roofline_opinion,
    verdict,
)
from llamabuild.roofline import Measured, roofline
from llamabuild.source import resolve_source
from llamabuild.store.locks import cache_in_use, measurement_lock
from llamabuild.store.results import Results
from llamabuild.types.profile import Counters, Flame, Loop, ProfileRun, WorkloadProfile
from llamabuild.types.profile import Verdict as BoundVerdict
from llamabuild.variants import load_catalogue
from llamabuild.variants.prebuilt import is_prebuilt

from .choose import choose_arms
from .fitting import check_model_fits
from .formats import own_model
from .inputs import check_request, default_source, refuse_program, run_model
from .make import Maker
from .profile_counts import counted
from .profile_hot import flame, sampled
from .profile_simulation import Simulator
from .profile_subject import subject_of
from .prove import prove
from .watched import DidNotRun

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llamabuild.interrupts import Interrupts
    from llamabuild.types.kernels import KernelRun
    from llamabuild.types.profile import Rate, Simulation
    from llamabuild.types.run import Arm, Workload

    from .observer import Observer
    from .profile_counts import Timed
    from .profile_subject import Subject
    from .request import Request

LINE_BYTES = 64
"""Where the machine doesn't say how long its cache lines are."""


def run_profile(
    request: Request,
    observer: Observer,
    *,
    simulate: bool | None = None,
    simulate_seconds: float | None = None,
) -> ProfileRun:
    """Build, inspect and profile one variant; return the stored run.

    Args:
        request: Names one variant, which is also its baseline.
        observer: Told what goes on.
        simulate: Run valgrind, or don't; None: where the CPU's cache misses can't be counted.
        simulate_seconds: That valgrind may take for a workload; None: as its facts have it.

    Raises:
        LlamabuildError: Bad input, a missing tool, a build that failed, another measurement on this
            machine, or Ctrl-C; workloads that were finished are stored.
    """
    if prebuilt := [name for name in request.names if is_prebuilt(name)]:
        message = f"'{prebuilt[0]}' cannot be profiled: nothing is known of how it was built"
        raise BadInput(message, "'variants' measures it and samples its functions")
    machine = detect_machine()
    catalogue = load_catalogue(default_source(request), request.variants_dirs)
    choice = choose_arms(catalogue, machine.cpu, request)
    check_request(request, choice.arms)
    refuse_program(catalogue.get(choice.baseline), "profile")
    with (
        measurement_lock(),
        cache_in_use(),
        Results.open() as results,
        graceful_interrupts(observer.stopping) as interrupts,
    ):
        results.settle_running("")
        variant = catalogue.get(choice.baseline)
        source = resolve_source(variant.source, on_progress=observer.note)
        maker = Maker(source, machine.usable_threads, observer)
        model = run_model(request.model, source, variant, maker, observer)
        model = own_model(model, variant.runtime.quantization, variant, maker, observer)
        check_model_fits(model, machine.memory_bytes)
        maker.model = model
        [arm] = maker.make_all(choice.arms[:1], interrupts, build_missing=True)
        arm = prove(_built(arm), machine.cpu)
        threads = request.threads or machine.usable_threads
        subject = subject_of(arm, model, machine, threads)
        probes = results.limits_of(machine.fingerprint)
        started = datetime.now(UTC)
        run = ProfileRun(
            id=f"{started:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}",
            started=started.isoformat(timespec="seconds"),
            finished="",
            status="running",
            command=request.command,
            version=__version__,
            machine=machine,
            source=source,
            model=model,
            variant=arm.name,
            build_id=arm.build.id if arm.build else "",
            threads=threads,
            kernel_run=probes.id if probes else "",
        )
        simulator = Simulator(
            subject, maker, catalogue, observer, interrupts, seconds=simulate_seconds
        )
        looking = _Looking(subject, probes, simulator, simulate, observer)
        with _stored(run, results) as story:
            for workload in choose_workloads(model, request.workloads):
                _go_on(interrupts, run)
                story.add(looking.at(workload))
    return story.run


class _Story:
    """A run that is stored after each workload."""

    def __init__(self, run: ProfileRun, results: Results) -> None:
        self.run = run
        self._results = results
        results.save_profile_run(run)

    def add(self, found: WorkloadProfile) -> None:
        """Store one more workload."""
        self._save(workloads=(*self.run.workloads, found))

    def close(self, status: str) -> None:
        """Store how it ended."""
        finished = datetime.now(UTC).isoformat(timespec="seconds")
        self._save(status=status, finished=finished, notes=tuple(_notes(self.run)))

    def _save(self, **changes: object) -> None:
        self.run = msgspec.structs.replace(self.run, **changes)
        self._results.save_profile_run(self.run)


@contextmanager
def _stored(run: ProfileRun, results: Results) -> Iterator[_Story]:
    story = _Story(run, results)
    try:
        yield story
    except BaseException as error:
        interrupted = isinstance(error, KeyboardInterrupt | Interrupted | Terminated)
        story.close("interrupted" if interrupted else "failed")
        raise
    story.close("done")


@dataclass(frozen=True, slots=True)
class _Looking:
    """The ways of looking at a workload, one after the other."""

    subject: Subject
    probes: KernelRun | None
    simulator: Simulator
    simulate: bool | None
    observer: Observer

    def at(self, workload: Workload) -> WorkloadProfile:
        """Return all that can be seen of a workload."""
        name = f"{workload.name} of {self.subject.arm.name}"
        self.observer.note(f"counting {name}")
        try:
            timed = counted(self.subject, workload)
        except DidNotRun as failure:
            self.observer.note(f"{name}: {failure}")
            return _not_run(workload, str(failure))
        rates = counted_rates(timed.counters, _line_bytes(self.subject))
        self.observer.note(f"sampling {name}")
        seen = sampled(self.subject, workload, timed.counters)
        misses_counted = any(rate.name.startswith("llc_m") for rate in rates)
        simulation: Simulation | None = None
        graph = None
        if self.simulate or (self.simulate is None and not misses_counted):
            simulation, graph = self.simulator.simulated(workload)
        self.observer.note(f"recording the calls of {name}")
        time_hot = seen.hot[0]
        return WorkloadProfile(
            workload=workload.name,
            kind=workload.kind,
            tokens=workload.tokens,
            tokens_per_second=timed.tokens_per_second,
            counters=timed.counters,
            rates=rates,
            hot=seen.hot,
            loop=seen.loop,
            simulation=simulation,
            verdict=self._verdict(workload, timed, rates, simulation),
            flame=flame(self.subject, workload, time_hot, graph),
        )

    def _verdict(
        self,
        workload: Workload,
        timed: Timed,
        rates: tuple[Rate, ...],
        simulation: Simulation | None,
    ) -> BoundVerdict:
        measured = Measured(
            variant=self.subject.arm.name,
            workload=workload.name,
            threads=timed.threads,
            tokens_per_second=timed.tokens_per_second,
        )
        found = roofline(
            self.probes,
            self.subject.model,
            (workload,),
            threads=(timed.threads,),
            measured=(measured,),
        )
        reads = [limit.read for limit in found.limits if limit.read is not None]
        by_roofline = [roofline_opinion(share) for share in found.shares]
        by_counters = rate_opinions(rates, COUNTERS, reads[0].bytes_per_second if reads else None)
        by_simulation = rate_opinions(simulation.rates, SIMULATION) if simulation else ()
        lacking = []
        if not by_roofline:
            lacking.append(f"no roofline: {found.missing or 'no bound for this workload'}")
        if not by_counters:
            lacking.append("no hardware counters that tell of memory here")
        return verdict([*by_roofline, *by_counters, *by_simulation], lacking)


def _built(arm: Arm) -> Arm:
    """Return the arm if it has a build.

    Raises:
        LlamabuildError: Why it has none.
    """
    if arm.build is None:
        kinds = {"bad variant": BadInput, "unsupported": EnvironmentLacks}
        raise kinds.get(arm.status, BuildFailed)(arm.reason or f"'{arm.name}' was not built")
    return arm


def _go_on(interrupts: Interrupts, run: ProfileRun) -> None:
    if interrupts.requested:
        message = f"profile {run.id} is stored up to its last workload"
        raise Interrupted(message, "the same command begins anew")


def _line_bytes(subject: Subject) -> int:
    lines = [c.line_bytes for c in sorted(subject.machine.cpu.caches, key=lambda c: c.level)]
    return lines[-1] if lines and lines[-1] else LINE_BYTES


def _not_run(workload: Workload, reason: str) -> WorkloadProfile:
    return WorkloadProfile(
        workload=workload.name,
        kind=workload.kind,
        tokens=workload.tokens,
        tokens_per_second=None,
        counters=Counters(repetitions=0, seconds=0.0),
        rates=(),
        hot=(),
        loop=Loop(function="", library="", event="", samples=0),
        simulation=None,
        verdict=BoundVerdict(
            opinions=(), agreement="unknown", sentence="not known: it did not run"
        ),
        flame=Flame(source="", unit=""),
        reason=reason,
    )


def _notes(run: ProfileRun) -> Iterator[str]:
    """Yield once what is said of several workloads: what could not be had here."""
    said: dict[str, None] = {}
    for found in run.workloads:
        for what, reason in (
            ("counters", found.counters.reason),
            *((f"samples of {hot.event}", hot.reason) for hot in found.hot),
            ("simulation", found.simulation.reason if found.simulation else ""),
            ("calls", found.flame.reason),
        ):
            if reason:
                said[f"{what}: {reason}"] = None
    yield from said
