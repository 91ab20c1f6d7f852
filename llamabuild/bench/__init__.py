"""Correct before fast: check each arm's output, then time all arms in randomised blocks."""

from .equivalence import Setting, check_equivalence, write_reference
from .loop import Arms, Watcher, measure
from .prompts import Inputs
from .schedule import standard_schedule
from .workloads import check_workloads, choose_workloads

__all__ = [
    "Arms",
    "Inputs",
    "Setting",
    "Watcher",
    "check_equivalence",
    "check_workloads",
    "choose_workloads",
    "measure",
    "standard_schedule",
    "write_reference",
]
