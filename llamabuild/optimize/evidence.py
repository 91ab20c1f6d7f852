"""All that is known of each configuration so far, from every stage before the confirmation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.stats import paired_shift

from .values import by_configuration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llamabuild.types.optimization import Configuration, Measurement
    from llamabuild.types.run import Workload


class Evidence:
    """Values against the baseline by configuration; a guide for the search, never a proof."""

    def __init__(self, weights: Mapping[str, float], workloads: Sequence[Workload]) -> None:
        self.weights = weights
        self.workloads = workloads
        self.values: dict[Configuration, list[float]] = {}
        self.reasons: dict[Configuration, str] = {}
        """Why a configuration has no figures."""

    def add(self, measurement: Measurement) -> None:
        """Take in a stage."""
        for configuration, values in by_configuration(
            measurement, self.weights, self.workloads
        ).items():
            if configuration:
                self.values.setdefault(configuration, []).extend(values.values())
        for arm in measurement.arms:
            if arm.reason and arm.configuration not in self.values:
                self.reasons[arm.configuration] = arm.reason

    def knows(self, configuration: Configuration) -> bool:
        """Whether it was tried, with or without success."""
        return configuration in self.values or configuration in self.reasons

    def estimate(self, configuration: Configuration) -> float:
        """Return the Hodges–Lehmann estimate of ln(ratio to the baseline); 0 for the baseline.

        Raises:
            KeyError: It was not measured.
        """
        return paired_shift(self.values[configuration]).estimate if configuration else 0.0

    def slower(self, configuration: Configuration, alpha: float) -> bool:
        """Whether it was shown slower than the baseline at level ``1 - alpha``, by itself."""
        return paired_shift(self.values[configuration]).interval(alpha).high < 0
