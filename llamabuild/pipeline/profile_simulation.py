"""Simulated caches: on the profiled build if valgrind can run it, else on the best that it can."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from llamabuild.bench.dialect import dialect_of
from llamabuild.bench.llama_bench import program_argv
from llamabuild.profiling import (
    CannotSimulate,
    TookTooLong,
    find_valgrind,
    in_words,
    refused_groups,
    simulate,
    simulated_caches,
    simulated_counts,
    simulated_functions,
    simulated_rates,
)
from llamabuild.profiling.valgrind import facts
from llamabuild.types.profile import Simulation
from llamabuild.types.run import Arm
from llamabuild.variants import unsupported_reason

from .profile_subject import subject_of
from .prove import prove

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llamabuild.interrupts import Interrupts
    from llamabuild.profiling.callgrind import CallGraph
    from llamabuild.types.profile import SimulatedFunction
    from llamabuild.types.run import Workload
    from llamabuild.variants import Catalogue

    from .make import Maker
    from .observer import Observer
    from .profile_subject import Subject

NOTABLE = 0.001
"""Functions with less than this part of every count are left out."""
THREADS = 1
"""Valgrind runs one thread at a time in any case, and would simulate their waiting."""


class _Simulated(NamedTuple):
    simulation: Simulation
    graph: CallGraph | None


class Simulator:
    """Finds a build that valgrind can run, once, and runs workloads on it.

    Args:
        subject: What is profiled.
        maker: Makes another build where valgrind needs one.
        catalogue: Where its variant is.
        observer: Told what goes on.
        interrupts: Whether someone asked to stop.
        seconds: That a simulation may take; None: as the facts have it.
    """

    def __init__(
        self,
        subject: Subject,
        maker: Maker,
        catalogue: Catalogue,
        observer: Observer,
        interrupts: Interrupts,
        *,
        seconds: float | None = None,
    ) -> None:
        self._seconds = min(seconds or facts().seconds, facts().seconds)
        self._profiled = subject
        self._maker = maker
        self._catalogue = catalogue
        self._observer = observer
        self._interrupts = interrupts
        self._others = iter(facts().builds.get(subject.machine.cpu.architecture, ()))
        self._reasons: list[str] = []
        self._subject = subject if self._can_run(subject) else None

    def simulated(self, workload: Workload) -> _Simulated:
        """Return a simulation of a workload, or the reason why there is none."""
        small = _small(workload)
        nothing = Simulation(tool="", workload=small.name)
        try:
            tool = find_valgrind()
        except CannotSimulate as lack:
            return _Simulated(msgspec.structs.replace(nothing, reason=str(lack)), None)
        while (subject := self._subject or self._next()) is not None:
            self._subject = subject
            self._observer.note(
                f"simulating {small.name} of {subject.arm.name} under valgrind, which is some "
                "fifty times slower"
            )
            try:
                return self._on(subject, small, f"callgrind of {tool.version}")
            except TookTooLong as lack:
                return _Simulated(msgspec.structs.replace(nothing, reason=str(lack)), None)
            except CannotSimulate as lack:
                self._reasons.append(f"{subject.arm.name}: {lack}")
                self._subject = None
        reason = "; ".join(self._reasons) or "no build that valgrind can run"
        return _Simulated(msgspec.structs.replace(nothing, reason=reason), None)

    def _on(self, subject: Subject, workload: Workload, tool: str) -> _Simulated:
        assert subject.arm.build is not None
        caches = simulated_caches(subject.machine.cpu)
        dialect = dialect_of(subject.program, subject.runtime)
        task = subject.task(workload, threads=THREADS)
        found = simulate(
            program_argv(subject.program, task, subject.runtime, dialect),
            caches,
            environment=subject.runtime.environment,
            launcher=subject.runtime.launcher,
            timeout_seconds=self._seconds,
        )
        counts = simulated_counts(found.graph)
        last = f"the last of {found.calls} computed batches" if found.calls > 1 else "one batch"
        simulation = Simulation(
            tool=tool,
            variant=subject.arm.name,
            build_id=subject.arm.build.id,
            workload=workload.name,
            scope=f"{last}, one thread, loading left out",
            caches=in_words(caches),
            counts=counts,
            rates=simulated_rates(counts),
            functions=tuple(_notable(simulated_functions(found.graph))),
            reason="; ".join(self._reasons),
        )
        return _Simulated(simulation, found.graph)

    def _can_run(self, subject: Subject) -> bool:
        groups = sorted({group for each in subject.arm.inspections for group in each.groups})
        refused = refused_groups(groups, subject.machine.cpu.architecture)
        if refused:
            self._reasons.append(
                f"{subject.arm.name}: valgrind cannot run its {', '.join(refused[:3])}"
                + (" and more" if len(refused) > 3 else "")  # noqa: PLR2004 - enough to know
            )
        return not refused

    def _next(self) -> Subject | None:
        """Return the next build that valgrind may be able to run, made if need be."""
        for name in self._others:
            if name == self._profiled.arm.name or not self._catalogue.knows(name):
                continue
            variant = self._catalogue.get(name)
            cpu = self._profiled.machine.cpu
            reason = unsupported_reason(variant, cpu)
            if reason:
                self._reasons.append(f"{name}: {reason}")
                continue
            self._observer.note(f"valgrind needs another build: {name}")
            pending = Arm(name=name, status="pending", reason="", variant=variant)
            [arm] = self._maker.make_all([pending], self._interrupts, build_missing=True)
            if arm.build is None:
                self._reasons.append(f"{name}: {arm.reason}")
                continue
            found = subject_of(
                prove(arm, cpu), self._profiled.model, self._profiled.machine, THREADS
            )
            if self._can_run(found):
                return found
        return None


def _small(workload: Workload) -> Workload:
    """Return a workload with as few tokens as the simulation needs."""
    tokens = min(workload.tokens, facts().tokens.get(workload.kind, workload.tokens))
    return msgspec.structs.replace(workload, name=f"{workload.kind}{tokens}", tokens=tokens)


def _notable(functions: tuple[SimulatedFunction, ...]) -> Iterator[SimulatedFunction]:
    totals = [
        sum(getattr(function, field) for function in functions)
        for field in ("instructions", "l1_misses", "ll_misses")
    ]
    for each in functions:
        counts = (each.instructions, each.l1_misses, each.ll_misses)
        if any(c > NOTABLE * total for c, total in zip(counts, totals, strict=True)):
            yield each
