"""Bounds that bandwidth and arithmetic set to a model's speed, from probes and a model's header.

:func:`roofline` combines a run of ``kernels``, a model and measured speeds; :func:`find_limits`,
:func:`bound` and :func:`share` are its three steps. Pure functions over records.
"""

from .bounds import bound
from .combine import MAKE_PROBES, roofline
from .limits import find_limits, residence
from .records import Bound, Limits, Measured, Roofline, Share
from .shares import share

__all__ = [
    "MAKE_PROBES",
    "Bound",
    "Limits",
    "Measured",
    "Roofline",
    "Share",
    "bound",
    "find_limits",
    "residence",
    "roofline",
    "share",
]
