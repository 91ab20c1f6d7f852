"""The limits of the machine, measured: bandwidth, latency, clock, peak arithmetic.

:func:`measure_probes` runs the plan that :func:`plan_probes` makes; :func:`calibrate_clock` times
the core clock; :func:`residence` and :func:`residence_bytes` say what fits where, and
:func:`best_read` which of the measured bandwidths bounds a kernel.
"""

from .best import best_read
from .clock import calibrate_clock
from .measure import measure_probes
from .plan import estimated_seconds, plan_probes
from .residence import available_bytes, memory_set, residence, residence_bytes
from .spec import ProbeSpec

__all__ = [
    "ProbeSpec",
    "available_bytes",
    "best_read",
    "calibrate_clock",
    "estimated_seconds",
    "measure_probes",
    "memory_set",
    "plan_probes",
    "residence",
    "residence_bytes",
]
