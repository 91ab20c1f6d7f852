"""A run loaded from the store and compared: all that a rendering may use."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llamabuild.report.assemble import build_document

if TYPE_CHECKING:
    from llamabuild.report.document import Document
    from llamabuild.types.comparison import ComparisonSet
    from llamabuild.types.kernels import KernelRun
    from llamabuild.types.run import Run, Trial


@dataclass(frozen=True, slots=True)
class Material:
    """What every format and every section of the report is made from."""

    run: Run
    trials: tuple[Trial, ...]
    document: Document


def prepare(
    run: Run,
    trials: tuple[Trial, ...],
    comparisons: ComparisonSet,
    limits: str = "",
    kernel_run: KernelRun | None = None,
) -> Material:
    """Return the material of a run that was compared already."""
    document = build_document(run, trials, comparisons, limits, kernel_run)
    return Material(run, trials, document)


def load(run_id: str, probes: str = "") -> Material:
    """Read a run from the store (an id, a unique start of one, or ``latest``) and compare it.

    The probes of its machine come along.

    Args:
        run_id: Which.
        probes: Id of the kernel run that they are taken from; by default the newest of the machine.

    Raises:
        BadInput: There is no such run.
    """
    from llamabuild.compare import compare_run, limits  # noqa: PLC0415 - scipy is slow to load
    from llamabuild.store.results import Results  # noqa: PLC0415

    with Results.open() as results:
        run = results.run(run_id)
        trials = results.trials(run.id)
        found = results.kernel_run(probes) if probes else None
        kernel_run = found or results.limits_of(run.machine.fingerprint)
    comparisons = compare_run(run, trials)
    return prepare(run, trials, comparisons, limits(comparisons), kernel_run)


def tokens_per_second(trial: Trial) -> float | None:
    """Return the throughput of a trial's median sample, or None when it has none."""
    if trial.status != "ok" or not trial.samples_ns:
        return None
    median = statistics.median(trial.samples_ns)
    return trial.tokens / median * 1e9 if median > 0 else None


def left_out(run: Run) -> dict[int, str]:
    """Return the blocks that do not count, each with the reason."""
    warmup = dict.fromkeys(range(run.schedule.warmup_blocks), "warm-up")
    return warmup | {item.block: item.reason for item in run.discarded}
