"""The JSON document of ``optimize --json``, from the stored record alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.optimize.deploy import render
from llamabuild.optimize.facts import layout, lever_facts
from llamabuild.optimize.judge import Judged
from llamabuild.optimize.log import Interaction, Reached, Rejected, log_of
from llamabuild.optimize.values import Effect
from llamabuild.report import numbers
from llamabuild.report.portable import clean
from llamabuild.types.base import Data
from llamabuild.types.machine import Machine
from llamabuild.types.optimization import CONFIRM, Deployment, LeftOut

if TYPE_CHECKING:
    from llamabuild.optimize.log import Log
    from llamabuild.types.optimization import Optimization

SCHEMA = "llamabuild.optimize/1"


class OptimizeInfo(Data, frozen=True, kw_only=True):
    """When and how it was made. Times are ISO 8601, UTC."""

    id: str
    started: str
    finished: str
    status: str
    command: tuple[str, ...]
    version: str
    seed: int
    budget_seconds: float
    spent_seconds: float


class StageInfo(Data, frozen=True, kw_only=True):
    """One stage."""

    name: str
    run: str
    """Id of the stored run."""
    configurations: int
    blocks: int
    spent_seconds: float
    """Of the budget, up to its end."""


class Bounded(Data, frozen=True, kw_only=True):
    """How near the result comes to the machine's bound of one workload, by the median speeds."""

    workload: str
    before: float | None
    """Share of the bound that the baseline reached."""
    after: float
    verdict: str
    """``memory-bound``, ``compute-bound`` or ``neither``."""
    advice: str = ""
    """What to try next, in words."""


class Speeds(Data, frozen=True, kw_only=True):
    """Median speeds of one workload in the newest run that has the result, in tokens/s."""

    workload: str
    before: float | None
    after: float | None


class OptimizeDocument(Data, frozen=True, kw_only=True):
    """A whole optimization. Ratios are throughput over the baseline's."""

    schema: str
    run: OptimizeInfo
    machine: Machine
    source: str
    model: str
    quantization: str
    workloads: tuple[str, ...]
    goal: str
    weights: dict[str, float]
    """Exponents of the goal's geometric mean, by kind of workload."""
    target: float
    threshold: float
    alpha: float
    """Family-wise, of the changes of the confirmation."""
    base: str
    threads: int
    kv_quality: float | None
    weights_quality: float | None
    answer: str
    final: str
    """Name of the result."""
    accepted: tuple[Judged, ...]
    rejected: tuple[Rejected, ...]
    left_out: tuple[LeftOut, ...]
    reached: tuple[Reached, ...]
    result: Effect | None
    """On the goal."""
    bounds: tuple[Bounded, ...]
    """Of the result; empty where the machine's limits were not measured."""
    speeds: tuple[Speeds, ...]
    """Empty where nothing was measured yet."""
    interactions: tuple[Interaction, ...]
    confirmed: bool
    noisy: bool
    tried: int
    notes: tuple[str, ...]
    stages: tuple[StageInfo, ...]
    peak_bytes: dict[str, int | None]
    deployment: Deployment | None
    files: dict[str, str]
    """Of the deployment, by name."""


def optimize_document(
    record: Optimization, bounds: tuple[Bounded, ...] = (), speeds: tuple[Speeds, ...] = ()
) -> OptimizeDocument:
    """Return a stored optimization as the document.

    Args:
        record: All of it.
        bounds: What the newest run that has the result says of it.
        speeds: The same run's.
    """
    log = log_of(record)
    weights = layout().goals[record.goal]
    final = record.deployment.variant if record.deployment else record.base
    return OptimizeDocument(
        schema=SCHEMA,
        run=OptimizeInfo(
            id=record.id,
            started=record.started,
            finished=record.finished,
            status=record.status,
            command=tuple(clean(word) for word in record.command),
            version=record.version,
            seed=record.seed,
            budget_seconds=record.budget_seconds,
            spent_seconds=record.spent_seconds,
        ),
        machine=record.machine,
        source=clean(record.source.spec),
        model=clean(record.model.name),
        quantization=record.model.quantization,
        workloads=tuple(load.name for load in record.workloads),
        goal=record.goal,
        weights=weights,
        target=record.target,
        threshold=layout().statistics.threshold,
        alpha=layout().statistics.alpha,
        base=record.base,
        threads=record.threads,
        kv_quality=record.kv_quality,
        weights_quality=record.weights_quality,
        answer=answer(record, log, final),
        final=final,
        accepted=log.accepted,
        rejected=tuple(_clean(each) for each in log.rejected),
        left_out=tuple(
            LeftOut(lever=each.lever, part=each.part, reason=clean(each.reason))
            for each in log.left_out
        ),
        reached=log.reached,
        result=log.goal,
        bounds=bounds,
        speeds=speeds,
        interactions=log.interactions,
        confirmed=log.confirmed,
        noisy=log.noisy,
        tried=log.tried,
        notes=log.notes,
        stages=tuple(
            StageInfo(
                name=stage.name,
                run=stage.measurement.run,
                configurations=len(stage.measurement.arms),
                blocks=stage.measurement.blocks,
                spent_seconds=stage.spent_seconds,
            )
            for stage in record.stages
        ),
        peak_bytes=record.peak_bytes,
        deployment=record.deployment,
        files=render(record.deployment) if record.deployment else {},
    )


def answer(record: Optimization, log: Log, final: str) -> str:
    """Return the result in a sentence or two; backticks stand around names."""
    if record.status != "done":
        return f"The optimization is {record.status}; so far nothing is confirmed."
    if log.noisy:
        return (
            "The copy of the baseline came out different from it: this machine was too noisy to "
            "confirm anything."
        )
    if not log.accepted:
        tried = numbers.count(log.tried, "configuration")
        if not any(stage.name.startswith(CONFIRM) for stage in record.stages):
            return (
                f"Nothing was confirmed to beat `{record.base}`: of {tried}, no combination looked "
                "better in the search, or too little of the budget was left to measure it again."
            )
        return (
            f"Nothing beat `{record.base}` by more than {layout().statistics.threshold:.0%} on "
            f"fresh blocks: what looked best of {tried} was not confirmed."
        )
    ratios = numbers.listing([f"{ratio_text(r.effect)} ({r.workload})" for r in log.reached])
    targets = numbers.listing([f"{r.target} at {r.workload}" for r in log.reached])
    return (
        f"Against `{record.base}`, `{final}` runs at {ratios} of its speed. "
        f"The target of {record.target:g}× is {targets}."
    )


def ratio_text(effect: Effect | None) -> str:
    """Write a ratio with its interval."""
    if effect is None:
        return numbers.MISSING
    span = numbers.interval(effect.ratio, effect.low, effect.high)
    return f"{numbers.ratio(effect.ratio, effect.low, effect.high)} {span}".rstrip()


def own_impacts(rejected: Rejected) -> dict[str, Effect]:
    """Return its effects on workloads that its lever can change; the others are noise."""
    kinds = {lever.name: lever.kinds for lever in lever_facts()}.get(rejected.lever)
    return {
        load: effect
        for load, effect in rejected.impacts.items()
        if kinds is None or load.startswith(kinds)
    }


def _clean(rejected: Rejected) -> Rejected:
    return Rejected(
        lever=rejected.lever,
        part=rejected.part,
        reason=clean(rejected.reason),
        effect=rejected.effect,
        impacts=rejected.impacts,
        stage=rejected.stage,
    )
