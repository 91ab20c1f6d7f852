"""Equal variants: a thousand simulated runs tell them apart no more often than promised."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from scipy.stats import binom

from tests.simulation import (
    DRIFTS,
    PLANNED,
    MockMachine,
    agree,
    make_run,
    outcomes,
    told_apart,
)

PROMISED = 0.05
NO_THRESHOLD = replace(PLANNED, threshold=0.0)
"""The hardest case: nothing but the measured noise floor lies between equal and different."""


def within_promise(false_runs, runs):
    return false_runs <= binom.ppf(0.999, runs, PROMISED)


@pytest.mark.parametrize(
    ("variants", "loads", "schedule", "runs"),
    [
        (1, 1, PLANNED, 1000),
        (1, 1, NO_THRESHOLD, 1000),
        (6, 2, PLANNED, 1000),
        (6, 2, NO_THRESHOLD, 200),
    ],
    ids=["one", "one without threshold", "twelve", "twelve without threshold"],
)
def test_equal_variants_stay_within_the_family_wise_rate(variants, loads, schedule, runs):
    run = make_run([f"v{i}" for i in range(variants)], schedule, loads)
    results = outcomes(run, MockMachine(), runs)
    assert within_promise(told_apart(results), runs)
    assert all(agree(result) for result in results)


@pytest.mark.parametrize("drift", DRIFTS.values(), ids=DRIFTS)
def test_drift_gives_no_false_verdicts(drift):
    run = make_run(["v0", "v1"], NO_THRESHOLD)
    results = outcomes(run, MockMachine(drift=drift), 200)
    assert within_promise(told_apart(results), 200)
    assert all(agree(result) for result in results)


def test_a_difference_of_exactly_the_threshold_is_not_called_beyond_it():
    run = make_run(["v0"])
    machine = MockMachine(noise=0.005, tail=float("inf"), ratios={"v0": 1 / 1.01})
    assert within_promise(told_apart(outcomes(run, machine, 300)), 300)


def test_the_copy_of_the_baseline_raises_few_false_alarms():
    run = make_run(["v0"], NO_THRESHOLD)
    results = outcomes(run, MockMachine(), 300)
    assert within_promise(sum(not result.noise[0].usable for result in results), 300)
