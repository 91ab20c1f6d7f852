"""The detectable effect is what the run really had an 80 % chance to show."""

from __future__ import annotations

import numpy as np
import pytest

from llamabuild.stats import detectable_shift, paired_shift


@pytest.mark.parametrize(
    ("pairs", "alpha"), [(6, 0.05), (9, 0.01), (12, 0.01 / 12), (18, 0.015 / 6), (24, 0.025)]
)
def test_power_at_the_detectable_effect_is_80_percent(pairs, alpha):
    generator = np.random.default_rng(pairs)
    samples = generator.normal(0, 2, (1500, pairs))
    reach = np.median([detectable_shift(paired_shift(d), alpha) for d in samples])
    shown = np.mean([paired_shift(d).interval(alpha).low > -reach for d in samples])
    assert 0.75 < shown < 0.86


def test_more_blocks_and_looser_levels_detect_less():
    generator = np.random.default_rng(1)
    d = generator.normal(0, 1, 96)
    reaches = [detectable_shift(paired_shift(d[:n]), 0.05 / 12) for n in (12, 24, 48, 96)]
    assert reaches == sorted(reaches, reverse=True)
    strict, loose = (detectable_shift(paired_shift(d[:24]), a) for a in (0.001, 0.05))
    assert loose < strict


@pytest.mark.parametrize(("pairs", "alpha"), [(1, 0.9), (2, 0.9), (5, 0.05), (6, 0.05 / 12)])
def test_none_when_nothing_could_be_shown(pairs, alpha):
    d = np.random.default_rng(1).normal(0, 1, pairs)
    assert detectable_shift(paired_shift(d), alpha) is None


def test_no_spread_no_distance():
    assert detectable_shift(paired_shift(np.zeros(12)), 0.05) == 0.0


def test_every_size_and_level_has_a_distance():
    """The solver that this was left to gave an array for some: 36 pairs among 66 comparisons."""
    for pairs in (*range(6, 49), 100):
        d = np.random.default_rng(pairs).normal(0, 1, pairs)
        reaches = [detectable_shift(paired_shift(d), 0.05 / family) for family in (1, 12, 66, 80)]
        found = [reach for reach in reaches if reach is not None]
        assert all(isinstance(reach, float) and 0 < reach < 40 for reach in found)
        assert found == sorted(found)
        assert found or pairs < 12
