"""The sections that are a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llamabuild.report import numbers

if TYPE_CHECKING:
    from llamabuild.report.kernel_material import KernelMaterial
    from llamabuild.types.kernels import Probe


def kernels(material: KernelMaterial) -> dict[str, Any] | None:
    """Return the fastest of each place, then all rows, then what was not timed and why."""
    rows = material.run.kernels
    if not rows:
        return None
    absent = sorted({(r.isa or r.by, r.status, r.reason) for r in rows if r.status != "ok"})
    best = [row for duel in material.duels for row in (duel.ours, duel.ggml) if row is not None]
    timed = [row for row in rows if row.ns_per_256 is not None]
    return {"best": best, "rows": timed if len(timed) > len(best) else [], "absent": absent}


def probes(material: KernelMaterial) -> dict[str, Any] | None:
    """Return all probes, and what was left out."""
    if not material.run.probes:
        return None
    return {"probes": material.run.probes, "value": probe_value, "notes": material.run.notes}


def probe_value(probe: Probe) -> str:
    """Return a probe's value with its unit."""
    if probe.unit == "ns":
        return f"{probe.value:.1f} ns"
    if probe.unit == "bytes/s":
        return f"{numbers.size(probe.value)}/s"
    return f"{numbers.operations(probe.value)} op/s"
