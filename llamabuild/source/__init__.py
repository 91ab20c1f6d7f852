"""Sources: fetched, verified, unpacked and digested llama.cpp trees, one copy each in the cache."""

from .resolve import at_hand, resolve_again, resolve_source, verify_source
from .spec import parse_source

__all__ = ["at_hand", "parse_source", "resolve_again", "resolve_source", "verify_source"]
