"""Planned looks spend the error they promise; unplanned ones don't keep any promise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from llamabuild.stats import paired_shift

RUNS = 4000
LOOKS, ALPHAS = (12, 18, 24), (0.01, 0.015, 0.025)


@pytest.fixture(scope="module", params=["normal", "t3", "skewed arms"])
def null_runs(request):
    """Differences of equal arms, shape ``(RUNS, 24)``: symmetric whatever the noise."""
    generator = np.random.default_rng(11)
    if request.param == "normal":
        return generator.standard_normal((RUNS, 24))
    if request.param == "t3":
        return generator.standard_t(3, (RUNS, 24))
    return generator.exponential(size=(RUNS, 24)) - generator.exponential(size=(RUNS, 24))


def _rejected(runs, pairs, alpha):
    return np.array([paired_shift(d[:pairs]).p_beyond() <= alpha for d in runs])


def test_three_looks_together_spend_at_most_five_percent(null_runs):
    by_look = [_rejected(null_runs, n, a) for n, a in zip(LOOKS, ALPHAS, strict=True)]
    for rejected, alpha in zip(by_look, ALPHAS, strict=True):
        assert rejected.sum() <= binom.ppf(0.999, RUNS, alpha)
    stopped = np.logical_or.reduce(by_look)
    assert stopped.sum() <= binom.ppf(0.999, RUNS, 0.05)
    assert stopped.mean() > 0.025, "the looks should spend most of what they may"


def test_looking_after_every_block_at_five_percent_would_break_the_promise(null_runs):
    peeked = np.logical_or.reduce([_rejected(null_runs[:800], n, 0.05) for n in range(6, 25)])
    assert peeked.mean() > 0.12
