"""The search space: one dimension for builds, and one for each lever that is pulled at run time."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from optuna.distributions import CategoricalDistribution

from .facts import layout
from .order import in_order, order_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from optuna.distributions import BaseDistribution

    from llamabuild.types.optimization import Configuration

    from .evidence import Evidence
    from .journal import Journal

BUILD = "build"
NOTHING = ""
MOST_OF_SEARCH = 0.25
"""Share of the search's time that one build may take."""


@dataclass(frozen=True, slots=True)
class Space:
    """Dimensions by name, each with its choices; the first changes nothing."""

    dimensions: Mapping[str, tuple[Configuration, ...]]
    order: tuple[str, ...]
    """All parts in the order in which names have them."""

    def distributions(self) -> dict[str, BaseDistribution]:
        """Return what Optuna samples from: the choices as text."""
        return {
            name: CategoricalDistribution(["+".join(choice) for choice in choices])
            for name, choices in self.dimensions.items()
        }

    def configuration(self, parameters: Mapping[str, str]) -> Configuration:
        """Return the configuration of a trial's parameters."""
        parts = {part for text in parameters.values() for part in text.split("+") if part}
        return self.sorted(parts)

    def parameters(self, configuration: Configuration) -> dict[str, str] | None:
        """Return a configuration as a trial's parameters; None if it lies outside."""
        found = dict.fromkeys(self.dimensions, NOTHING)
        rest = set(configuration)
        for name, choices in self.dimensions.items():
            inside = [c for c in choices if c and set(c) <= rest]
            if inside:
                longest = max(inside, key=len)
                found[name] = "+".join(longest)
                rest -= set(longest)
        return None if rest else found

    def sorted(self, parts: Iterable[str]) -> Configuration:
        """Return parts in the order of names: builds first, then how they are run."""
        return in_order(parts, self.order)


def make_space(journal: Journal, evidence: Evidence, parts: Sequence[str], seconds: float) -> Space:
    """Return the space of some choices, alone and together.

    Builds are joined in pairs where that is possible and pays: the most promising first.

    Args:
        journal: Levers, and how long builds take.
        evidence: What each choice does by itself.
        parts: Choices that are still in the race.
        seconds: What the search may take.
    """
    levers = journal.record.levers
    order = order_of(levers)
    dimensions: dict[str, tuple[Configuration, ...]] = {}
    single = {part: lever for lever in levers if lever.builds for part in lever.choices}
    builds = [part for part in order if part in single and part in parts]
    if builds:
        dimensions[BUILD] = ((), *((part,) for part in builds))
        pairs = [
            tuple(sorted(pair, key=order.index))
            for pair in combinations(builds, 2)
            if single[pair[0]] is not single[pair[1]]
        ]
        pairs.sort(key=lambda pair: -sum(evidence.estimate((part,)) for part in pair))
        for pair in pairs:
            if len(dimensions[BUILD]) > layout().counts.builds:
                break
            if journal.lab.refusal(pair):
                continue
            if journal.build_seconds([pair]) <= MOST_OF_SEARCH * seconds:
                dimensions[BUILD] = (*dimensions[BUILD], pair)
    for lever in levers:
        choices = tuple((part,) for part in lever.choices if part in parts)
        if choices and not lever.builds:
            dimensions[lever.name] = ((), *choices)
    return Space(dimensions, order)
