"""The speeds of a run, each with the thread count that it really had."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from llamabuild.report.portable import clean
from llamabuild.roofline import Measured

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from llamabuild.report.document import VariantResult
    from llamabuild.types.inputs import Model
    from llamabuild.types.run import Run, Trial


def measured_speeds(
    run: Run, trials: Sequence[Trial], variants: Iterable[VariantResult]
) -> tuple[Measured, ...]:
    """Return the median speed of each variant on each workload that has one.

    The thread count is what llama-bench printed, since a variant may set its own.
    """
    threads: dict[tuple[str, str], Counter[int]] = {}
    for trial in trials:
        printed = trial.output.get("n_threads")
        if trial.status == "ok" and isinstance(printed, int) and printed > 0:
            threads.setdefault((trial.arm, trial.workload), Counter())[printed] += 1
    names = {arm.name: variant for arm, variant in zip(run.arms, variants, strict=True)}
    found = []
    for arm, variant in names.items():
        for result in variant.workloads:
            counts = threads.get((arm, result.name))
            if result.median:
                found.append(
                    Measured(
                        variant=variant.name,
                        workload=result.name,
                        threads=counts.most_common(1)[0][0] if counts else run.threads,
                        tokens_per_second=result.median,
                    )
                )
    return tuple(found)


def own_models(run: Run) -> dict[str, Model]:
    """Return the models of the variants that do not run the run's own, by variant."""
    return {clean(arm.name): arm.model for arm in run.arms if arm.model is not None}
