"""How long operations tell what they do: one line of text at a time, to whoever listens."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str], None]
"""Receives one line without a line end."""


def silent(_line: str) -> None:
    """Tell nobody."""
