"""Our kernels against ggml's own, from a generic and a native build of the pinned source.

Two kinds of data: ordinary values, where two kernels may differ by the rounding of their sums; and
weights of any bits whose scales are powers of two, with small activations, where every partial sum
is an integer below 2^24 times one unit: then every order of adding gives the same float, and the
answer is that of integer arithmetic.
"""

import ctypes
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from llamabuild import _native
from llamabuild.errors import BadInput, EnvironmentLacks
from llamabuild.kernels import ggml, run
from llamabuild.kernels.formats import dequantize, find_format, formats, quantize
from llamabuild.kernels.ggml_graph import Graph
from llamabuild.kernels.ggml_library import load
from llamabuild.kernels.registry import implementations, missing_features, this_cpu
from llamabuild.kernels.timing import Job, MatMul, time_jobs

ROWS, LENGTH, COLUMNS = 24, 512, 5
TOLERANCE = 1e-5
"""Of the sum of absolute terms."""
NAMES = [f.name for f in formats() if f.activation]
RUNNABLE = [k for k in implementations() if not missing_features(k)]
VARIANTS = ("generic", "native")

# Bytes of a block at which its 16-bit scales stand.
SCALES = {
    "q4_0": (0,), "q4_1": (0, 2), "q5_0": (0,), "q5_1": (0, 2), "q8_0": (0,), "q2_K": (80, 82),
    "q3_K": (108,), "q4_K": (0, 2), "q5_K": (0, 2), "q6_K": (208,), "iq4_nl": (0,),
    "iq4_xs": (0,),
}  # fmt: skip


@pytest.fixture(scope="module")
def ggmls(kernel_library):
    """Return the functions of each variant by (variant, format, shape), and the missing ones."""
    found, missing = {}, {}
    for variant in VARIANTS:
        have, lack = ggml.functions(kernel_library(variant), variant)
        found |= {(variant, f.format, f.shape): f for f in have}
        missing |= {(variant, m.format, m.shape): m for m in lack}
    return found, missing


def ordinary(name):
    rng = np.random.default_rng(11)
    values = rng.standard_normal((ROWS + COLUMNS, LENGTH)) * rng.lognormal(0, 2, (1, LENGTH))
    values = values.astype(np.float32)
    activation = find_format(name).activation
    return quantize(name, values[:ROWS]), quantize(activation, values[ROWS:])


