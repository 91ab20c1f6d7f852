"""The lab of a real machine: each order is a run of the main job, found again by its name."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from statistics import fmean, median
from typing import TYPE_CHECKING

from llamabuild.build.switches import switches
from llamabuild.compare.logs import log_ratios
from llamabuild.errors import (
    BadInput,
    BuildFailed,
    EnvironmentLacks,
    Inconclusive,
    Interrupted,
)
from llamabuild.source import at_hand
from llamabuild.store.results import Results
from llamabuild.types.optimization import Measured, Measurement
from llamabuild.types.run import NOISE_ARM
from llamabuild.variants import unsupported_reason
from llamabuild.variants.bench_options import by_option
from llamabuild.variants.kinds import GROUNDS

from .deadline import Deadline
from .story import run_variants

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llamabuild.optimize.lab import Order
    from llamabuild.types.build import Plan
    from llamabuild.types.inputs import Source
    from llamabuild.types.machine import Cpu
    from llamabuild.types.optimization import Configuration, Optimization
    from llamabuild.types.run import Arm, Run, Trial
    from llamabuild.types.variant import Variant
    from llamabuild.variants import Catalogue

    from .make import Maker
    from .observer import Observer
    from .request import Request

KV_CACHE = "kv-cache="


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What the lab works with."""

    catalogue: Catalogue
    cpu: Cpu
    maker: Maker
    request: Request
    """Source, model, threads and so on of every run."""
    observer: Observer
    jobs: int
    """Compilers at a time."""


