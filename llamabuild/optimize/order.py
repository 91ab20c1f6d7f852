"""In which order a name has its parts, so that a combination has one name whatever led to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from llamabuild.types.optimization import Configuration, Lever


def order_of(levers: Sequence[Lever]) -> tuple[str, ...]:
    """Return all parts: what replaces the base, other builds, then how they are run."""
    ranked = sorted(levers, key=lambda lever: (not lever.replaces, not lever.builds))
    return tuple(part for lever in ranked for part in lever.choices)


def in_order(parts: Iterable[str], order: Sequence[str]) -> Configuration:
    """Return the parts as a configuration, each once."""
    return tuple(sorted(set(parts), key=order.index))


def joined(changes: Iterable[Configuration], order: Sequence[str]) -> Configuration:
    """Return the parts of several changes as one configuration."""
    return in_order((part for change in changes for part in change), order)
