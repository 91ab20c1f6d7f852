"""Estimate, interval and test of paired differences."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import binom, wilcoxon

from llamabuild.stats import paired_shift

DARWIN = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
"""Darwin's maize plants: cross- minus self-fertilised height, in eighths of an inch."""
DEPRESSION = [0.952, -0.147, 1.022, 0.43, 0.62, 0.59, 0.49, -0.08, 0.01]
"""Hamilton scale factor IV before minus after (Hollander and Wolfe, table 3.1)."""

# Multiples of 1/64 stay exact under the operations below, so that ties are true ties.
exact_rows = st.integers(1, 24).flatmap(
    lambda n: arrays(np.int64, n, elements=st.integers(-(2**20), 2**20)).map(lambda d: d / 64)
)
tied_rows = st.integers(1, 24).flatmap(
    lambda n: arrays(np.int64, n, elements=st.integers(-3, 3)).map(lambda d: d / 4)
)
rows = st.one_of(exact_rows, tied_rows)
alphas = st.sampled_from([0.5, 0.2, 0.05, 0.025, 0.01, 0.01 / 12])
quick = settings(deadline=None, max_examples=60, database=None)


def test_published_values_of_darwins_plants():
    shift = paired_shift(DARWIN)
    assert shift.p_beyond() == pytest.approx(0.04126, abs=5e-6)
    assert shift.estimate == 25.0


def test_published_values_of_the_depression_scores():
    shift = paired_shift(DEPRESSION)
    interval = shift.interval(0.05)
    assert shift.estimate == pytest.approx(0.46)
    assert (interval.low, interval.high) == pytest.approx((0.010, 0.786))
    assert shift.p_beyond() / 2 == pytest.approx(0.01953, abs=5e-6)


@pytest.mark.parametrize("pairs", [1, 2, 6, 12, 13, 24, 40])
@pytest.mark.parametrize("delta", [0.0, 0.3])
def test_p_value_is_scipys_exact_signed_rank_test(pairs, delta):
    generator = np.random.default_rng(pairs)
    for centre in (0.0, 0.5, -2.0):
        d = generator.normal(centre, 1, pairs)
        above = wilcoxon(d - delta, alternative="greater", method="exact").pvalue
        below = wilcoxon(d + delta, alternative="less", method="exact").pvalue
        assert paired_shift(d).p_beyond(delta) == pytest.approx(
            min(1.0, 2 * min(above, below)), rel=1e-12
        )


@pytest.mark.parametrize(("pairs", "alpha"), [(6, 0.05), (12, 0.01), (18, 0.015), (24, 0.025)])
@pytest.mark.parametrize("law", ["normal", "cauchy", "laplace"])
def test_interval_covers_at_least_its_level_and_little_more(pairs, alpha, law):
    generator = np.random.default_rng(pairs)
    samples = getattr(generator, f"standard_{law}", generator.laplace)(size=(2000, pairs)) + 0.7
    intervals = [paired_shift(d).interval(alpha) for d in samples]
    missed = sum(not i.low <= 0.7 <= i.high for i in intervals)
    assert missed <= binom.ppf(0.999, 2000, alpha)
    assert missed >= binom.ppf(0.001, 2000, 0.6 * alpha)


@quick
@given(d=rows, alpha=alphas, shift=st.integers(-1000, 1000), scale=st.sampled_from([0.25, 2, 8]))
def test_estimate_and_interval_follow_shift_and_scale(d, alpha, shift, scale):
    before, after = paired_shift(d), paired_shift(scale * d + shift)
    assert after.estimate == scale * before.estimate + shift
    old, new = before.interval(alpha), after.interval(alpha)
    assert (new.low, new.high) == (scale * old.low + shift, scale * old.high + shift)
    assert after.scale == pytest.approx(scale * before.scale)


@quick
@given(d=rows, alpha=alphas, delta=st.sampled_from([0.0, 0.25, 1.0]))
def test_swapping_the_arms_only_changes_the_sign(d, alpha, delta):
    one, other = paired_shift(d), paired_shift(-d)
    assert other.estimate == -one.estimate
    a, b = one.interval(alpha), other.interval(alpha)
    assert (b.low, b.high) == (-a.high, -a.low)
    assert other.p_beyond(delta) == one.p_beyond(delta)


@quick
@given(d=rows, alpha=alphas)
def test_interval_contains_the_estimate_and_lies_within_the_data(d, alpha):
    shift = paired_shift(d)
    interval = shift.interval(alpha)
    assert interval.low <= shift.estimate <= interval.high
    if interval.bounded:
        assert d.min() <= interval.low
        assert interval.high <= d.max()


@quick
@given(d=rows, alpha=alphas, delta=st.sampled_from([0.0, 0.25, 0.5, 3.0]))
def test_test_and_interval_are_the_same_statement(d, alpha, delta):
    shift = paired_shift(d)
    interval = shift.interval(alpha)
    beyond = interval.low > delta or interval.high < -delta
    assert beyond == (shift.p_beyond(delta) <= alpha)


@quick
@given(d=rows, alpha=alphas)
def test_a_stricter_level_never_gives_a_shorter_interval(d, alpha):
    wide, narrow = paired_shift(d).interval(alpha / 2), paired_shift(d).interval(alpha)
    assert wide.low <= narrow.low
    assert narrow.high <= wide.high


@quick
@given(d=tied_rows)
def test_ties_and_zeros_only_make_the_test_more_careful(d):
    assume(np.any(d != 0))
    nudge = 1e-6 * np.arange(1, d.size + 1)
    towards = d + nudge if d.sum() > 0 else d - nudge
    assert paired_shift(d).p_beyond() >= paired_shift(towards).p_beyond()


@pytest.mark.parametrize("pairs", [1, 6, 24])
def test_identical_arms_show_nothing(pairs):
    shift = paired_shift(np.zeros(pairs))
    assert shift.p_beyond() == 1.0
    assert shift.p_beyond(0.01) == 1.0
    assert (shift.estimate, shift.scale) == (0.0, 0.0)


def test_the_same_difference_everywhere_is_as_significant_as_it_can_be():
    assert paired_shift(np.full(12, 0.05)).p_beyond(0.01) == 2 / 2**12


def test_too_few_pairs_give_an_unbounded_interval_not_a_false_one():
    interval = paired_shift([0.1, 0.2, 0.3, 0.1, 0.2]).interval(0.05)
    assert (interval.low, interval.high, interval.bounded) == (-inf, inf, False)
    assert interval.level == 0.95


@pytest.mark.parametrize("pairs", [6, 12, 24])
def test_scale_estimates_the_standard_deviation_and_survives_outliers(pairs):
    generator = np.random.default_rng(5)
    samples = generator.normal(0, 3, (4000, pairs))
    assert np.median([paired_shift(d).scale for d in samples]) == pytest.approx(3, rel=0.03)
    samples[:, 0] = 1e6
    assert np.median([paired_shift(d).scale for d in samples]) < 3 * 2


@pytest.mark.parametrize("wrong", [[], [1.0, np.nan], [np.inf], [[1.0], [2.0]]])
def test_what_is_not_a_row_of_numbers_is_refused(wrong):
    with pytest.raises(ValueError, match="finite numbers"):
        paired_shift(wrong)
