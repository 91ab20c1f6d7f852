"""What somebody's own binary leaves on the table, in words."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from llamabuild.report import numbers
from llamabuild.report.ranking import apart, bounds, is_complete, is_measured, mean_log_ratio

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from llamabuild.report.document import VariantResult, WorkloadResult

PREFIX = "prebuilt:"
PLAIN_TIMES = 2.0
"""From here on a factor says more than a percentage."""


def missing_words(missing: Sequence[str]) -> str:
    """Return ``built without AVX2 and FMA, which this CPU has``; empty when nothing is missing.

    Args:
        missing: ISA groups, as :class:`~llamabuild.types.proof.Prebuilt` has them.
    """
    if not missing:
        return ""
    table = _names()
    wide = [table["avx512"][group] for group in missing if group in table["avx512"]]
    words = [table["names"].get(g, g) for g in missing if g not in table["avx512"]]
    if wide:
        words.append(f"AVX-512 ({', '.join(wide)})")
    return f"built without {numbers.listing(words)}, which this CPU has"


def left_on_the_table(
    own: VariantResult, missing: Sequence[str], variants: Iterable[VariantResult]
) -> str:
    """Return one sentence: what a prebuilt program was built without, and what is faster here.

    The best variant is the one of the run's own with the highest mean ratio. A difference is
    called one only where the intervals of both, each against the baseline, lie apart, and it is
    told whichever of the two it favours; variants
    without one are not the best while there is one that has it.
    """
    clauses = [missing_words(missing)]
    rivals = [
        v for v in variants if not v.name.startswith(PREFIX) and not v.copy_of and is_measured(v)
    ]
    if rivals and any(load.ratio for load in own.workloads):
        faster = [v for v in rivals if any(apart(*pair) for pair in _pairs(v, own))]
        best = max(faster or rivals, key=lambda v: (is_complete(v), mean_log_ratio(v)))
        pairs = _pairs(best, own)
        if faster:
            shown = [_times(theirs, mine) for theirs, mine in pairs if apart(theirs, mine)]
            shown += [_behind(theirs, mine) for theirs, mine in pairs if apart(mine, theirs)]
            clauses.append(f"the best variant here, `{best.name}`, is {numbers.listing(shown)}")
        elif any(None in bounds(load) for pair in pairs for load in pair):
            seen = [_times(theirs, mine) for theirs, mine in pairs if _ahead(theirs, mine)]
            if seen:
                seen += [_behind(theirs, mine) for theirs, mine in pairs if _ahead(mine, theirs)]
                hint = "too few blocks to prove it"
                text = f"the best variant here, `{best.name}`, came out {numbers.listing(seen)}"
                clauses.append(f"{text} ({hint})")
        else:
            clauses.append("no variant here was shown to be faster")
    text = "; ".join(filter(None, clauses))
    return f"`{own.name}`: {text}." if text else ""


def _pairs(best: VariantResult, own: VariantResult) -> list[tuple[WorkloadResult, WorkloadResult]]:
    return list(zip(best.workloads, own.workloads, strict=True))


def _times(best: WorkloadResult, own: WorkloadResult) -> str:
    factor = (best.ratio or 1.0) / (own.ratio or 1.0)
    if factor < PLAIN_TIMES:
        return f"{numbers.part(factor - 1)} faster at {own.name}"
    digits = 0 if factor >= 10 else 1  # noqa: PLR2004 - two digits say enough
    return f"{factor:.{digits}f} times faster at {own.name}"


def _behind(best: WorkloadResult, own: WorkloadResult) -> str:
    factor = (best.ratio or 1.0) / (own.ratio or 1.0)
    return f"slower at {own.name} (by {numbers.part(1 - factor)})"


def _ahead(best: WorkloadResult, own: WorkloadResult) -> bool:
    return best.ratio is not None and own.ratio is not None and best.ratio > own.ratio


@cache
def _names() -> dict[str, dict[str, str]]:
    path = files(__package__).joinpath("prebuilt_words.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))
