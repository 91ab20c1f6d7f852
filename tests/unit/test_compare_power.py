"""What the procedure finds, and what its layout finds that a plain loop does not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from llamabuild.compare import compare_run
from llamabuild.types.comparison import BASELINE as BASELINE_VERDICT
from llamabuild.types.comparison import EQUIVALENT, SLOWER
from llamabuild.types.run import NOISE_ARM
from tests.simulation import (
    BASELINE,
    PLANNED,
    MockMachine,
    agree,
    make_run,
    outcomes,
    stepping,
    told_apart,
    verdicts,
    warming,
)


@pytest.mark.parametrize(
    ("variants", "loads", "machine"),
    [
        (1, 1, MockMachine(ratios={"v0": 0.95})),
        (1, 1, MockMachine(ratios={"v0": 0.95}, tail=np.inf, drift=stepping)),
        (6, 2, MockMachine(ratios={"v0": 0.95}, tail=np.inf)),
    ],
    ids=["heavy tails", "stepping machine", "six variants, two workloads"],
)
def test_five_percent_slower_is_found_at_two_percent_noise(variants, loads, machine):
    run = make_run([f"v{i}" for i in range(variants)], PLANNED, loads)
    results = outcomes(run, machine, 200)
    found = sum(
        all(row.verdict == SLOWER for row in result.comparisons if row.arm == "v0")
        for result in results
    )
    assert found >= 0.95 * 200
    assert all(agree(result) for result in results)


def test_equal_variants_on_a_quiet_machine_are_equivalent_and_end_early():
    run = make_run(["v0", "v1"])
    results = outcomes(run, MockMachine(noise=0.004, tail=np.inf), 200)
    assert sum(verdicts(r) <= {EQUIVALENT, BASELINE_VERDICT} for r in results) > 190
    assert np.mean([result.blocks for result in results]) < 16


def plainly_different(trials, arm):
    """The usual way: all trials of two arms and a rank test at 1 %."""
    base, other = (
        [np.median(trial.samples_ns) for trial in trials if trial.arm == name]
        for name in (BASELINE, arm)
    )
    return mannwhitneyu(base, other).pvalue < 0.01


@pytest.mark.parametrize(
    ("drift", "times"), [(warming, 90), (stepping, 20)], ids=["warming", "stepping"]
)
def test_drift_that_fools_arm_after_arm_does_not_fool_blocks(drift, times):
    run = make_run(["v0"])
    loop = MockMachine(drift=drift, interleaved=False)
    fooled = sum(plainly_different(loop.trials(run, seed), "v0") for seed in range(100))
    assert fooled > times
    assert told_apart(outcomes(run, MockMachine(drift=drift), 100)) <= 3


def test_arm_after_arm_is_caught_by_the_copy_of_the_baseline():
    run = make_run(["v0"])
    loop = MockMachine(drift=warming, interleaved=False)
    results = [compare_run(run, loop.trials(run, seed)) for seed in range(20)]
    assert not any(result.noise[0].usable for result in results)
    assert all(result.noise[0].comparison.arm == NOISE_ARM for result in results)
