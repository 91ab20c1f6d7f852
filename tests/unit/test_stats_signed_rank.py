"""The null distribution, held against counting and against SciPy."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.stats import wilcoxon

from llamabuild.stats import critical_count, null_cdf, pairs_needed


@pytest.mark.parametrize("pairs", [1, 2, 3, 5, 8])
def test_distribution_equals_the_count_of_all_sign_patterns(pairs):
    ranks = np.arange(1, pairs + 1)
    sums = np.array([np.dot(signs, ranks) for signs in product((0, 1), repeat=pairs)])
    expected = [(sums <= t).mean() for t in range(pairs * (pairs + 1) // 2 + 1)]
    np.testing.assert_array_equal(null_cdf(pairs), expected)


@pytest.mark.parametrize("pairs", [6, 12, 24])
def test_distribution_equals_scipys_at_every_statistic(pairs):
    total = pairs * (pairs + 1) // 2
    samples = np.array([_sample_with_statistic(pairs, t) for t in range(total + 1)])
    expected = wilcoxon(samples, axis=1, alternative="less", method="exact").pvalue
    np.testing.assert_allclose(null_cdf(pairs), expected, rtol=1e-12)


def _sample_with_statistic(pairs, statistic):
    """Ranks 1…n, signed so that the positive ones add up to ``statistic``."""
    sample = -np.arange(1.0, pairs + 1)
    for rank in range(pairs, 0, -1):
        if rank <= statistic:
            sample[rank - 1] = rank
            statistic -= rank
    return sample


def test_large_samples_stay_exact_and_close_to_normal():
    cdf = null_cdf(200)
    mean, deviation = 200 * 201 / 4, (200 * 201 * 401 / 24) ** 0.5
    assert cdf[int(mean - 1.96 * deviation)] == pytest.approx(0.025, abs=5e-4)
    assert cdf[-1] == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize(
    ("pairs", "alpha", "expected"),
    [(6, 0.05, 0), (8, 0.05, 3), (12, 0.05, 13), (24, 0.05, 81), (24, 0.01, 61), (12, 0.01, 7)],
)
def test_critical_values_of_the_published_table(pairs, alpha, expected):
    assert critical_count(pairs, alpha) == expected


def test_unattainable_levels_have_no_critical_value():
    assert critical_count(5, 0.05) is None
    assert critical_count(6, 0.05 / 2) is None
    assert critical_count(6, 2 / 2**6) == 0


@pytest.mark.parametrize("alpha", [0.05, 0.05 / 12, 0.01 / 7, 1 / 32, 0.9])
def test_pairs_needed_is_the_first_attainable_size(alpha):
    needed = pairs_needed(alpha)
    assert critical_count(needed, alpha) is not None
    assert needed == 1 or critical_count(needed - 1, alpha) is None


def test_pairs_needed_refuses_what_no_sample_reaches():
    with pytest.raises(ValueError, match="no number of pairs"):
        pairs_needed(0.0)


def test_cached_tables_cannot_be_spoilt():
    with pytest.raises(ValueError, match="read-only"):
        null_cdf(9)[0] = 1.0
    assert null_cdf(9)[0] == 1 / 2**9
