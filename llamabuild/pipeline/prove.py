"""Read the machine code of a build and hold it against what its variant promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from llamabuild.build.lookup import expected_binaries
from llamabuild.inspect import check_expectations, inspect_file
from llamabuild.variants import promises

if TYPE_CHECKING:
    from llamabuild.types.machine import Cpu
    from llamabuild.types.run import Arm


def prove(arm: Arm, cpu: Cpu) -> Arm:
    """Return the arm with its inspections and the verdicts of its expectations."""
    if arm.build is None or arm.variant is None:
        return arm
    paths, expectations = expected_binaries(arm.build, promises(arm.variant.expect, cpu))
    inspections = tuple(inspection for path in paths for inspection in inspect_file(path))
    results = tuple(check_expectations(inspections, expectations))
    return msgspec.structs.replace(arm, inspections=inspections, expectations=results)
