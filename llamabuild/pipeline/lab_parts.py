"""Each kind of part of a lab: which of the other commands does it, with which wishes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from llamabuild.lab import Pace, least_blocks, least_seconds
from llamabuild.lab.parts import (
    BASELINE,
    KERNELS,
    MAIN,
    OPTIMIZE,
    PROBES,
    PROFILE,
    REAL,
    SMALL,
    SWEEP,
    VARIANTS,
    parts,
)
from llamabuild.lab.timing import COPIES, WARMUP, WORKLOADS
from llamabuild.optimize.estimate import Costs
from llamabuild.optimize.facts import layout
from llamabuild.report import numbers
from llamabuild.store.results import Results
from llamabuild.variants.axes import make_axis, make_sweep, words_here

from . import optimize
from .builds import plan_variants
from .deadline import Deadline
from .kernels import run_kernels
from .kernels_observer import KernelObserver
from .kernels_request import KernelRequest
from .observer import Observer
from .optimize_lab import trial_seconds
from .profile import run_profile
from .request import Request
from .story import run_variants

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from llamabuild.lab import Part
    from llamabuild.types.inputs import Model
    from llamabuild.types.kernels import KernelRun
    from llamabuild.types.lab import Lab
    from llamabuild.types.run import Sweep

SIMULATE = "simulate"
PATIENCE = 1.5
"""Times a part's allowance, beyond which it doesn't wait for its least blocks."""
SEEDS = 2**31


class Bench:
    """What the parts of one lab work with.

    Args:
        lab: Its record as it was when it began.
        observer: Told what goes on.
        kernels: Likewise, of kernels and probes.
        variants_dirs: Folders of the user's own variants.
    """

    def __init__(
        self,
        lab: Lab,
        observer: Observer | None = None,
        kernels: KernelObserver | None = None,
        variants_dirs: tuple[Path, ...] | None = None,
    ) -> None:
        self.lab = lab
        self.observer = observer or Observer()
        self.kernels = kernels or KernelObserver()
        self._variants_dirs = variants_dirs
        self.parts = _parts_for(lab.goal)

    def model(self, part: Part) -> Model | None:
        """Return the model that a part runs on; None where it needs none or there is none."""
        models = self.lab.models
        if part.model == MAIN:
            return models[0]
        if part.model == SMALL:
            return min(models, key=lambda model: model.parameters)
        if part.model == REAL:
            return next((model for model in models if not model.synthetic), None)
        return None

    def pace(self, model: Model | None) -> Pace:
        """Return what a model takes here, by what was measured, else by its size."""
        if model is None:
            return Pace()
        main, guessed = self.lab.models[0], Costs.guessed(model.size_bytes)
        # Where nothing is known of a model, this machine is as much faster than the guess as it is
        # with the one that is tuned.
        known = self._known(main)
        faster = known / Costs.guessed(main.size_bytes).trial if known else 1.0
        trial = self._known(model) or guessed.trial * faster
        return Pace(trial, guessed.check * min(1.0, faster))

    def _known(self, model: Model) -> float:
        """Return the mean trial of this lab's baseline, else of the model's newest run, or 0."""
        machine = self.lab.machine
        with Results.open() as results:
            run = results.run_of_stage(f"{self.lab.id}/{BASELINE}")
            if run is None or run.status != "done" or run.model.sha256 != model.sha256:
                run = results.run_like(machine.fingerprint, model.sha256, machine.usable_threads)
            return trial_seconds(results.trials(run.id)) if run else 0.0

    def paces(self) -> dict[str, Pace]:
        """Return the pace of each kind of model that there is."""
        models = {part.model: self.model(part) for part in self.parts.values()}
        return {kind: self.pace(model) for kind, model in models.items() if model}

    def request(self, name: str, seconds: float) -> Request:
        """Return the wishes that all measurements of variants have in common."""
        part, model = self.parts[name], self.model(self.parts[name])
        return Request(
            sources=(self.lab.source,) if self.lab.source else (),
            baseline=self.lab.base,
            model=model.spec if model else None,
            workloads=part.workloads,
            blocks=part.most or None,
            seed=self.seed(name),
            variants_dirs=self._variants_dirs,
            command=self.lab.command,
            part_of=f"{self.lab.id}/{name}",
            enough=Deadline(seconds, least_blocks(part), PATIENCE * seconds).enough,
        )

    def seed(self, name: str) -> int:
        """Return a part's own seed, which follows from the lab's."""
        return (self.lab.seed + list(self.parts).index(name)) % SEEDS

    def words(self, name: str) -> tuple[str, ...]:
        """Return a part's words with the baseline's name in its place."""
        return tuple(word.format(base=self.lab.base) for word in self.parts[name].words)


def _parts_for(goal: str) -> dict[str, Part]:
    """Return the parts; the challenge measures what its goal asks for, and nothing else."""
    kinds = tuple(layout().goals[goal])
    return {
        name: msgspec.structs.replace(part, workloads=kinds) if part.kind == OPTIMIZE else part
        for name, part in parts().items()
    }


def too_little(bench: Bench, part: Part, seconds: float) -> str:
    """Return why a part isn't begun: its time is too short to say anything; empty if it is not."""
    least = least_seconds(part, bench.pace(bench.model(part)))
    # What a part takes is an estimate, by which nothing is left out that may fit.
    if least <= PATIENCE * seconds:
        return ""
    return (
        f"{numbers.seconds(max(seconds, 0.0))} are left for it, it takes {numbers.seconds(least)}"
    )


