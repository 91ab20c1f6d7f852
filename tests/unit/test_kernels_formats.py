"""Formats from Python: the table, what goes in and out, and the gguf package as an oracle."""

import threading
import tracemalloc

import gguf
import numpy as np
import pytest
from gguf import GGMLQuantizationType
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from llamabuild import _native
from llamabuild.errors import BadInput
from llamabuild.kernels.formats import dequantize, find_format, formats, quantize, row_bytes

NAMES = tuple(f.name for f in formats())
BLOCKS = tuple(n for n in NAMES if n not in {"f16", "bf16", "f32"})
LEGACY = ("q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "mxfp4")
"""Encodings without a search, for which there is one right answer."""
IN_GGUF = tuple(n for n in NAMES if n not in {"q8_1", "q8_K"})
"""The gguf package doesn't convert activations."""

# Nothing so small that 1 / d isn't a float: there ggml's own arithmetic is undefined.
numbers = st.one_of(
    st.just(0.0),
    st.floats(2.0**-60, 1e4, width=32),
    st.floats(-1e4, -(2.0**-60), width=32),
)
rows = st.integers(1, 3).flatmap(lambda n: arrays(np.float32, n * 32, elements=numbers))
seeds = st.integers(0, 2**32 - 1)


def kind(name):
    return GGMLQuantizationType[name.upper()]


def same_floats(a, b):
    """Bit for bit, but any NaN is as good as any other."""
    assert a.shape == b.shape
    either = np.isnan(a) & np.isnan(b)
    assert np.array_equal(a.view(np.uint32)[~either], b.view(np.uint32)[~either])


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_all_formats_of_the_kernels_are_there():
    assert list(NAMES) == [
        *("q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q8_1"),
        *("q2_K", "q3_K", "q4_K", "q5_K", "q6_K", "q8_K"),
        *("iq4_nl", "iq4_xs", "mxfp4", "f16", "bf16", "f32"),
    ]


@pytest.mark.parametrize("name", NAMES)
def test_blocks_are_as_large_as_gguf_says(name):
    found = find_format(name)
    weights, size = gguf.GGML_QUANT_SIZES[kind(name)]
    if name == "q8_1":  # gguf still counts the two halves as floats
        size = 36
    assert (found.block_weights, found.block_bytes) == (weights, size)


def test_activations_are_formats_and_ggmls():
    table = {f.name: f.activation for f in formats()}
    assert {a for a in table.values() if a is not None} <= set(NAMES)
    assert [n for n, a in table.items() if a is None] == ["q8_1", "q8_K"]
    assert (table["q4_0"], table["q4_1"], table["iq4_xs"]) == ("q8_0", "q8_1", "q8_K")


@settings(deadline=None)
@given(name=st.sampled_from(LEGACY), values=rows)
def test_simple_encodings_are_those_of_gguf(name, values):
    with np.errstate(all="ignore"):
        expected = gguf.quants.quantize(values, kind(name))
    assert np.array_equal(quantize(name, values), expected)


@settings(deadline=None)
@given(values=arrays(np.float32, 64, elements=st.floats(width=32, allow_nan=False)))
def test_short_floats_are_those_of_gguf(values):
    with np.errstate(all="ignore"):
        f16 = values.astype(np.float16).view(np.uint8)
    assert np.array_equal(quantize("f16", values), f16)
    bf16 = gguf.quants.quantize(values, GGMLQuantizationType.BF16)
    # gguf rounds a subnormal to zero before it rounds it to bf16.
    normal = np.repeat((np.abs(values) >= np.finfo(np.float32).tiny) | (values == 0), 2)
    assert np.array_equal(quantize("bf16", values)[normal], bf16[normal])


@pytest.mark.parametrize("name", IN_GGUF)
@settings(max_examples=20, deadline=None)
@given(count=st.integers(1, 3), seed=seeds)
def test_any_bits_decode_as_in_gguf(name, count, seed):
    size = count * find_format(name).block_bytes * (32 if name in {"f16", "bf16", "f32"} else 1)
    blocks = np.random.default_rng(seed).integers(0, 256, size, np.uint8)
    if name == "mxfp4":  # E8M0's NaN, which gguf reads as ggml does; every scale but this is tried
        blocks[::17] %= 255
    with np.errstate(all="ignore"):
        expected = gguf.quants.dequantize(blocks, kind(name))
    same_floats(dequantize(name, blocks), expected.reshape(-1).astype(np.float32))


@settings(deadline=None)
@given(values=arrays(np.float32, 256, elements=numbers))
def test_activation_sums_are_those_of_their_bytes(values):
    q8_1 = quantize("q8_1", values).reshape(8, 36)
    q8_0 = quantize("q8_0", values).reshape(8, 34)
    assert np.array_equal(q8_1[:, :2], q8_0[:, :2])
    assert np.array_equal(q8_1[:, 4:], q8_0[:, 2:])
    d = np.abs(values.reshape(8, 32)).max(axis=1) / np.float32(127)
    sums = q8_1[:, 4:].view(np.int8).astype(np.float32).sum(axis=1)
    with np.errstate(over="ignore"):
        assert np.array_equal(q8_1[:, 2:4].copy().view(np.float16)[:, 0], (sums * d).astype("f2"))
    q8_k = quantize("q8_K", values)
    levels = q8_k[4:260].view(np.int8).astype(int)
    assert np.array_equal(q8_k[260:].view(np.int16), levels.reshape(16, 16).sum(axis=1))
    assert np.abs(levels).max() == (127 if values.any() else 0)


@pytest.mark.parametrize("name", NAMES)
def test_leading_dimensions_stay_and_rows_do_not_mix(name):
    values = noise(2, 3, 512)
    blocks = quantize(name, values)
    assert (blocks.shape, blocks.dtype) == ((2, 3, row_bytes(name, 512)), np.uint8)
    assert np.array_equal(blocks[1, 2], quantize(name, values[1, 2]))
    back = dequantize(name, blocks)
    assert (back.shape, back.dtype) == ((2, 3, 512), np.float32)
    assert np.array_equal(back[1, 2], dequantize(name, blocks[1, 2]))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 256)])
