"""From the trials of a run to verdicts, as the measuring protocol lays down."""

from .limitations import blocks_needed, limits
from .looks import compare_run, may_stop

__all__ = ["blocks_needed", "compare_run", "limits", "may_stop"]