def did(bench: Bench, name: str, seconds: float) -> tuple[str, str]:
    """Do a part and return the id of what it stored, with a reason where that isn't all.

    Raises:
        LlamabuildError: As the command that does it.
    """
    return DOERS[bench.parts[name].kind](bench, name, seconds)


def _probes(bench: Bench, name: str, _seconds: float) -> tuple[str, str]:
    request = KernelRequest(kernels=False, seed=bench.seed(name), command=bench.lab.command)
    return _closed(run_kernels(request, bench.kernels))


def _kernels(bench: Bench, name: str, seconds: float) -> tuple[str, str]:
    request = KernelRequest(
        quick=True,
        probes=False,
        seed=bench.seed(name),
        minutes=seconds / 60,
        command=bench.lab.command,
    )
    return _closed(run_kernels(request, bench.kernels))


def _closed(run: KernelRun) -> tuple[str, str]:
    return run.id, ""


def _profile(bench: Bench, name: str, seconds: float) -> tuple[str, str]:
    base, *how = bench.words(name)
    request = bench.request(name, seconds)
    wishes = Request(
        names=(base,),
        baseline=base,
        sources=request.sources,
        model=request.model,
        variants_dirs=request.variants_dirs,
        command=request.command,
    )
    run = run_profile(wishes, bench.observer, simulate=SIMULATE in how)
    reasons = [found.reason for found in run.workloads if found.reason]
    return run.id, "; ".join(reasons)


def _baseline(bench: Bench, name: str, seconds: float) -> tuple[str, str]:
    return _measured(bench, name, seconds, names=bench.words(name))


def _sweep(bench: Bench, name: str, seconds: float) -> tuple[str, str]:
    axis, *values = bench.words(name)
    sweep = make_sweep(
        bench.lab.base, [make_axis(axis, values, words_here(bench.lab.machine.usable_threads))]
    )
    return _measured(bench, name, seconds, sweep=sweep, baseline=sweep.points[0].variant)


def _variants(bench: Bench, name: str, seconds: float) -> tuple[str, str]:
    names, waiting = _affordable(bench, name, seconds)
    reason = f"not enough time for {', '.join(waiting)}" if waiting else ""
    run, more = _measured(bench, name, seconds, names=(bench.lab.base, *names))
    return run, "; ".join(filter(None, (more, reason)))


def _affordable(bench: Bench, name: str, seconds: float) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return which variants fit into a part's time, builds included, and which don't.

    They are taken in the order of the file, which begins with what most people ask about.
    """
    part, request = bench.parts[name], bench.request(name, seconds)
    model = bench.model(part)
    if model is None:
        return bench.words(name), ()
    wanted = tuple(each for each in bench.words(name) if each != bench.lab.base)
    asked = Request(
        names=wanted,
        baseline=bench.lab.base,
        sources=request.sources,
        model=request.model,
        variants_dirs=request.variants_dirs,
    )
    estimates, absent = plan_variants(asked, Observer())
    building = {each.plan.variant: each.seconds for each in estimates}
    missing = {arm.name for arm in absent}
    pace = bench.pace(model)
    each = (least_blocks(part) + WARMUP) * WORKLOADS * pace.trial * part.factor
    left = seconds - (1 + COPIES) * each
    fits: list[str] = []
    waiting: list[str] = []
    for variant in wanted:
        if variant in missing:
            continue
        cost = each + pace.check + building.get(variant, 0.0)
        (fits if cost <= left else waiting).append(variant)
        left -= cost if cost <= left else 0.0
    return tuple(fits), tuple(waiting)


def _measured(
    bench: Bench,
    name: str,
    seconds: float,
    *,
    names: tuple[str, ...] = (),
    sweep: Sweep | None = None,
    baseline: str = "",
) -> tuple[str, str]:
    """Measure, or go on where a stop left it."""
    request = bench.request(name, seconds)
    with Results.open() as results:
        run = results.run_of_stage(request.part_of)
    if run is None:
        request = replace(request, names=names, sweep=sweep, baseline=baseline or request.baseline)
    elif run.status != "done":
        request = replace(request, resume=run.id)
    if run is None or run.status != "done":
        run = run_variants(request, bench.observer)
    return run.id, ""


def _optimize(bench: Bench, name: str, seconds: float) -> tuple[str, str]:
    request = bench.request(name, seconds)
    with Results.open() as results:
        known = [each for each in results.optimizations() if each.part_of == request.part_of]
    if known and known[-1].status == "done":
        return known[-1].id, ""
    if known and known[-1].stages:
        return optimize.resume(known[-1].id, bench.observer, request.variants_dirs).id, ""
    wishes = optimize.Wishes(
        base=bench.lab.base,
        target=bench.lab.target,
        goal=bench.lab.goal,
        budget_seconds=seconds,
        model=request.model,
        source=bench.lab.source or None,
        seed=bench.seed(name),
        variants_dirs=request.variants_dirs,
        command=request.command,
        part_of=request.part_of,
    )
    return optimize.optimize(wishes, bench.observer).id, ""


DOERS: dict[str, Callable[[Bench, str, float], tuple[str, str]]] = {
    PROBES: _probes,
    BASELINE: _baseline,
    PROFILE: _profile,
    SWEEP: _sweep,
    VARIANTS: _variants,
    OPTIMIZE: _optimize,
    KERNELS: _kernels,
}
