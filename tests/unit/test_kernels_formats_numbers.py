"""16-bit floats against NumPy's, and what becomes of numbers at the edges of float."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llamabuild.kernels.formats import dequantize, formats, quantize

BLOCKS = tuple(f.name for f in formats() if f.block_weights > 1)
ALL_HALVES = np.arange(65536, dtype=np.uint16)
# Formats whose scale is a half, which ends at 65504; the other ones reach further.
HALF_SCALED = tuple(n for n in BLOCKS if n not in {"q8_K", "mxfp4"})


def to_half(values):
    return quantize("f16", values).view(np.uint16)


def numpy_half(values):
    with np.errstate(all="ignore"):
        return values.astype(np.float16).view(np.uint16)


def test_every_half_becomes_numpys_float():
    ours = dequantize("f16", ALL_HALVES.view(np.uint8))
    expected = ALL_HALVES.view(np.float16).astype(np.float32)
    number = ~np.isnan(expected)
    assert np.array_equal(ours[number].view(np.uint32), expected[number].view(np.uint32))
    assert np.isnan(ours[~number]).all()
    assert np.array_equal(np.signbit(ours), np.signbit(expected))


def test_every_half_survives_a_round_trip():
    floats = dequantize("f16", ALL_HALVES.view(np.uint8))
    nan = np.isnan(floats)
    assert np.array_equal(to_half(floats)[~nan], ALL_HALVES[~nan])
    assert np.isnan(to_half(floats).view(np.float16)[nan]).all()


def test_ties_between_halves_and_their_neighbours_round_as_numpys():
    """All midpoints of neighbouring halves, subnormals too, and the floats beside them."""
    finite = ALL_HALVES[:0x7C00].view(np.float16).astype(np.float64)
    upper = np.append(finite[1:], 65536.0)
    middle = ((finite + upper) / 2).astype(np.float32)
    for values in (
        middle,
        np.nextafter(middle, np.float32(np.inf)),
        np.nextafter(middle, np.float32(0)),
    ):
        for signed in (values, -values):
            assert np.array_equal(to_half(signed), numpy_half(signed))


def test_random_bits_become_numpys_halves():
    bits = np.random.default_rng(1).integers(0, 2**32, 200_000, np.uint32)
    around = np.random.default_rng(2).integers(0x32000000, 0x48000000, 200_000, np.uint32)
    values = np.concatenate([bits, around]).view(np.float32)
    nan = np.isnan(values)
    assert np.array_equal(to_half(values)[~nan], numpy_half(values)[~nan])
    assert np.isnan(to_half(values).view(np.float16)[nan]).all()


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_bf16_is_the_nearer_of_its_neighbours(bits):
    value = np.array([bits], np.uint32).view(np.float32)
    [ours] = quantize("bf16", value).view(np.uint16)
    back = dequantize("bf16", np.array([ours], np.uint16).view(np.uint8))
    if np.isnan(value[0]):
        assert np.isnan(back[0])
        return
    up = (bits & 0xFFFF) + (bits >> 16 & 1) > 0x8000
    assert ours == (bits >> 16) + up


@pytest.mark.parametrize("name", BLOCKS)
def test_zeros_stay_zeros(name):
    for zero in (0.0, -0.0):
        back = dequantize(name, quantize(name, np.full(512, zero, np.float32)))
        assert not back.any()


@pytest.mark.parametrize("name", BLOCKS)
def test_what_is_too_small_for_a_scale_becomes_nearly_zero(name):
    tiny = np.float32(1e-45) * np.arange(-256, 256, dtype=np.float32)
    back = dequantize(name, quantize(name, tiny))
    assert np.abs(back).max() < 1e-37


@pytest.mark.parametrize("name", BLOCKS)
@pytest.mark.parametrize("bad", [np.nan, -np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_spoils_its_block_and_no_other(name, bad):
    values = np.random.default_rng(3).normal(size=768).astype(np.float32)
    values[300] = bad
    back = dequantize(name, quantize(name, values))
    block = next(f.block_weights for f in formats() if f.name == name)
    start = 300 // block * block
    assert not np.isfinite(back[start : start + block]).any()
    others = np.delete(back, slice(start, start + block))
    assert np.isfinite(others).all()
    values[300] = 0
    clean = np.delete(dequantize(name, quantize(name, values)), slice(start, start + block))
    assert np.array_equal(others, clean)


@pytest.mark.parametrize("name", HALF_SCALED)
def test_what_is_too_large_for_a_scale_is_not_hidden(name):
    huge = np.random.default_rng(4).choice([-3e38, 3e38], 256).astype(np.float32)
    assert not np.isfinite(dequantize(name, quantize(name, huge))).any()


@pytest.mark.parametrize("name", ["q8_K", "mxfp4"])
def test_wide_scales_hold_the_largest_floats(name):
    huge = np.random.default_rng(4).choice([-2e38, 2e38], 256).astype(np.float32)
    back = dequantize(name, quantize(name, huge))
    assert np.abs(back / huge - 1).max() < 0.25
