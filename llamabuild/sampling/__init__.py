"""Where the CPU time of another program goes: sampled program counters, by file and function.

perf where it may sample, else a small library of our own that is preloaded; both give a
:class:`Recording`, and everything after it is the same code.
"""

from .chains import record_chains
from .choose import record
from .located import located
from .perf import record_with_perf
from .recording import CannotSample, Mapping, Recording, Sample
from .settings import settings
from .symbols import UNKNOWN, Image, read_image

__all__ = [
    "UNKNOWN",
    "CannotSample",
    "Image",
    "Mapping",
    "Recording",
    "Sample",
    "located",
    "read_image",
    "record",
    "record_chains",
    "record_with_perf",
    "settings",
]
