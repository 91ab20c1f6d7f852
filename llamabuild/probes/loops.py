"""The extension module's loops, and which of them this CPU can run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.machine.extension import load_extension

from .spec import Loop

if TYPE_CHECKING:
    from collections.abc import Collection


def all_loops() -> tuple[Loop, ...]:
    """Return all loops of this architecture.

    Raises:
        EnvironmentLacks: The extension module is missing.
    """
    return tuple(
        Loop(
            index=index,
            name=name,
            isa=isa,
            features=tuple(features.split()),
            width_bits=width_bits,
            streams=streams,
        )
        for index, (name, isa, features, width_bits, streams) in enumerate(
            load_extension().probe_loops()
        )
    )


def usable_loops(features: Collection[str]) -> tuple[Loop, ...]:
    """Return the loops that a CPU with these features can run.

    Raises:
        EnvironmentLacks: The extension module is missing.
    """
    return tuple(loop for loop in all_loops() if set(loop.features).issubset(features))
