"""The pictures of a kernel run's report, in the order in which they are shown."""

from __future__ import annotations

from llamabuild.report.plots.bandwidth import draw_bandwidth
from llamabuild.report.plots.kernels import draw_kernels
from llamabuild.report.plots.latency import draw_latency
from llamabuild.report.plots.plot import Plot
from llamabuild.report.plots.roofline import draw_roofline

KERNELS = Plot("kernels", "Speed of our kernels against ggml's, by format and place", draw_kernels)
ROOFLINE = Plot("roofline", "Operations a second over operations per byte", draw_roofline)
BANDWIDTH = Plot("bandwidth", "Read bandwidth over the working set", draw_bandwidth)
LATENCY = Plot("latency", "Memory latency over the working set", draw_latency)
KERNEL_PLOTS = (KERNELS, ROOFLINE, BANDWIDTH, LATENCY)
