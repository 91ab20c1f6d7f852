"""Variants: TOML files in, resolved :class:`~llamabuild.types.variant.Variant` records out."""

from .catalogue import Catalogue, load_catalogue
from .compose import CannotCombine
from .fitness import unsupported_reason
from .promises import promises
from .selection import Wanted, wanted

__all__ = [
    "CannotCombine",
    "Catalogue",
    "Wanted",
    "load_catalogue",
    "promises",
    "unsupported_reason",
    "wanted",
]
