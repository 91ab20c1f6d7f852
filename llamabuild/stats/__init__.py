"""Statistics of paired differences: numbers in, frozen records out; knows nothing of runs.

The unit is one difference per block, ``d = ln(t_baseline / t_variant)``. Estimate, interval and
test all come from the same sorted Walsh averages, so they can never disagree.
"""

from .family import HolmStep, holm
from .power import POWER, detectable_shift
from .shift import Interval, PairedShift, paired_shift
from .signed_rank import critical_count, null_cdf, pairs_needed

__all__ = [
    "POWER",
    "HolmStep",
    "Interval",
    "PairedShift",
    "critical_count",
    "detectable_shift",
    "holm",
    "null_cdf",
    "paired_shift",
    "pairs_needed",
]