def exact_weights(name, rng):
    if name in ("f32", "f16", "bf16"):
        return quantize(name, rng.integers(-128, 128, (ROWS, LENGTH)).astype(np.float32))
    found = find_format(name)
    blocks = rng.integers(0, 256, (ROWS, LENGTH // found.block_weights, found.block_bytes))
    blocks = blocks.astype(np.uint8)
    if name == "mxfp4":
        blocks[..., 0] = 126
    for at in SCALES.get(name, ()):
        blocks[..., at : at + 2] = np.array([0.25], np.float16).view(np.uint8)
    return blocks.reshape(ROWS, -1)


def exact_activations(name, rng):
    values = rng.integers(-7, 8, (COLUMNS, LENGTH))
    if name in ("f32", "f16", "bf16"):
        return quantize(name, values.astype(np.float32)), values
    blocks = values.reshape(COLUMNS, -1, find_format(name).block_weights).astype(np.int8)
    sums = blocks.sum(-1, dtype=np.int64, keepdims=True)
    half = np.full(sums.shape, 0.5, np.float16)
    parts = {
        "q8_0": [half, blocks],
        "q8_1": [half, (0.5 * sums).astype(np.float16), blocks],
        "q8_K": [
            half.astype(np.float32),
            blocks,
            blocks.reshape(*blocks.shape[:-1], -1, 16).sum(-1, dtype=np.int16),
        ],
    }[name]
    whole = np.concatenate([np.ascontiguousarray(p).view(np.uint8) for p in parts], -1)
    return whole.reshape(COLUMNS, -1), 0.5 * values


def dots_of(kernel, weights, activations):
    """Return float32 (columns, rows) of one of our kernels."""
    if kernel.shape == "vec_dot":
        return np.stack([run.vec_dot(kernel, weights, a) for a in activations])
    packed = run.pack(kernel.format, kernel.panel_rows, weights)
    if kernel.shape == "gemm":
        return run.gemm(kernel, packed, activations, len(weights))
    columns = [run.gemm(kernel, packed, a[None], len(weights)) for a in activations]
    return np.concatenate(columns)


def test_all_formats_have_a_vec_dot_in_both_builds(ggmls):
    found, _ = ggmls
    for name in NAMES:
        addresses = {found[variant, name, "vec_dot"].address for variant in VARIANTS}
        assert len(addresses) == len(VARIANTS)


@pytest.mark.parametrize("kernel", RUNNABLE, ids=lambda k: f"{k.symbol}-{k.panel_rows}")
def test_ordinary_values_agree(kernel, ggmls):
    weights, activations = ordinary(kernel.format)
    rows = weights[: ROWS - 1]  # not whole panels
    ours = dots_of(kernel, rows, activations)
    for variant in VARIANTS:
        theirs, terms = ggml.oracle(ggmls[0][variant, kernel.format, "vec_dot"], rows, activations)
        assert np.abs(theirs).max() > 0
        assert (np.abs(ours - theirs) <= TOLERANCE * terms).all()


@pytest.mark.parametrize("kernel", RUNNABLE, ids=lambda k: f"{k.symbol}-{k.panel_rows}")
def test_integers_agree_exactly(kernel, ggmls):
    rng = np.random.default_rng(13)
    weights = exact_weights(kernel.format, rng)
    activations, values = exact_activations(find_format(kernel.format).activation, rng)
    expected = values @ dequantize(kernel.format, weights).astype(np.float64).T
    assert np.abs(expected).max() > 0
    assert np.array_equal(dots_of(kernel, weights, activations), expected)
    for variant in VARIANTS:
        function = ggmls[0][variant, kernel.format, "vec_dot"]
        assert np.array_equal(dots_of(function, weights, activations), expected)


def interleaved(ggmls, shape):
    return [f for (_, _, s), f in ggmls[0].items() if s == shape]


def test_ggml_runs_its_own_layouts(ggmls):
    """Weights and activations as ggml packs them, through our call of its functions."""
    for shape in ("gemv", "gemm"):
        for function in interleaved(ggmls, shape):
            name = function.format
            values = np.random.default_rng(17).standard_normal((4, LENGTH), np.float32)
            weights, _ = ordinary(name)
            activations = quantize(find_format(name).activation, values)
            plain = ggmls[0]["native", name, "vec_dot"]
            expected, terms = ggml.oracle(plain, weights, activations)
            packed = ggml.repack(function, weights)
            assert packed.ctypes.data % 64 == 0
            if shape == "gemv":
                found = [run.gemm(function, packed, a[None], ROWS) for a in activations]
                dots = np.concatenate(found)
            else:
                dots = run.gemm(function, packed, ggml.quads(function, values), ROWS)
            assert (np.abs(dots - expected) <= TOLERANCE * terms).all(), function.symbol
    if "avx2" in this_cpu().features:
        assert {f.format for f in interleaved(ggmls, "gemv")} >= {"q4_0", "q4_K", "iq4_nl", "mxfp4"}


def test_a_missing_path_has_a_reason(ggmls, kernel_library):
    _, missing = ggmls
    lost = missing["generic", "q6_K", "gemv"]
    assert lost.reason == "llama.cpp doesn't interleave q6_K in this build"
    # Whatever is missing, ggml refuses it too.
    library = load(kernel_library("generic"))
    kind = ggml.facts_of("q6_K").type
    with pytest.raises(EnvironmentLacks, match="can't multiply with weights of this kind"):
        Graph(library, kind, LENGTH, 8, 1, repack=True)


def test_ggml_interleaves_what_the_table_says(kernel_library):
    for variant in VARIANTS:
        library = load(kernel_library(variant))
        for name in NAMES:
            kind = ggml.facts_of(name).type
            try:
                with Graph(library, kind, LENGTH, 8, 1, repack=True):
                    repacked = True
            except EnvironmentLacks:
                repacked = False
            assert repacked == (ggml.layout_of(library, name) is not None), name


@pytest.mark.parametrize("repack", [False, True])
def test_a_whole_product_agrees(ggmls, kernel_library, repack):
    values = np.random.default_rng(19).standard_normal((32, LENGTH), np.float32)
    weights, _ = ordinary("q4_K")
    library = load(kernel_library("native"))
    if repack and ggml.layout_of(library, "q4_K") is None:
        pytest.skip("this build doesn't interleave q4_K")
    expected, terms = ggml.oracle(
        ggmls[0]["native", "q4_K", "vec_dot"], weights, quantize("q8_K", values)
    )
    kind = ggml.facts_of("q4_K").type
    with Graph(library, kind, LENGTH, ROWS, 32, repack=repack, threads=2) as graph:
        graph.set_weights(weights)
        graph.set_activations(values)
        graph.compute()
        found = graph.result()
        with pytest.raises(ValueError, match="expected 65536 bytes, found 2048"):
            graph.set_activations(values[:1])
    assert (np.abs(found - expected) <= TOLERANCE * terms).all()


def test_a_product_is_timed_as_its_kernel_is(ggmls, kernel_library):
    """The interleaved gemm by itself and within a MUL_MAT, whose conversion is subtracted.

    With few rows the conversion is a large part of a product, which the difference must not show.
    """
    gemm = ggmls[0].get(("native", "q4_K", "gemm"))
    if gemm is None:
        pytest.skip("this build doesn't interleave q4_K")
    path = str(kernel_library("native"))
    whole = MatMul(format="q4_K", by="ggml:native", library=path, repack=True)
    cpu = min(os.sched_getaffinity(0))
    jobs = [Job(kernel=k, length=4096, rows=512, cpus=(cpu,), columns=64) for k in (gemm, whole)]
    samples = time_jobs(jobs, 15, seed=1)
    alone, within = (np.array(samples[job]) for job in jobs)
    assert 0.85 < np.median(within / alone) < 1.15


def test_ours_and_ggmls_are_timed_together(ggmls, kernel_library):
    cpu = min(os.sched_getaffinity(0))
    theirs = [f for f in ggmls[0].values() if f.format == "q4_K"]
    ours = [k for k in RUNNABLE if k.format == "q4_K"]
    path = str(kernel_library("native"))
    whole = [
        MatMul(format="q4_K", by="ggml:native", library=path, repack=repack)
        for repack in (False, True)
    ]
    jobs = [
        Job(kernel=k, length=256, rows=512, cpus=(cpu,), columns=4 if k.shape == "gemm" else 1)
        for k in [*theirs, *ours, *whole]
    ]
    lost = {}
    taken = time_jobs(jobs, 2, seed=1, on_failure=lost.__setitem__)
    assert set(taken) | set(lost) == set(jobs)
    # Only a build that doesn't interleave the format can't be timed with it interleaved.
    interleaves = ggml.layout_of(load(kernel_library("native")), "q4_K") is not None
    assert [job.kernel for job in lost] == ([] if interleaves else [whole[1]])
    assert all(min(samples) > 0 for samples in taken.values())


# A breakpoint at the entry of one build's vec_dot, then a whole product with another build.
CROSSING = """
import ctypes, mmap, sys
from pathlib import Path
import numpy as np
from llamabuild.kernels import ggml
from llamabuild.kernels.ggml_graph import Graph
from llamabuild.kernels.ggml_library import load

victim, used = map(Path, sys.argv[1:])
libraries = [load(victim), load(used)]
address = libraries[0].address("ggml_vec_dot_q3_K_q8_K")
access = mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
page = ctypes.c_void_p(address & -mmap.PAGESIZE)
if ctypes.CDLL(None).mprotect(page, mmap.PAGESIZE, access) != 0:
    sys.exit(77)
ctypes.memset(address, 0xCC, 1)
with Graph(libraries[1], ggml.facts_of("q3_K").type, 256, 8, 1, repack=False) as graph:
    graph.set_weights(np.zeros((8, 110), np.uint8))
    graph.set_activations(np.ones((1, 256), np.float32))
    graph.compute()
"""


def test_builds_in_one_process_call_their_own_functions(kernel_library, tmp_path):
    if this_cpu().architecture != "x86_64":
        pytest.skip("0xCC is a breakpoint on x86 only")
    script = tmp_path / "crossing.py"
    script.write_text(textwrap.dedent(CROSSING))
    for victim in VARIANTS:
        for used in VARIANTS:
            paths = [kernel_library(victim), kernel_library(used)]
            done = subprocess.run(
                [sys.executable, script, *paths], capture_output=True, text=True, check=False
            )
            if done.returncode == 77:
                pytest.skip("this system doesn't let code be written")
            assert done.returncode == (-5 if victim == used else 0), done.stderr


def test_functions_lie_in_their_own_file(ggmls, kernel_library):
    for (variant, _, _), function in ggmls[0].items():
        assert _native.file_at(function.address) == str(kernel_library(variant).resolve())


def test_libraries_that_cannot_be_used_are_named(kernel_library, tmp_path):
    with pytest.raises(EnvironmentLacks, match="libggml-cpu.so is not there"):
        load(tmp_path / "libggml-cpu.so")
    damaged = tmp_path / "libggml-cpu.so"
    damaged.write_bytes(kernel_library("generic").read_bytes()[:20000])
    with pytest.raises(EnvironmentLacks, match="no libggml-base beside libggml-cpu.so"):
        load(damaged)
    base = next(kernel_library("generic").parent.glob("libggml-base.so"))
    (tmp_path / "libggml-base.so").write_bytes(base.read_bytes())
    with pytest.raises(EnvironmentLacks, match="libggml-cpu.so can't be used on this machine"):
        load(damaged)
    with pytest.raises(BadInput, match="did you mean 'q4_K'"):
        ggml.functions(kernel_library("generic"), "generic", ("q4_k",))


def test_a_library_for_another_cpu_is_named(kernel_library, tmp_path):
    """An undefined instruction at the entry of its initialisation stands in for another CPU."""
    source = kernel_library("generic")
    folder = tmp_path / "other"
    folder.mkdir()
    for name in ("libggml-base.so.0", "libggml-base.so"):
        (folder / name).write_bytes((source.parent / name).read_bytes())
    library = load(source)
    code = bytearray(source.read_bytes())
    entry = ctypes.string_at(library.address("ggml_cpu_init"), 32)
    assert code.count(entry) == 1
    at = code.index(entry)
    code[at : at + 2] = b"\x0f\x0b" if this_cpu().architecture == "x86_64" else b"\x00\x00"
    (folder / "libggml-cpu.so").write_bytes(code)
    with pytest.raises(EnvironmentLacks, match="loading it was ended by SIGILL: build it for this"):
        load(folder / "libggml-cpu.so")


def test_rows_and_columns_that_ggml_does_not_take_are_told(ggmls):
    gemm = interleaved(ggmls, "gemm")
    if not gemm:
        pytest.skip("this CPU interleaves nothing")
    weights, _ = ordinary(gemm[0].format)
    with pytest.raises(ValueError, match="7 rows: expected a multiple of"):
        ggml.repack(gemm[0], weights[:7])
    with pytest.raises(ValueError, match="3 columns: expected a multiple of 4"):
        ggml.quads(gemm[0], np.zeros((3, LENGTH), np.float32))
