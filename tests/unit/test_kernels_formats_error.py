"""How well rows survive: errors of known size for each format, and what no format may do worse."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llamabuild.kernels.formats import dequantize, formats, quantize

SIZE = 64 * 256

# Root mean square error over the values' own that ggml's reference encodings leave of samples(), for
# the normal and the uniform ones (tests/real/test_kernels_formats_ggml.py asks ggml itself).
GGML = {
    "q2_K": (0.2959, 0.2321),
    "q3_K": (0.1515, 0.1246),
    "q4_K": (0.0717, 0.0543),
    "q5_K": (0.0362, 0.0275),
    "q6_K": (0.0179, 0.0132),
    "iq4_nl": (0.0787, 0.0677),
    "iq4_xs": (0.0767, 0.0648),
}


def samples(kind, seed=7):
    random = np.random.default_rng(seed)
    values = random.normal(size=SIZE) if kind == "normal" else random.uniform(-1, 1, SIZE)
    return values.astype(np.float32)


def relative_error(name, values):
    off = dequantize(name, quantize(name, values)).astype(np.float64) - values
    return float(np.sqrt(np.mean(off**2) / np.mean(values.astype(np.float64) ** 2)))


@pytest.mark.parametrize("name", GGML)
def test_searched_scales_leave_no_more_error_than_ggmls(name):
    for kind, ggml in zip(("normal", "uniform"), GGML[name], strict=True):
        assert 0.8 * ggml < relative_error(name, samples(kind)) < 1.01 * ggml, kind


@pytest.mark.parametrize("kind", ["normal", "uniform"])
def test_more_bits_leave_less_error(kind):
    order = ("q2_K", "q3_K", "q4_K", "q5_K", "q6_K", "q8_0", "f16", "f32")
    errors = [relative_error(name, samples(kind)) for name in order]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] == 0


@pytest.mark.parametrize("name", GGML)
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), power=st.integers(0, 12))
def test_a_power_of_two_scales_the_error_and_nothing_else(name, seed, power):
    values = np.random.default_rng(seed).normal(size=256).astype(np.float32)
    scaled = values * np.float32(2**power)
    assert relative_error(name, scaled) == pytest.approx(relative_error(name, values), rel=1e-6)


@pytest.mark.parametrize("name", [f.name for f in formats() if f.name != "mxfp4"])
@pytest.mark.parametrize("value", [2.5, -2.5])
def test_a_constant_row_is_nearly_exact(name, value):
    values = np.full(256, value, np.float32)
    assert relative_error(name, values) < 5e-3


@pytest.mark.parametrize("name", [f.name for f in formats()])
def test_what_was_quantized_once_is_kept_by_a_second_time(name):
    once = dequantize(name, quantize(name, samples("normal")))
    assert relative_error(name, once) < 0.25 * max(relative_error(name, samples("normal")), 1e-7)
