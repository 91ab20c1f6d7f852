"""The main job from end to end: build, inspect, check, measure; each part lives below."""

from .request import Request
from .story import run_variants

__all__ = ["Request", "run_variants"]
