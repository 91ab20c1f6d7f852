"""Flat rows, units in the column names: what CSV files and data frames share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from llamabuild.report.allocators import huge_share, weights_share
from llamabuild.report.material import left_out, tokens_per_second
from llamabuild.report.portable import clean, clean_value

if TYPE_CHECKING:
    from llamabuild.report.document import Document
    from llamabuild.report.material import Material
    from llamabuild.types.run import Run

Row = dict[str, Any]

BENCH_UNITS = {
    "model_size": "model_size_bytes",
    "avg_ts": "avg_tokens_per_second",
    "stddev_ts": "stddev_tokens_per_second",
    "samples_ts": "samples_tokens_per_second",
    "test_time": "test_time_utc",
}
"""llama-bench's fields whose names leave the unit out."""


def trial_rows(material: Material) -> list[Row]:
    """Return one row a trial, with every field of llama-bench as ``bench_…``."""
    skipped = left_out(material.run)
    rows = []
    for trial in material.trials:
        row: Row = {
            "run": material.run.id,
            "block": trial.block,
            "position": trial.position,
            "workload": trial.workload,
            "variant": clean(trial.arm),
            "status": trial.status,
            "error": clean(trial.error),
            "left_out": skipped.get(trial.block, ""),
            "started_utc": trial.started,
            "tokens": trial.tokens,
            "median_tokens_per_second": tokens_per_second(trial),
            "samples_ns": list(trial.samples_ns),
        }
        if trial.state is not None:
            row |= {f"state_{key}": value for key, value in _fields(trial.state).items()}
        for key, value in trial.output.items():
            row[f"bench_{BENCH_UNITS.get(key, clean(key))}"] = clean_value(value)
        rows.append(row)
    return rows


def comparison_rows(document: Document) -> list[Row]:
    """Return one row a variant and workload, A′ and the builds without results included."""
    rows = [
        {
            "run": document.run.id,
            "variant": variant.name,
            "kind": variant.kind,
            "source": variant.source.spec if variant.source else document.source.spec,
            "build": variant.build.id if variant.build else "",
            "copy_of": variant.copy_of,
            "workload": result.name,
            "status": variant.status,
            "reason": variant.reason,
            "verdict": result.verdict,
            "ratio": result.ratio,
            "ratio_low": result.low,
            "ratio_high": result.high,
            "confidence_level": result.level,
            "p_value": result.p_value,
            "detectable_fraction": result.detectable,
            "median_tokens_per_second": result.median,
            "mad_tokens_per_second": result.mad,
            "trials": result.trials,
            "failed_trials": result.failed,
            "minor_faults": result.minor_faults,
            "peak_rss_bytes": result.peak_rss_bytes,
            "allocator_library": variant.allocation.library if variant.allocation else "",
            "huge_page_share": huge_share(variant.allocation) if variant.allocation else None,
            "weights_huge_page_share": weights_share(variant.allocation)
            if variant.allocation
            else None,
            "baseline": document.baseline,
        }
        for variant in document.variants
        for result in variant.workloads
    ]
    for item in document.noise:
        rows.append(  # noqa: PERF401 - two kinds of rows read better apart
            {
                "run": document.run.id,
                "variant": "A′",
                "workload": item.workload,
                "status": "ready",
                "reason": "",
                "verdict": item.verdict,
                "ratio": item.ratio,
                "ratio_low": item.low,
                "ratio_high": item.high,
                "trials": item.trials,
                "baseline": document.baseline,
            }
        )
    return rows


def inspection_rows(run: Run) -> list[Row]:
    """Return one row a variant, file and function, with ``group_…_instructions`` columns."""
    return [
        {
            "run": run.id,
            "variant": clean(arm.name),
            "file": clean(inspection.file),
            "function": clean(function.name),
            "address": function.address,
            "size_bytes": function.size,
            "instructions": function.instructions,
            "vector_instructions": function.vector,
        }
        | {f"group_{group}_instructions": number for group, number in function.groups.items()}
        for arm in run.arms
        for inspection in arm.inspections
        for function in inspection.functions
    ]


def execution_rows(document: Document) -> list[Row]:
    """Return one row a variant, workload and function that was seen to run."""
    return [
        {
            "run": document.run.id,
            "variant": variant.name,
            "workload": execution.workload,
            "method": execution.method,
            "samples": execution.samples,
            "library": function.library,
            "function": function.name,
            "share": function.share,
            "groups": " ".join(function.groups),
        }
        for variant in document.variants
        for execution in variant.executions
        for function in execution.functions
    ]


def cost_rows(document: Document) -> list[Row]:
    """Return one row a variant: what its build cost, with ``stage_…_seconds`` columns."""
    rows = []
    for cost in document.cost.rows:
        row: Row = {
            "run": document.run.id,
            "variant": cost.variant,
            "build": cost.build,
            "shares_build_of": cost.shares,
            "why_none": cost.why_none,
            "cached": cost.cached,
            "compiled": cost.compiled,
            "cache_hits": cost.cache_hits,
            "seconds": cost.seconds,
            "cpu_seconds": cost.cpu_seconds,
        }
        for stage in cost.stages:
            name = stage.name.replace(": ", "_").replace(" ", "_")
            row[f"stage_{clean(name)}_seconds"] = stage.seconds
        rows.append(row)
    return rows


def run_row(run: Run) -> Row:
    """Return one row for a run."""
    return {
        "run": run.id,
        "started_utc": run.started,
        "finished_utc": run.finished,
        "status": run.status,
        "cpu": clean(run.machine.cpu.brand),
        "machine": run.machine.fingerprint,
        "source": clean(run.source.spec),
        "model": clean(run.model.name),
        "quantization": clean(run.model.quantization),
        "model_size_bytes": run.model.size_bytes,
        "baseline": clean(run.baseline),
        "threads": run.threads,
        "seed": run.schedule.seed,
        "variants": len(run.arms),
        "workloads": [workload.name for workload in run.workloads],
    }


def _fields(state: msgspec.Struct) -> Row:
    return msgspec.structs.asdict(state)
