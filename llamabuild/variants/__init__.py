"""Variants: TOML files in, resolved :class:`~llamabuild.types.variant.Variant` records out."""

from .catalogue import Catalogue, load_catalogue
from .fitness import unsupported_reason
from .promises import promises

__all__ = ["Catalogue", "load_catalogue", "promises", "unsupported_reason"]
