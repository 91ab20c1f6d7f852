"""The pictures of the reports, in the order in which they are shown.

To add one: a file with a function from material to figure, and an entry here.
"""

from __future__ import annotations

from llamabuild.report.plots.cost import draw_cost
from llamabuild.report.plots.execution import draw_execution
from llamabuild.report.plots.forest import draw_forest
from llamabuild.report.plots.formats import draw_formats
from llamabuild.report.plots.isa import draw_isa
from llamabuild.report.plots.plot import Plot
from llamabuild.report.plots.shares import draw_shares
from llamabuild.report.plots.sweep import draw_sweep
from llamabuild.report.plots.timeline import draw_timeline

FOREST = Plot("ratios", "Speed of each build relative to the baseline, with intervals", draw_forest)
SHARES = Plot("roofline", "Speed of each build as a share of what the machine allows", draw_shares)
TIMELINE = Plot("trials", "Every trial over time, relative to the baseline", draw_timeline)
ISA = Plot("isa", "Newest SIMD instruction group in each kernel of each build", draw_isa)
EXECUTION = Plot("execution", "Functions that ran, by their share of the time", draw_execution)
SWEEP = Plot("sweep", "Speed over the values of an axis, with intervals", draw_sweep)
FORMATS = Plot("formats", "Speed of each format of the weights against its cost", draw_formats)
COST = Plot("build-cost", "Build time by stage and size of each build", draw_cost)
PLOTS = (FORMATS, SWEEP, FOREST, SHARES, EXECUTION, ISA, COST, TIMELINE)
