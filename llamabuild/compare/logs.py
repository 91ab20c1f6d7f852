"""Every arm's log ratio to the baseline, block by block: what comparisons of several arms need."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING

from .blocks import counted_blocks, throughputs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamabuild.types.run import Run, Trial

    from .blocks import Cell


def log_ratios(run: Run, trials: Sequence[Trial]) -> dict[Cell, tuple[float | None, ...]]:
    """Return ln(throughput / the baseline's) of each cell in all blocks that count, in their order.

    None where the cell or the baseline has no usable trial; a cell without any is left out.
    """
    blocks = counted_blocks(run, trials)
    found = throughputs(trials, blocks)
    logs: dict[Cell, tuple[float | None, ...]] = {}
    for (arm, workload), own in found.items():
        reference = found.get((run.baseline, workload), {})
        values = tuple(
            log(own[block] / reference[block]) if block in own and block in reference else None
            for block in blocks
        )
        if any(value is not None for value in values):
            logs[arm, workload] = values
    return logs
