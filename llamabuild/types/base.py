"""The base of all data types: frozen, strict about unknown fields; each repeats kw_only."""

from __future__ import annotations

import msgspec


class Data(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An immutable record."""
