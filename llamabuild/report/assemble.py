"""Turn a run, its trials and its comparisons into the document that every format renders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from llamabuild.report.answer import answer, workload_names
from llamabuild.report.assemble_variant import (
    model_info,
    source_info,
    tool_versions,
    variant_result,
)
from llamabuild.report.copies import with_copies_named
from llamabuild.report.cost import cost_of
from llamabuild.report.dispatch import dispatch_info
from llamabuild.report.document import (
    SCHEMA,
    Document,
    NoiseInfo,
    RunInfo,
)
from llamabuild.report.findings import DOUBT, NOISE_TOPIC, Field, findings
from llamabuild.report.measured import measured_speeds, own_models
from llamabuild.report.numbers import finite
from llamabuild.report.portable import clean
from llamabuild.report.sweep import sweep_info
from llamabuild.roofline import Roofline, roofline
from llamabuild.types.run import DiscardedBlock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamabuild.types.comparison import ComparisonSet, Noise
    from llamabuild.types.kernels import KernelRun
    from llamabuild.types.run import Run, Trial


def build_document(
    run: Run,
    trials: Sequence[Trial],
    comparisons: ComparisonSet,
    limits: str = "",
    kernel_run: KernelRun | None = None,
) -> Document:
    """Return the document of a run.

    Args:
        run: The run; unfinished ones are fine.
        trials: Its trials so far.
        comparisons: Their comparison.
        limits: What the run could not show, in words.
        kernel_run: The probes of the run's machine; None if there are none.
    """
    variants = with_copies_named(
        (variant_result(run, arm, trials, comparisons) for arm in run.arms), clean(run.baseline)
    )
    variants = tuple(
        msgspec.structs.replace(variant, dispatch=dispatch_info(variant, variants))
        for variant in variants
    )
    noise = tuple(_noise(item) for item in comparisons.noise)
    usable = all(item.usable for item in noise)
    counted = comparisons.blocks > 0 or not run.discarded
    bounds = (
        Roofline(kernel_run="", missing=f"bounds are those of llama-bench, not of {run.program}")
        if run.program
        else roofline(
            kernel_run,
            run.model,
            run.workloads,
            threads=(run.threads,),
            measured=measured_speeds(run, trials, variants),
            others=own_models(run),
        )
    )
    names = workload_names(run.workloads)
    model = model_info(run.model)
    sweep = sweep_info(run, trials, variants, bounds, names, model=model)
    margin = max((item.threshold for item in noise), default=None)
    told = findings(Field(run.baseline, names, variants, usable, counted, margin))
    return Document(
        schema=SCHEMA,
        run=_run(run),
        machine=run.machine,
        source=source_info(run.source),
        model=model,
        draft=model_info(run.draft) if run.draft else None,
        baseline=run.baseline,
        blocks=comparisons.blocks,
        look=comparisons.look,
        alpha=finite(comparisons.alpha) or 0.0,
        usable=usable,
        answer=(
            sweep.answer + ("" if usable else f" But {DOUBT}")
            if sweep
            else answer(run.baseline, run.workloads, variants, usable=usable)
        ),
        # The others speak of builds, of which a sweep has one.
        findings=tuple(item for item in told if item.topic == NOISE_TOPIC) if sweep else told,
        limits=clean("; ".join(filter(None, (_provisional(run, comparisons), limits)))),
        variants=variants,
        noise=noise,
        discarded=tuple(
            DiscardedBlock(block=item.block, reason=clean(item.reason)) for item in run.discarded
        ),
        roofline=bounds,
        cost=cost_of(run),
        sweep=sweep,
    )


def _run(run: Run) -> RunInfo:
    return RunInfo(
        id=run.id,
        started=run.started,
        finished=run.finished,
        status=run.status,
        command=tuple(clean(argument) for argument in run.command),
        version=run.version,
        threads=run.threads,
        schedule=run.schedule,
        workloads=run.workloads,
        tools=tool_versions(run.tools),
    )


def _provisional(run: Run, comparisons: ComparisonSet) -> str:
    """Say that a run ended where its plan allows no verdict; a stage's end is its clock's."""
    if run.status == "done" or run.part_of or comparisons.at_look or not comparisons.blocks:
        return ""
    how = "is still" if run.status == "running" else "was stopped"
    return f"the run {how} between its planned looks, so its results are provisional"


def _noise(noise: Noise) -> NoiseInfo:
    comparison = noise.comparison
    return NoiseInfo(
        workload=noise.workload,
        ratio=finite(comparison.ratio),
        low=finite(comparison.low),
        high=finite(comparison.high),
        verdict=comparison.verdict,
        floor=finite(noise.floor) or 0.0,
        threshold=finite(noise.threshold) or 0.0,
        usable=noise.usable,
        trials=comparison.trials,
    )
