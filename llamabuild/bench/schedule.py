"""The order of trials: complete blocks, each shuffled by the run's seed."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from llamabuild.types.run import Schedule

if TYPE_CHECKING:
    from collections.abc import Sequence

STANDARD_LOOKS = (12, 18, 24)
STANDARD_ALPHAS = (0.01, 0.015, 0.025)
FAMILY_ALPHA = 0.05
QUICK_BLOCKS = 3
THRESHOLD = 0.01


def standard_schedule(seed: int, blocks: int | None, *, quick: bool) -> Schedule:
    """Return the schedule for the user's wishes.

    By default the comparison may stop at 12, 18 or 24 blocks. ``blocks`` asks for one look at
    exactly that many; ``quick`` for as few as show that everything works.
    """
    one_look = blocks or (QUICK_BLOCKS if quick else 0)
    return Schedule(
        seed=seed,
        warmup_blocks=1,
        looks=(one_look,) if one_look else STANDARD_LOOKS,
        alphas=(FAMILY_ALPHA,) if one_look else STANDARD_ALPHAS,
        threshold=THRESHOLD,
    )


def block_order(
    seed: int, block: int, arms: Sequence[str], workloads: Sequence[str]
) -> list[tuple[str, str]]:
    """Return the shuffled (arm, workload) pairs of one block.

    The same seed and block give the same order, whatever ran before: this is what lets an
    interrupted run go on in the recorded order.
    """
    pairs = [(arm, workload) for arm in arms for workload in workloads]
    random.Random(f"{seed}/{block}").shuffle(pairs)  # noqa: S311 - an order, not a secret
    return pairs
