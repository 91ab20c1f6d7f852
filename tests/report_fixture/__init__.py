"""Realistic runs, made up: a small one of nine builds, and one of a whole catalogue."""

from tests.report_fixture import catalogue
from tests.report_fixture.base import (
    BASELINE_ARM,
    DESCRIPTIONS,
    DISCARDED,
    RUN_ID,
    digest,
)
from tests.report_fixture.compared import comparison_set
from tests.report_fixture.inspections import inspection
from tests.report_fixture.machine import machine
from tests.report_fixture.measured import trials
from tests.report_fixture.small import run

__all__ = [
    "BASELINE_ARM",
    "DESCRIPTIONS",
    "DISCARDED",
    "RUN_ID",
    "catalogue",
    "comparison_set",
    "digest",
    "inspection",
    "machine",
    "run",
    "trials",
]