def test_nothing_becomes_nothing(name, shape):
    blocks = quantize(name, np.empty(shape, np.float32))
    assert blocks.shape == (*shape[:-1], row_bytes(name, shape[-1]))
    assert dequantize(name, blocks).shape == shape


@pytest.mark.parametrize("name", NAMES)
def test_views_read_only_and_unaligned_arrays_are_taken(name):
    values = noise(4, 512)
    expected = quantize(name, values[::2, ::-1].copy())
    assert np.array_equal(quantize(name, values[::2, ::-1]), expected)
    shifted = np.zeros(expected.size + 1, np.uint8)[1:].reshape(expected.shape)
    shifted[...] = expected
    shifted.flags.writeable = False
    assert np.array_equal(dequantize(name, shifted), dequantize(name, expected))
    floats = np.zeros(4 * 512 + 1, np.uint8)[1:].view(np.float32)
    floats[...] = values[0]
    assert np.array_equal(quantize(name, floats), quantize(name, values[0]))


@pytest.mark.parametrize("name", ["q8_0", "f16"])
def test_contiguous_arrays_are_not_copied(name):
    values = noise(1 << 20)
    blocks = quantize(name, values)
    tracemalloc.start()
    quantize(name, values)
    while_quantizing = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    dequantize(name, blocks)
    while_dequantizing = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert blocks.nbytes <= while_quantizing < blocks.nbytes + 100_000
    assert values.nbytes <= while_dequantizing < values.nbytes + 100_000


def test_inputs_stay_as_they_were():
    values = noise(256)
    kept = values.copy()
    blocks = quantize("q4_K", values)
    kept_blocks = blocks.copy()
    dequantize("q4_K", blocks)
    assert np.array_equal(values, kept)
    assert np.array_equal(blocks, kept_blocks)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: quantize("q4_0", np.zeros(33, np.float32)), "multiple of 32 weights, not 33"),
        (lambda: quantize("q4_K", np.zeros((2, 32), np.float32)), "multiple of 256 weights"),
        (lambda: quantize("q4_0", np.zeros(32)), "values must be float32, not float64"),
        (lambda: quantize("q4_0", np.zeros(32, ">f4")), "values must be float32, not >f4"),
        (lambda: quantize("q4_0", np.float32(1)), "at least one dimension"),
        (lambda: dequantize("q4_0", np.zeros(19, np.uint8)), "multiple of 18 bytes, not 19"),
        (lambda: dequantize("q4_0", np.zeros(18, np.int8)), "blocks must be uint8, not int8"),
        (lambda: row_bytes("q8_0", -32), "not -32"),
        (lambda: row_bytes("q8_0", 31), "multiple of 32 weights, not 31"),
    ],
)
def test_what_does_not_fit_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("name", "hint"), [("q4_k", "did you mean 'q4_K'?"), ("nothing", "known are q4_0, q4_1")]
)
def test_an_unknown_format_is_named_with_a_hint(name, hint):
    for call in (
        lambda: find_format(name),
        lambda: row_bytes(name, 32),
        lambda: quantize(name, noise(32)),
        lambda: dequantize(name, np.zeros(18, np.uint8)),
    ):
        with pytest.raises(BadInput, match=f"unknown format '{name}'") as caught:
            call()
        assert hint in str(caught.value)


def test_the_extension_itself_writes_nothing_that_does_not_fit():
    with pytest.raises(ValueError, match="unknown format"):
        _native.quantize("q4_k", noise(256), np.empty(144, np.uint8))
    with pytest.raises(ValueError, match="not the same blocks of q4_0"):
        _native.quantize("q4_0", noise(64), np.empty(18, np.uint8))
    with pytest.raises(ValueError, match="not the same blocks of q4_0"):
        _native.dequantize("q4_0", np.empty(36, np.uint8), np.empty(32, np.float32))
    frozen = np.zeros(18, np.uint8)
    frozen.flags.writeable = False
    with pytest.raises(ValueError, match="not writeable"):
        _native.quantize("q4_0", noise(32), frozen)
    with pytest.raises(TypeError):  # a copy of this would be written to
        _native.quantize("q4_0", noise(32), np.zeros(36, np.uint8)[::2])
    assert not frozen.any()


def test_the_gil_is_released():
    """While one thread quantizes for a long time, this one goes on."""
    values = noise(1500 * 256)
    done = threading.Event()

    def work():
        quantize("iq4_xs", values)
        done.set()

    worker = threading.Thread(target=work)
    worker.start()
    turns = 0
    while not done.wait(0.0005):
        turns += 1
    worker.join()
    assert turns >= 3
