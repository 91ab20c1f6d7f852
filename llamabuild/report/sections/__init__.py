"""The sections of the HTML report, in reading order.

To add one: a file here with a :class:`~llamabuild.report.sections.section.Section`, a template of
the same name in ``templates/sections``, and an entry below.
"""

from __future__ import annotations

from llamabuild.report.sections.answer import ANSWER
from llamabuild.report.sections.cost import COST
from llamabuild.report.sections.equivalence import EQUIVALENCE
from llamabuild.report.sections.execution import EXECUTION
from llamabuild.report.sections.inputs import INPUTS
from llamabuild.report.sections.instructions import INSTRUCTIONS
from llamabuild.report.sections.machine import MACHINE
from llamabuild.report.sections.memory import MEMORY
from llamabuild.report.sections.method import METHOD
from llamabuild.report.sections.noise import NOISE
from llamabuild.report.sections.profiles import PROFILES
from llamabuild.report.sections.ratios import RATIOS
from llamabuild.report.sections.repeat import REPEAT
from llamabuild.report.sections.results import RESULTS
from llamabuild.report.sections.roofline import ROOFLINE
from llamabuild.report.sections.sweep import SWEEP

SECTIONS = (
    ANSWER,
    SWEEP,
    RESULTS,
    RATIOS,
    ROOFLINE,
    EXECUTION,
    INSTRUCTIONS,
    MEMORY,
    EQUIVALENCE,
    PROFILES,
    COST,
    NOISE,
    METHOD,
    MACHINE,
    INPUTS,
    REPEAT,
)
