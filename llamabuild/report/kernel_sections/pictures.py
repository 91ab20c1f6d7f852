"""The sections that are a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llamabuild.report.plots.kernel_plots import BANDWIDTH, KERNELS, LATENCY, ROOFLINE
from llamabuild.report.sections.section import picture

if TYPE_CHECKING:
    from llamabuild.report.kernel_material import KernelMaterial
    from llamabuild.report.plots.plot import Plot


def ratios(material: KernelMaterial) -> dict[str, Any] | None:
    """Return the speeds against ggml."""
    return _drawn(KERNELS, material)


def roofline(material: KernelMaterial) -> dict[str, Any] | None:
    """Return the roofline, and whose variants are in it."""
    drawn = _drawn(ROOFLINE, material)
    shares = material.variants.shares if material.variants else ()
    return drawn and {**drawn, "variants_run": material.variants_run if shares else ""}


def bandwidth(material: KernelMaterial) -> dict[str, Any] | None:
    """Return reads over the working set."""
    return _drawn(BANDWIDTH, material)


def latency(material: KernelMaterial) -> dict[str, Any] | None:
    """Return the latency over the working set."""
    return _drawn(LATENCY, material)


def _drawn(plot: Plot[KernelMaterial], material: KernelMaterial) -> dict[str, Any] | None:
    drawn = picture(plot, material)
    return None if drawn is None else {"picture": drawn}
