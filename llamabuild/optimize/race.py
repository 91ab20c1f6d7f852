"""Which candidates of a generation are still in the race, by Optuna's paired pruner."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

import optuna
from optuna.exceptions import ExperimentalWarning

from .facts import layout

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from llamabuild.types.optimization import Configuration

    from .values import Values


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Optuna's log, and its word on which of its parts may change, out of the output."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)


def survivors(
    incumbent: Values, candidates: Mapping[Configuration, Values]
) -> tuple[Configuration, ...]:
    """Return the candidates that are not shown worse than the incumbent.

    Each reports its blocks in their order, as log ratios to the incumbent. The pruner is asked
    once, at the end of the generation: no trial could be saved before, and each further look would
    be another chance to be wrong.
    """
    with quiet():
        study = optuna.create_study(
            direction="maximize",
            pruner=optuna.pruners.WilcoxonPruner(p_threshold=layout().statistics.prune),
        )
        level = dict.fromkeys(incumbent, 0.0)
        study.add_trial(optuna.trial.create_trial(value=0.0, intermediate_values=level))
        kept = []
        for configuration, values in candidates.items():
            trial = study.ask()
            for block in sorted(incumbent.keys() & values.keys()):
                trial.report(values[block] - incumbent[block], block)
            pruned = trial.should_prune()
            # The incumbent stays the one that all are held against.
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
            if not pruned:
                kept.append(configuration)
    return tuple(kept)
