"""Holm's correction and the levels it leaves for the intervals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llamabuild.stats import holm, paired_shift


def test_textbook_example():
    steps = holm([0.01, 0.04, 0.03, 0.005], alpha=0.05)
    assert [step.adjusted for step in steps] == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert [step.rejected for step in steps] == [True, False, False, True]
    assert [step.alpha for step in steps] == pytest.approx([0.05 / 3, 0.025, 0.025, 0.05 / 4])


def test_nothing_and_one():
    assert holm([], 0.05) == ()
    (only,) = holm([0.03], 0.05)
    assert (only.adjusted, only.alpha, only.rejected) == (0.03, 0.05, True)


@settings(deadline=None, max_examples=100, database=None)
@given(
    p_values=st.lists(st.sampled_from([2 / 2**12, 0.001, 0.004, 0.01, 0.05, 1.0]), min_size=1),
    alpha=st.sampled_from([0.01, 0.015, 0.025, 0.05]),
)
def test_level_and_decision_agree_for_every_comparison(p_values, alpha):
    for p_value, step in zip(p_values, holm(p_values, alpha), strict=True):
        assert step.rejected == (p_value <= step.alpha)
        assert alpha / len(p_values) <= step.alpha <= alpha
        assert p_value <= step.adjusted <= 1


def test_intervals_at_holms_levels_exclude_zero_exactly_when_rejected():
    generator = np.random.default_rng(3)
    disagreements, rejections = 0, 0
    for _ in range(200):
        centres = generator.choice([0.0, 0.4, 0.8, 1.5], size=6)
        shifts = [paired_shift(generator.normal(centre, 1, 18)) for centre in centres]
        steps = holm([shift.p_beyond(0.1) for shift in shifts], 0.05)
        for shift, step in zip(shifts, steps, strict=True):
            interval = shift.interval(step.alpha)
            beyond = interval.low > 0.1 or interval.high < -0.1
            disagreements += beyond != step.rejected
            rejections += step.rejected
    assert disagreements == 0
    assert 100 < rejections < 1100


def test_family_wise_error_holds_for_comparisons_that_share_a_baseline():
    generator = np.random.default_rng(4)
    false_alarms = 0
    for _ in range(1000):
        baseline = generator.standard_normal(12)
        shifts = [paired_shift(baseline - generator.standard_normal(12)) for _ in range(6)]
        steps = holm([shift.p_beyond() for shift in shifts], 0.05)
        false_alarms += any(step.rejected for step in steps)
    assert 5 <= false_alarms <= 72
