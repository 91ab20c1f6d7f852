"""Builds: a plan first (pure data), then its execution, then a published, verified folder."""

from .execute import execute_plan
from .order import BuildEstimate, ordered_plans
from .plan import make_plan
from .profiles import ensure_profiles

__all__ = ["BuildEstimate", "ensure_profiles", "execute_plan", "make_plan", "ordered_plans"]
