"""Read the machine code of a build and hold it against what its variant promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from llamabuild.build.lookup import KERNEL_LIBRARY, binaries
from llamabuild.inspect import check_expectations, inspect_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamabuild.types.machine import Cpu
    from llamabuild.types.run import Arm
    from llamabuild.types.variant import Expectation

IF_CPU_HAS = "cpu:"
"""``cpu:avx2`` in an expectation: required only where this CPU has AVX2."""


def prove(arm: Arm, cpu: Cpu) -> Arm:
    """Return the arm with its inspections and the verdicts of its expectations."""
    if arm.build is None or arm.variant is None:
        return arm
    expectations = on_this_cpu(arm.variant.expect, cpu)
    patterns = tuple({KERNEL_LIBRARY, *(e.binary for e in expectations)})
    inspections = tuple(
        inspection for path in binaries(arm.build, patterns) for inspection in inspect_file(path)
    )
    results = tuple(check_expectations(inspections, expectations))
    return msgspec.structs.replace(arm, inspections=inspections, expectations=results)


def on_this_cpu(expectations: Sequence[Expectation], cpu: Cpu) -> tuple[Expectation, ...]:
    """Resolve ``cpu:`` conditions; an expectation that has nothing left to ask is dropped."""

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
        if resolved(e.require) or e.forbid
    )
