"""All stored runs as one object: ``report --list --json``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llamabuild.report.portable import clean
from llamabuild.report.rows import run_row
from llamabuild.types.base import Data

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamabuild.types.kernels import KernelRun
    from llamabuild.types.lab import Lab
    from llamabuild.types.optimization import Optimization
    from llamabuild.types.profile import ProfileRun
    from llamabuild.types.run import Run

SCHEMA = "llamabuild.runs/1"


class RunsDocument(Data, frozen=True, kw_only=True):
    """One row a run, oldest first, units in the names; no folder of this machine."""

    schema: str
    runs: tuple[dict[str, Any], ...]
    """As a notebook gets them from ``llamabuild.runs()``."""
    kernel_runs: tuple[dict[str, Any], ...]
    profiles: tuple[dict[str, Any], ...]
    optimizations: tuple[dict[str, Any], ...]
    labs: tuple[dict[str, Any], ...]


def runs_document(
    runs: Sequence[Run],
    kernel_runs: Sequence[KernelRun],
    profiles: Sequence[ProfileRun],
    optimizations: Sequence[Optimization],
    labs: Sequence[Lab],
) -> RunsDocument:
    """Return what ``report --list`` shows, and the rest of each row."""
    return RunsDocument(
        schema=SCHEMA,
        runs=tuple(run_row(run) for run in runs),
        kernel_runs=tuple(_kernel_row(run) for run in kernel_runs),
        profiles=tuple(_profile_row(run) for run in profiles),
        optimizations=tuple(_optimization_row(record) for record in optimizations),
        labs=tuple(_lab_row(lab) for lab in labs),
    )


def _kernel_row(run: KernelRun) -> dict[str, Any]:
    return {
        "run": run.id,
        "started_utc": run.started,
        "finished_utc": run.finished,
        "status": run.status,
        "cpu": clean(run.machine.cpu.brand),
        "machine": run.machine.fingerprint,
        "seed": run.seed,
        "kernels_timed": sum(row.ns_per_256 is not None for row in run.kernels),
        "probes": len(run.probes),
    }


def _profile_row(run: ProfileRun) -> dict[str, Any]:
    return {
        "run": run.id,
        "started_utc": run.started,
        "finished_utc": run.finished,
        "status": run.status,
        "cpu": clean(run.machine.cpu.brand),
        "machine": run.machine.fingerprint,
        "model": clean(run.model.name),
        "variant": clean(run.variant),
    }


def _optimization_row(record: Optimization) -> dict[str, Any]:
    return {
        "optimization": record.id,
        "started_utc": record.started,
        "finished_utc": record.finished,
        "status": record.status,
        "cpu": clean(record.machine.cpu.brand),
        "machine": record.machine.fingerprint,
        "model": clean(record.model.name),
        "baseline": record.base,
        "goal": record.goal,
        "seed": record.seed,
        "stages": len(record.stages),
    }


def _lab_row(lab: Lab) -> dict[str, Any]:
    return {
        "lab": lab.id,
        "started_utc": lab.started,
        "finished_utc": lab.finished,
        "status": lab.status,
        "cpu": clean(lab.machine.cpu.brand),
        "machine": lab.machine.fingerprint,
        "models": [clean(model.name) for model in lab.models],
        "baseline": lab.base,
        "seed": lab.seed,
        "parts_done": sum(part.status == "done" for part in lab.parts),
    }
