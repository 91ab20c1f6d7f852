"""Combinations: asked of Optuna's sampler, measured in small groups, raced against the best."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import optuna
from optuna.trial import TrialState, create_trial

from llamabuild.stats import paired_shift
from llamabuild.types.optimization import SEARCH

from .candidates import family_pairs, first_candidates
from .facts import layout
from .race import quiet, survivors
from .space import make_space
from .values import by_configuration, difference

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llamabuild.types.optimization import Configuration

    from .evidence import Evidence
    from .journal import Journal
    from .space import Space
    from .values import Values

STARTUP_TRIALS = 4
"""Trials, screening's among them, from which on the sampler models what it has seen."""


class Asked(NamedTuple):
    """A configuration and the trial that waits for its value."""

    configuration: Configuration
    trial: optuna.Trial


def search(journal: Journal, evidence: Evidence) -> Configuration:
    """Return the best configuration that was found; empty where nothing beat the baseline.

    Takes what of the budget is not set aside for the confirmation.

    Raises:
        LlamabuildError: As :meth:`~.journal.Journal.measure`.
    """
    until = (1 - layout().shares.confirm) * journal.record.budget_seconds
    incumbent = _best_single(evidence)
    parts = _in_the_race(journal, evidence)
    if len(parts) < 2:  # noqa: PLR2004 - nothing to combine
        return incumbent
    with quiet():
        searching = _Searching(journal, evidence, parts, until)
        carried: tuple[Configuration, ...] = ()
        number = 1
        while True:
            asked = searching.ask(incumbent, carried, until)
            candidates = [*(each.configuration for each in asked), *carried]
            arms = tuple(dict.fromkeys([*([incumbent] if incumbent else []), *candidates]))
            if not candidates or not searching.fits(arms, until):
                return incumbent
            values = searching.measure(f"{SEARCH} {number}", arms, until)
            searching.tell(asked)
            incumbent, carried = _raced(incumbent, candidates, values, evidence)
            number += 1


def _best_single(evidence: Evidence) -> Configuration:
    best = max(evidence.values, key=evidence.estimate, default=())
    return best if evidence.estimate(best) > 0 else ()


def _in_the_race(journal: Journal, evidence: Evidence) -> list[str]:
    """Choices that were not shown slower; in a family even those, for they may need each other."""
    levers = journal.record.levers
    related = {part for pair in family_pairs(levers) for part in pair}
    alpha = layout().statistics.slower_alpha
    return [
        part
        for lever in levers
        for part in lever.choices
        if (part,) in evidence.values and (part in related or not evidence.slower((part,), alpha))
    ]


def _raced(
    incumbent: Configuration,
    candidates: Sequence[Configuration],
    values: Mapping[Configuration, Values],
    evidence: Evidence,
) -> tuple[Configuration, tuple[Configuration, ...]]:
    """Return the new incumbent and the survivors that are worth more blocks."""
    held = values.get(incumbent, {})
    rivals = {each: values[each] for each in candidates if each in values and each != incumbent}
    kept = survivors(held, rivals)
    gains = {
        each: paired_shift(differences).estimate
        for each in kept
        if (differences := difference(rivals[each], held))
    }
    best = max(gains, key=lambda each: gains[each], default=incumbent)
    following = best if gains.get(best, 0.0) > 0 else incumbent
    others = [each for each in (*kept, incumbent) if each not in {following, ()}]
    others.sort(key=lambda each: -evidence.estimate(each))
    return following, tuple(others[: layout().counts.carried])


class _Searching:
    """The sampler's study, and what has been asked of it."""

    def __init__(
        self, journal: Journal, evidence: Evidence, parts: Sequence[str], until: float
    ) -> None:
        self._journal = journal
        self._evidence = evidence
        self._space: Space = make_space(journal, evidence, parts, until - journal.spent())
        self._distributions = self._space.distributions()
        sampler = optuna.samplers.TPESampler(
            seed=journal.record.seed, multivariate=True, n_startup_trials=STARTUP_TRIALS
        )
        self._study = optuna.create_study(direction="maximize", sampler=sampler)
        for configuration in evidence.values:
            self._remember(configuration)
        for configuration in first_candidates(
            journal.record.levers, evidence, self._space, journal.lab
        ):
            self._study.enqueue_trial(dict(self._space.parameters(configuration) or {}))

    def _remember(self, configuration: Configuration) -> None:
        parameters = self._space.parameters(configuration)
        if parameters is not None:
            self._study.add_trial(
                create_trial(
                    params=dict(parameters),
                    distributions=self._distributions,
                    value=self._evidence.estimate(configuration),
                )
            )

    def ask(
        self, incumbent: Configuration, carried: Sequence[Configuration], until: float
    ) -> list[Asked]:
        """Return new configurations, each with its trial, as many as the time allows."""
        found: list[Asked] = []
        if not self.fits([*(arm for arm in (*carried, incumbent) if arm), ()], until):
            return found  # the time does not reach for one more, even where nothing is to be built
        for _ in range(layout().counts.asks):
            if len(found) == layout().counts.generation:
                break
            trial = self._study.ask(self._distributions)
            configuration = self._space.configuration(trial.params)
            if not configuration or configuration in self._evidence.values:
                self._study.tell(trial, self._evidence.estimate(configuration))
                continue
            arms = [*carried, incumbent, *(each.configuration for each in found), configuration]
            known = configuration in {each.configuration for each in found}
            if (
                known
                or configuration in self._evidence.reasons
                or self._journal.lab.refusal(configuration)
                or not self.fits([arm for arm in arms if arm], until)
            ):
                self._study.tell(trial, state=TrialState.FAIL)
                continue
            found.append(Asked(configuration, trial))
        return found

    def fits(self, arms: Sequence[Configuration], until: float) -> bool:
        """Whether a generation of these arms would be done in time."""
        journal = self._journal
        blocks = layout().counts.generation_blocks
        building = journal.build_seconds(arms)
        measuring = journal.costs.stage(len(arms), self._workloads(), blocks)
        return journal.spent() + building + measuring <= until

    def measure(
        self, name: str, arms: Sequence[Configuration], until: float
    ) -> dict[Configuration, Values]:
        """Run a generation; return the values of each configuration that has any."""
        blocks = layout().counts.generation_blocks
        measurement = self._journal.measure(
            name,
            arms,
            kinds=tuple(self._journal.weights),
            blocks=(blocks // 2, blocks),
            until=until,
        )
        self._evidence.add(measurement)
        return by_configuration(measurement, self._evidence.weights, self._evidence.workloads)

    def tell(self, asked: Sequence[Asked]) -> None:
        """Give the sampler what was measured."""
        for configuration, trial in asked:
            if configuration in self._evidence.values:
                self._study.tell(trial, self._evidence.estimate(configuration))
            else:
                self._study.tell(trial, state=TrialState.FAIL)

    def _workloads(self) -> int:
        weights = self._journal.weights
        return sum(load.kind in weights for load in self._journal.record.workloads)