class RunLab:
    """Answers by the catalogue, the planner, and runs of the main job.

    Args:
        record: Whose stages are measured.
        place: With what.
        clock: Seconds since some moment.
    """

    def __init__(
        self, record: Optimization, place: Place, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.clock = clock
        self._record = record
        self._place = place
        self._refusals: dict[Configuration, str] = {}
        self._variants: dict[Configuration, Variant] = {}

    def name(self, configuration: Configuration) -> str:
        """Return the name of a configuration; a part that others stand on takes the first place."""
        base, *further = self._record.base.split("+")
        grounds = [part for part in configuration if self._is_ground(part)]
        rest = [part for part in configuration if part not in grounds]
        return "+".join([*(grounds or [base]), *further, *rest])

    def refusal(self, configuration: Configuration) -> str:
        """Return why it does not compose, cannot run here or cannot even be planned."""
        if configuration not in self._refusals:
            self._refusals[configuration] = self._refused(configuration)
        return self._refusals[configuration]

    def identity(self, configuration: Configuration) -> str:
        """Return build id and all that the program is run with."""
        variant = self._variant(configuration)
        runtime = variant.runtime
        options = by_option(runtime.bench)
        both = int("".join(options.pop("-t", (str(self._record.threads),))))
        words = (
            variant.name if self._elsewhere(variant) else self._place.maker.plan(variant).build_id,
            variant.allocator,
            sorted(runtime.environment.items()),
            sorted(options.items()),
            [runtime.threads.get(kind, both) for kind in ("pp", "tg")],
            runtime.launcher,
        )
        return repr(words)

    def build_seconds(self, configuration: Configuration) -> float:
        """Return the planner's estimate, given that the baseline is built."""
        variant = self._variant(configuration)
        if self._elsewhere(variant) and not at_hand(variant.source):
            return switches().estimate.everything_cpu_seconds / self._place.jobs
        variants = [self._variant(each) for each in dict.fromkeys([(), configuration])]
        estimates = {e.plan.variant: e.seconds for e in self._place.maker.estimates(variants)}
        return estimates[variants[-1].name]

    def planned(self, configuration: Configuration) -> tuple[Variant, Plan]:
        """Return a configuration's variant and the plan of its build."""
        variant = self._variant(configuration)
        return variant, self._place.maker.plan(variant)

    def source(self, variant: Variant) -> Source:
        """Return the tree of a variant."""
        return self._place.maker.sources.of(variant)

    def measure(self, order: Order) -> Measurement:
        """Run the order, or what a stop left of it; see :class:`llamabuild.optimize.lab.Lab`."""
        part_of = f"{self._record.id}/{order.stage}"
        names = {self.name(each): each for each in order.configurations}
        with Results.open() as results:
            run = results.run_of_stage(part_of)
            if run and run.status == "done" and not log_ratios(run, results.trials(run.id)):
                run = None  # no block of it counts: once more
        request = replace(
            self._place.request,
            sampled=False,
            enough=Deadline(order.seconds, order.least, order.hard_seconds, self.clock).enough,
        )
        if run is None:
            loads = [load.name for load in self._record.workloads if load.kind in order.kinds]
            request = replace(
                request,
                names=tuple(names),
                workloads=tuple(loads),
                blocks=order.most,
                seed=order.seed,
                part_of=part_of,
            )
        elif run.status != "done":
            request = replace(request, resume=run.id)
        if run is None or run.status != "done":
            try:
                run = run_variants(request, self._place.observer)
            except Interrupted as error:
                remedy = f"'python -m llamabuild optimize --resume {self._record.id}' goes on"
                raise Interrupted(error.message, remedy) from None
        with Results.open() as results:
            trials = results.trials(run.id)
        limits = (self._record.kv_quality, self._record.weights_quality)
        found = measurement_of(run, trials, names, limits)
        if not found.blocks:
            raise self._nothing_counts(order, disturbed=bool(run.discarded))
        return found

    def _nothing_counts(self, order: Order, *, disturbed: bool) -> Inconclusive:
        """Say why a stage has not a single block."""
        if disturbed:
            message = f"all blocks of the stage '{order.stage}' were disturbed by other programs"
            again = f"'python -m llamabuild optimize --resume {self._record.id}'"
            return Inconclusive(message, f"end them, then {again}")
        message = f"the time of the stage '{order.stage}' was over before its first block"
        return Inconclusive(message, "what was built is kept: begin again, with more --budget")

    def _variant(self, configuration: Configuration) -> Variant:
        if configuration not in self._variants:
            name = self.name(configuration)
            self._variants[configuration] = self._place.catalogue.get(name)
        return self._variants[configuration]

    def _refused(self, configuration: Configuration) -> str:
        try:
            variant = self._variant(configuration)
        except BadInput as error:
            return str(error)
        if reason := unsupported_reason(variant, self._place.cpu):
            return reason
        if self._elsewhere(variant):
            return ""
        try:
            self._place.maker.plan(variant)
        except (BadInput, BuildFailed, EnvironmentLacks) as error:
            return str(error)
        return ""

    def _elsewhere(self, variant: Variant) -> bool:
        """Whether it is of another tree, which is not fetched before it is to be measured."""
        return variant.source != self._variant(()).source

    def _is_ground(self, part: str) -> bool:
        catalogue = self._place.catalogue
        return part in catalogue.files and catalogue.kind(part) in GROUNDS


def measurement_of(
    run: Run,
    trials: Sequence[Trial],
    names: dict[str, Configuration],
    limits: tuple[float | None, float | None] = (None, None),
) -> Measurement:
    """Return what a run says of each configuration.

    Args:
        run: Complete.
        trials: All of it.
        names: Of the arms, with their configurations.
        limits: Largest mean KL divergence that a KV cache and a format of the weights may cost, in
            nats per token.
    """
    logs = log_ratios(run, trials)
    blocks = max((len(values) for values in logs.values()), default=0)
    arms = {arm.name: arm for arm in run.arms}

    def of(name: str) -> dict[str, tuple[float | None, ...]]:
        found = {load.name: logs.get((name, load.name)) for load in run.workloads}
        return {load: values for load, values in found.items() if values is not None}

    measured = []
    for name, configuration in names.items():
        reason = _reason(arms[name], configuration, limits)
        own = {} if reason else of(name)
        if not reason and len(own) < len(run.workloads):
            reason, own = arms[name].reason or "it was not measured on every workload", {}
        measured.append(Measured(configuration=configuration, reason=reason, logs=own))
    return Measurement(
        run=run.id,
        blocks=blocks,
        arms=tuple(measured),
        noise=of(NOISE_ARM),
        trial_seconds=trial_seconds(trials),
    )


def trial_seconds(trials: Sequence[Trial]) -> float:
    """Return what a trial took on average, with what lies between two of them.

    The latter is a median: between two sessions lies a long time.
    """
    walls = [trial.state.wall_seconds for trial in trials if trial.state]
    if not walls:
        return 0.0
    gaps = [
        (_moment(second) - _moment(first)) - first.state.wall_seconds
        for first, second in pairwise(sorted(trials, key=_moment))
        if first.state
    ]
    return fmean(walls) + (max(0.0, median(gaps)) if gaps else 0.0)


def _moment(trial: Trial) -> float:
    return datetime.fromisoformat(trial.started).timestamp()


def _reason(
    arm: Arm, configuration: Configuration, limits: tuple[float | None, float | None]
) -> str:
    if arm.status != "ready":
        return f"{arm.status}: {arm.reason}" if arm.reason else arm.status
    of_cache, of_weights = limits
    if any(part.startswith(KV_CACHE) for part in configuration):
        return _too_much(arm.equivalence.mean_kl_divergence, of_cache)
    quality = arm.quality
    if quality is None or of_weights is None:
        return ""
    if quality.mean_kl_divergence is None:
        return f"what it costs is not known: {quality.reason}"
    return _too_much(quality.mean_kl_divergence, of_weights)


def _too_much(divergence: float | None, limit: float | None) -> str:
    if divergence is None or limit is None or divergence <= limit:
        return ""
    return f"its output differs by {divergence:.2g} nats per token, {limit:g} are allowed"
