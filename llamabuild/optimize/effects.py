"""Of the best combination, which parts seem to have made it: what is to be confirmed, best first.

An additive model of ln(ratio) over all that was measured, one term for each choice and one for each
pair of a family that was measured together, by least squares with a little ridge. It only chooses
and orders; whether a change is real, fresh blocks say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .candidates import family_pairs
from .facts import layout

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llamabuild.types.optimization import Configuration, Lever

    from .evidence import Evidence

RIDGE = 0.5
"""In blocks: what is known of a term before it is measured, namely that it is 0."""

Terms = dict[frozenset[str], float]


def changes_of(
    found: Configuration, evidence: Evidence, levers: Sequence[Lever]
) -> tuple[Configuration, ...]:
    """Return the changes that a configuration is made of, those of the largest effect first.

    Parts of a family that do not help by themselves, but do together, are one change. Those that do
    not seem to help at all are left out.
    """
    terms = fitted(evidence, levers)
    groups = [frozenset({part}) for part in found]
    for pair in map(frozenset, family_pairs(levers)):
        if not pair <= set(found) or terms.get(pair, 0.0) <= 0:
            continue
        if any(terms.get(frozenset({part}), 0.0) <= 0 for part in pair):
            joined = frozenset[str]().union(*(group for group in groups if group & pair))
            groups = [group for group in groups if not group & pair] + [joined]
    effects = {group: _effect(group, terms) for group in dict.fromkeys(groups)}
    helping = sorted((g for g in effects if effects[g] > 0), key=lambda g: -effects[g])
    place = {part: number for number, part in enumerate(found)}
    return tuple(
        tuple(sorted(group, key=lambda part: place[part]))
        for group in helping[: layout().counts.changes]
    )


def fitted(evidence: Evidence, levers: Sequence[Lever]) -> Terms:
    """Return the effect of each choice and of each pair of a family, in ln(ratio)."""
    configurations = [each for each in evidence.values if each]
    singles = {frozenset({part}) for each in configurations for part in each}
    pairs = {
        pair
        for pair in map(frozenset, family_pairs(levers))
        if any(pair <= set(each) for each in configurations)
    }
    terms = sorted(singles | pairs, key=sorted)
    if not terms:
        return {}
    rows = np.array([[term <= set(each) for term in terms] for each in configurations], dtype=float)
    weights = np.array([len(evidence.values[each]) for each in configurations], dtype=float)
    values = np.array([evidence.estimate(each) for each in configurations])
    normal = rows.T @ (rows * weights[:, None]) + RIDGE * np.eye(len(terms))
    solution = np.linalg.solve(normal, rows.T @ (weights * values))
    return dict(zip(terms, map(float, solution), strict=True))


def _effect(group: frozenset[str], terms: Mapping[frozenset[str], float]) -> float:
    return sum(value for term, value in terms.items() if term <= group)
