"""Each kind of part of a lab: which of the other commands does it, with which wishes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from llamabuild.compare.blocks import counted_blocks
from llamabuild.errors import Inconclusive, LlamabuildError
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
from llamabuild.optimize.estimate import Costs
from llamabuild.optimize.facts import layout
from llamabuild.report import numbers
from llamabuild.store.results import Results
from llamabuild.types.run import NOISE_ARM
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
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from llamabuild.lab import Part
    from llamabuild.types.inputs import Model
    from llamabuild.types.kernels import KernelRun
    from llamabuild.types.lab import Lab
    from llamabuild.types.run import Run, Sweep

SIMULATE = "simulate"
PATIENCE = 1.5
"""Times a part's allowance, beyond which it doesn't wait for its least blocks."""
SIMULATION_PATIENCE = 2.0
"""Likewise, for one workload under valgrind, whose pace nobody knows beforehand."""
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
        self.parts = _parts_for(lab)

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

    def request(self, name: str, seconds: float, arms: int = 0) -> Request:
        """Return the wishes that all measurements of variants have in common.

        Args:
            name: Of the part.
            seconds: That it may take.
            arms: What it compares, if that is not what the plan has.
        """
        part, model = self.parts[name], self.model(self.parts[name])
        part = msgspec.structs.replace(part, arms=arms or part.arms)
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
            enough=Deadline(
                seconds, least_blocks(part), PATIENCE * seconds, building_apart=True
            ).enough,
        )

    def seed(self, name: str) -> int:
        """Return a part's own seed, which follows from the lab's."""
        return (self.lab.seed + list(self.parts).index(name)) % SEEDS

    def words(self, name: str) -> tuple[str, ...]:
        """Return a part's words with the baseline's name in its place."""
        return tuple(word.format(base=self.lab.base) for word in self.parts[name].words)


def _parts_for(lab: Lab) -> dict[str, Part]:
    """Return the parts as they are here.

    The challenge measures what its goal asks for, and nothing else; a sweep has as many points as
    this machine has values for it.
    """
    found = {}
    for name, part in parts().items():
        if part.kind == OPTIMIZE:
            kinds = tuple(layout().goals[lab.goal])
            found[name] = msgspec.structs.replace(part, workloads=kinds)
        elif part.kind == SWEEP and part.arms:
            found[name] = msgspec.structs.replace(part, arms=_points(part, lab) or part.arms)
        else:
            found[name] = part
    return found


def _points(part: Part, lab: Lab) -> int:
    """Return how many points a sweep has here; 0 where it can't be made, as it says itself then."""
    try:
        return len(_sweep_of(part.words, lab).points)
    except LlamabuildError:
        return 0


def _sweep_of(words: Sequence[str], lab: Lab) -> Sweep:
    axis, *values = words
    return make_sweep(lab.base, [make_axis(axis, values, words_here(lab.machine.usable_threads))])


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
    run = run_profile(
        wishes,
        bench.observer,
        simulate=SIMULATE in how,
        simulate_seconds=SIMULATION_PATIENCE * seconds,
    )
    reasons = [found.reason for found in run.workloads if found.reason]
    return run.id, "; ".join(reasons)


def _baseline(bench: Bench, name: str, seconds: float) -> tuple[str, str]:
    return _measured(bench, name, seconds, names=bench.words(name))


def _sweep(bench: Bench, name: str, seconds: float) -> tuple[str, str]:
    sweep = _sweep_of(bench.words(name), bench.lab)
    return _measured(bench, name, seconds, sweep=sweep, baseline=sweep.points[0].variant)


def _variants(bench: Bench, name: str, seconds: float) -> tuple[str, str]:
    begun = _begun(bench, name)
    if begun is not None:
        run, _ = _measured(bench, name, seconds)
        has = {arm.name for arm in begun.arms}
        rest = [each for each in bench.words(name) if each not in has]
        return run, f"not measured: {numbers.listing(rest)}" if rest else ""
    chosen = _affordable(bench, name, seconds)
    run, _ = _measured(bench, name, seconds, names=(bench.lab.base, *chosen.fit))
    return run, "; ".join(chosen.reasons)


class _Chosen(NamedTuple):
    fit: tuple[str, ...]
    reasons: tuple[str, ...]
    """Why others are not among them."""


def _affordable(bench: Bench, name: str, seconds: float) -> _Chosen:
    """Return which variants fit into a part's time, builds included.

    They are taken in the order of the file, which begins with what most people ask about. With
    each one more, all of them need more blocks to show anything.
    """
    part, request = bench.parts[name], bench.request(name, seconds)
    model = bench.model(part)
    if model is None:
        return _Chosen(bench.words(name), ())
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
    missing = {arm.name: arm.reason for arm in absent}
    pace = bench.pace(model)

    def takes(names: Sequence[str]) -> float:
        planned = msgspec.structs.replace(part, arms=1 + len(names))
        return least_seconds(planned, pace) + sum(building.get(each, 0.0) for each in names)

    fit: list[str] = []
    waiting: list[str] = []
    for variant in wanted:
        if variant not in missing:
            (fit if takes([*fit, variant]) <= seconds else waiting).append(variant)
    reasons = [f"not enough time for {numbers.listing(waiting)}"] if waiting else []
    by_reason: dict[str, list[str]] = {}
    for variant, reason in missing.items():
        by_reason.setdefault(reason, []).append(variant)
    reasons += [f"{numbers.listing(names)}: {reason}" for reason, names in by_reason.items()]
    return _Chosen(tuple(fit), tuple(reasons))


def _measured(
    bench: Bench,
    name: str,
    seconds: float,
    *,
    names: tuple[str, ...] = (),
    sweep: Sweep | None = None,
    baseline: str = "",
) -> tuple[str, str]:
    """Measure, or go on where a stop left it.

    Raises:
        Inconclusive: Not one block counts: its time was over, or other programs disturbed all.
    """
    run = _begun(bench, name)
    arms = len(run.arms) if run else len(sweep.points) if sweep else len(names)
    request = bench.request(name, seconds, arms if arms > 1 else 0)
    if run is None:
        request = replace(request, names=names, sweep=sweep, baseline=baseline or request.baseline)
    elif run.status != "done":
        request = replace(request, resume=run.id)
    if run is None or run.status != "done":
        run = run_variants(request, bench.observer)
    if _says_nothing(run, bench.parts[name]):
        why = f"the last one: {run.discarded[-1].reason}" if run.discarded else "its time was over"
        message = f"no block of run {run.id} counts ({why})"
        raise Inconclusive(message, "end what else runs here, or use a larger --budget")
    return run.id, ""


def _begun(bench: Bench, name: str) -> Run | None:
    """Return a part's run that can be gone on with, or is complete and says something."""
    with Results.open() as results:
        run = results.run_of_stage(bench.request(name, 0.0).part_of)
    if run is None or (run.status == "done" and _says_nothing(run, bench.parts[name])):
        return None
    return run


def _says_nothing(run: Run, part: Part) -> bool:
    """Whether not one block counts, though there was something to compare."""
    ready = [arm for arm in run.arms if arm.status == "ready" and arm.name != NOISE_ARM]
    if len(ready) < (1 if part.kind == BASELINE else 2):
        return False
    with Results.open() as results:
        return not counted_blocks(run, results.trials(run.id))


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
