"""What a variant promises on this very CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamabuild.types.machine import Cpu
    from llamabuild.types.variant import Expectation

IF_CPU_HAS = "cpu:"
"""``cpu:avx2`` in an expectation: required only where the CPU has AVX2."""


def promises(expectations: Sequence[Expectation], cpu: Cpu) -> tuple[Expectation, ...]:
    """Resolve ``cpu:`` conditions; an expectation of which nothing is left is dropped.

    One that asks for no group from the start asks that its file and function be there.
    """

    def resolved(groups: tuple[str, ...]) -> tuple[str, ...]:
        wanted = []
        for group in groups:
            name = group.removeprefix(IF_CPU_HAS)
            if name == group or name in cpu.features:
                wanted.append(name)
        return tuple(wanted)

    return tuple(
        msgspec.structs.replace(e, require=resolved(e.require))
        for e in expectations
        if resolved(e.require) or e.forbid or not e.require
    )
