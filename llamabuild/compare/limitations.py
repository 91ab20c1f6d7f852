"""What a comparison could not show, in one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.stats import POWER, pairs_needed
from llamabuild.types.comparison import BASELINE, NO_DIFFERENCE, NOT_MEASURED

if TYPE_CHECKING:
    from llamabuild.types.comparison import ComparisonSet


def blocks_needed(comparisons: int, alpha: float) -> int:
    """Return the fewest blocks that can show a difference in a family of ``comparisons``.

    With fewer, even a difference that shows in every block can't pass Holm's first step at a
    family-wise ``alpha``. Two-sided, without warm-up blocks; at least 1.
    """
    return pairs_needed(alpha / max(comparisons, 1))


def limits(comparison_set: ComparisonSet) -> str:
    """Return one sentence on what this run could not show; empty when every verdict is in."""
    measured = [
        item for item in comparison_set.comparisons if item.verdict not in {BASELINE, NOT_MEASURED}
    ]
    blocks, alpha = comparison_set.blocks, comparison_set.alpha
    needed = blocks_needed(len(measured), alpha)
    if measured and blocks < needed:
        return (
            f"{_count(blocks, 'block')} cannot show a difference for "
            f"{_count(len(measured), 'comparison')} at a family-wise {100 * alpha:g} %: "
            f"at least {needed} blocks are needed"
        )
    undecided = [item for item in measured if item.verdict == NO_DIFFERENCE]
    if not undecided:
        return ""
    head = f"no difference was shown for {len(undecided)} of {_count(len(measured), 'comparison')}"
    reach = [item.detectable for item in undecided if item.detectable is not None]
    if not reach:
        return f"{head}: too many of their trials failed for any difference to show"
    return (
        f"{head}: {_count(blocks, 'block')} had an {100 * POWER:g} % chance to show "
        f"{_range(min(reach), max(reach))}"
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _range(low: float, high: float) -> str:
    first, last = f"{100 * low:.1f} %", f"{100 * high:.1f} %"
    return f"one of {first}" if first == last else f"one of {first} to {last}, each by its noise"
