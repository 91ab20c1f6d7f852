"""Which combinations are tried before the sampler has its say."""

from __future__ import annotations

from itertools import combinations, product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from llamabuild.types.optimization import Configuration, Lever

    from .evidence import Evidence
    from .lab import Lab
    from .space import Space

FEW = 3


def families(levers: Sequence[Lever]) -> dict[str, tuple[Lever, ...]]:
    """Return the levers of each family that has more than one here."""
    named: dict[str, tuple[Lever, ...]] = {}
    for lever in levers:
        if lever.family:
            named[lever.family] = (*named.get(lever.family, ()), lever)
    return {name: members for name, members in named.items() if len(members) > 1}


def family_pairs(levers: Sequence[Lever]) -> tuple[tuple[str, str], ...]:
    """Return every two choices of different levers of one family."""
    return tuple(
        (one, other)
        for members in families(levers).values()
        for first, second in combinations(members, 2)
        for one, other in product(first.choices, second.choices)
    )


def first_candidates(
    levers: Sequence[Lever], evidence: Evidence, space: Space, lab: Lab
) -> tuple[Configuration, ...]:
    """Return combinations worth a look, the most promising first.

    All that looked better than the baseline by itself, together; the pairs of each family, whatever
    each does alone, and joined to the rest; the few best together.
    """
    best = _best_of_each(levers, evidence)
    everything = _together(best, lab, space)
    pairs = [space.sorted(pair) for pair in family_pairs(levers) if not lab.refusal(pair)]
    with_rest = [_together([*pair, *_beside(pair, best, levers)], lab, space) for pair in pairs]
    found = [everything, *pairs, *with_rest, _together(best[:FEW], lab, space)]
    inside = (each for each in found if len(each) > 1 and space.parameters(each) is not None)
    return tuple(dict.fromkeys(inside))


def _best_of_each(levers: Sequence[Lever], evidence: Evidence) -> list[str]:
    """The best choice of each lever, where one looked better than the baseline; best first."""
    found = []
    for lever in levers:
        known = [part for part in lever.choices if (part,) in evidence.values]
        best = max(known, key=lambda part: evidence.estimate((part,)), default="")
        if best and evidence.estimate((best,)) > 0:
            found.append(best)
    return sorted(found, key=lambda part: -evidence.estimate((part,)))


def _together(parts: Sequence[str], lab: Lab, space: Space) -> Configuration:
    """Add one part after the other, leaving out what does not go with those before."""
    joined: Configuration = ()
    for part in parts:
        wider = space.sorted([*joined, part])
        if not lab.refusal(wider) and space.parameters(wider) is not None:
            joined = wider
    return joined


def _beside(pair: Sequence[str], best: Sequence[str], levers: Sequence[Lever]) -> Iterator[str]:
    """What of other levers goes beside a pair."""
    taken = {part for lever in levers if set(lever.choices) & set(pair) for part in lever.choices}
    return (part for part in best if part not in taken)
