"""What a lab consists of, and what of it a budget reaches for."""

from .parts import Part, parts
from .timing import Pace, allowance, least_blocks, least_seconds, reach

__all__ = ["Pace", "Part", "allowance", "least_blocks", "least_seconds", "parts", "reach"]
