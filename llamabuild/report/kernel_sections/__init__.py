"""The sections of the report of a kernel run, in reading order.

To add one: a context and an entry here, and a template of its name in ``templates/kernels``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.report.kernel_sections.facts import answer, machine, repeat
from llamabuild.report.kernel_sections.pictures import bandwidth, latency, ratios, roofline
from llamabuild.report.kernel_sections.tables import kernels, probes
from llamabuild.report.sections.section import Section

if TYPE_CHECKING:
    from llamabuild.report.kernel_material import KernelMaterial

KERNEL_SECTIONS: tuple[Section[KernelMaterial], ...] = (
    Section("answer", "", answer),
    Section("ratios", "Kernels against ggml", ratios),
    Section("roofline", "Roofline", roofline),
    Section("kernels", "Kernels", kernels),
    Section("bandwidth", "Bandwidth", bandwidth),
    Section("latency", "Latency", latency),
    Section("probes", "All probes", probes),
    Section("machine", "Machine", machine),
    Section("repeat", "Repeat it", repeat),
)
