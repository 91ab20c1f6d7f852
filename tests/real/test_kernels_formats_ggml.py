"""Formats against ggml's own reference conversions, called in a built libggml-base."""

import ctypes

import numpy as np
import pytest

from llamabuild.kernels.formats import dequantize, find_format, formats, quantize, row_bytes

NAMES = tuple(f.name for f in formats() if f.name != "f32")
SEARCHED = ("q2_K", "q3_K", "q4_K", "q5_K", "q6_K", "iq4_nl", "iq4_xs")
EXACT = tuple(n for n in NAMES if n not in SEARCHED)
WORSE = 1.1
"""Root mean square error of our searched encodings over that of ggml's reference."""

ENCODERS = {"f16": "ggml_fp32_to_fp16_row", "bf16": "ggml_fp32_to_bf16_row_ref"}
DECODERS = {"f16": "ggml_fp16_to_fp32_row", "bf16": "ggml_bf16_to_fp32_row"}
SIZE = 128 * 256


@pytest.fixture(scope="module")
def ggml(built):
    """Return ggml's base library, whose conversions are scalar in every build."""
    [library] = [p for p in built["generic"].glob("libggml-base.so*") if not p.is_symlink()]
    return ctypes.CDLL(str(library))


def call(function, source, target, n):
    function.restype = None
    function.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
    function(source.ctypes.data, target.ctypes.data, n)
    return target


def ggml_quantize(ggml, name, values):
    # Zeroed, because ggml leaves the sums of a q8_K block of zeros as they are.
    blocks = np.zeros(row_bytes(name, values.size), np.uint8)
    function = getattr(ggml, ENCODERS.get(name, f"quantize_row_{name}_ref"))
    return call(function, values, blocks, values.size)


def ggml_dequantize(ggml, name, blocks):
    found = find_format(name)
    values = np.empty(blocks.size // found.block_bytes * found.block_weights, np.float32)
    function = getattr(ggml, DECODERS.get(name, f"dequantize_row_{name}"))
    return call(function, blocks, values, values.size)


def data():
    """Return rows that differ in shape, spread, sign and sparsity; finite and well within float."""
    random = np.random.default_rng(11)
    normal = random.normal(size=SIZE)
    rows = {
        "normal": normal,
        "uniform": random.uniform(-1, 1, SIZE),
        "outliers": normal * np.where(random.random(SIZE) < 0.01, 30, 1),
        "heavy tails": random.standard_t(2, SIZE),
        "positive": random.random(SIZE),
        "negative": -random.random(SIZE),
        "far from zero": normal + 5,
        "sparse": normal * (random.random(SIZE) < 0.02),
        "many magnitudes": normal * np.repeat(10.0 ** random.uniform(-3, 3, SIZE // 16), 16),
        "ties": np.round(normal * 4) / 4,
        "constant": np.full(SIZE, -2.5),
        "zeros": np.zeros(SIZE),
        "near the largest half": normal * 1e4,
        "near the smallest half": normal * 1e-7,
    }
    return {name: values.astype(np.float32) for name, values in rows.items()}


def rms(name, blocks, values):
    off = dequantize(name, blocks).astype(np.float64) - values
    return float(np.sqrt(np.mean(off**2)))


@pytest.mark.parametrize("name", [n for n in NAMES if n != "q8_1"])  # ggml can't decode q8_1
def test_any_bits_decode_as_in_ggml(ggml, name):
    size = 20_000 * find_format(name).block_bytes if name not in {"f16", "bf16"} else 2 * 65536
    blocks = np.random.default_rng(5).integers(0, 256, size, np.uint8)
    if name in {"f16", "bf16"}:
        blocks = np.arange(65536, dtype=np.uint16).view(np.uint8)
    ours, theirs = dequantize(name, blocks), ggml_dequantize(ggml, name, blocks)
    nan = np.isnan(ours) & np.isnan(theirs)
    assert np.array_equal(ours.view(np.uint32)[~nan], theirs.view(np.uint32)[~nan])
    assert nan.mean() < 0.1


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("kind", data())
def test_simple_encodings_are_ggmls(ggml, name, kind):
    values = data()[kind]
    assert np.array_equal(quantize(name, values), ggml_quantize(ggml, name, values))


@pytest.mark.parametrize("name", SEARCHED)
@pytest.mark.parametrize("kind", data())
def test_searched_encodings_leave_no_more_error_than_ggmls(ggml, name, kind, record_property):
    values = data()[kind]
    ours = rms(name, quantize(name, values), values)
    theirs = rms(name, ggml_quantize(ggml, name, values), values)
    record_property("ratio", ours / theirs if theirs else None)
    assert ours <= WORSE * theirs


@pytest.mark.parametrize("name", SEARCHED)
def test_ggml_reads_our_searched_encodings_as_we_do(ggml, name):
    blocks = quantize(name, data()["normal"])
    assert np.array_equal(dequantize(name, blocks), ggml_dequantize(ggml, name, blocks))
