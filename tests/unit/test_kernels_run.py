"""The registry of kernels, and running one on arrays."""

import ctypes
import subprocess
import sys
import textwrap

import msgspec
import numpy as np
import pytest

from llamabuild.errors import BadInput, EnvironmentLacks
from llamabuild.kernels import run
from llamabuild.kernels.formats import find_format, formats, quantize
from llamabuild.kernels.ggml import GgmlFunction
from llamabuild.kernels.registry import (
    SHAPES,
    choose,
    implementations,
    instruction_sets,
    missing_features,
    require,
    this_cpu,
)
from llamabuild.machine.features import feature_table

ROWS, LENGTH, COLUMNS = 19, 512, 3
RUNNABLE = [k for k in implementations() if not missing_features(k)]


@pytest.fixture(scope="module")
def data():
    """Return weights and activations of a format: uint8 arrays of rows."""
    made = {}

    def make(name):
        if name not in made:
            rng = np.random.default_rng(7)
            activation = find_format(name).activation
            made[name] = (
                quantize(name, rng.standard_normal((ROWS, LENGTH), np.float32)),
                quantize(activation, rng.standard_normal((COLUMNS, LENGTH), np.float32)),
            )
        return made[name]

    return make


def test_every_weight_format_has_a_reference():
    named = {f.name for f in formats() if f.activation}
    assert {k.format for k in implementations(shape="vec_dot", isa="scalar")} == named


def test_symbols_follow_the_rule_and_are_all_different():
    symbols = [k.symbol for k in implementations()]
    assert len(set(symbols)) == len(symbols)
    for k in implementations():
        panel = f"_{k.panel_rows}" if k.shape != "vec_dot" else ""
        assert k.symbol in {f"lb_{k.shape}_{k.format}{p}_{k.isa}" for p in {panel, ""}}


def test_features_are_names_that_detection_knows():
    weakest = instruction_sets()[0]
    assert (weakest.name, weakest.features) == ("scalar", ())
    known = {f.name for f in feature_table().feature}
    assert {f for i in instruction_sets() for f in i.features} <= known


def test_the_best_that_the_cpu_has_is_chosen():
    order = [i.name for i in instruction_sets()]
    for kernel in implementations(shape="vec_dot"):
        runnable = [k.isa for k in RUNNABLE if (k.format, k.shape) == (kernel.format, "vec_dot")]
        assert choose(kernel.format, "vec_dot").isa == max(runnable, key=order.index)
    plain = msgspec.structs.replace(this_cpu(), features=())
    assert choose("q4_K", "vec_dot", cpu=plain).isa == "scalar"


def test_any_can_be_forced():
    for kernel in RUNNABLE:
        assert choose(kernel.format, kernel.shape, kernel.isa, kernel.panel_rows) == kernel


def test_what_the_cpu_lacks_is_named_and_refused(data):
    plain = msgspec.structs.replace(this_cpu(), features=())
    forced = next(k for k in implementations(shape="vec_dot") if k.features)
    with pytest.raises(EnvironmentLacks, match=" and ".join(forced.features)):
        choose(forced.format, "vec_dot", forced.isa, cpu=plain)
    with pytest.raises(EnvironmentLacks, match="it can run scalar"):
        require(forced, plain)
    impossible = msgspec.structs.replace(forced, features=("warp_drive",))
    weights, activations = data(forced.format)
    with pytest.raises(EnvironmentLacks, match="warp_drive, which this CPU lacks"):
        run.vec_dot(impossible, weights, activations[0])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("q4_k", "vec_dot"), "did you mean 'q4_K'"),
        (("q4_K", "vecdot"), "did you mean 'vec_dot'"),
        (("q4_K", "vec_dot", "avx-2"), "instruction set"),
        (("q8_K", "vec_dot"), "no format with kernels"),
        (("q4_K", "gemv", None, 9), "9 rows a panel: there is 8, 16"),
    ],
)
def test_unknown_names_are_told(arguments, said):
    with pytest.raises(BadInput, match=said):
        choose(*arguments)


@pytest.mark.parametrize("kernel", RUNNABLE, ids=lambda k: f"{k.symbol}-{k.panel_rows}")
def test_each_agrees_with_the_reference(kernel, data):
    weights, activations = data(kernel.format)
    reference = choose(kernel.format, "vec_dot", "scalar")
    expected = np.stack([run.vec_dot(reference, weights, a) for a in activations])
    assert expected.shape == (COLUMNS, ROWS)
    assert expected.dtype == np.float32
    assert np.abs(expected).max() > 1
    if kernel.shape == "vec_dot":
        found = np.stack([run.vec_dot(kernel, weights, a) for a in activations])
    else:
        packed = run.pack(kernel.format, kernel.panel_rows, weights)
        step = 1 if kernel.shape == "gemv" else COLUMNS
        found = np.concatenate(
            [
                run.gemm(kernel, packed, activations[c : c + step], ROWS)
                for c in range(0, COLUMNS, step)
            ]
        )
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=3e-4)


def test_packing_has_an_inverse_and_is_aligned(data):
    for name, panel in {(k.format, k.panel_rows) for k in implementations(shape="gemv")}:
        weights, _ = data(name)
        packed = run.pack(name, panel, weights)
        assert packed.ctypes.data % 64 == 0
        assert packed.size == -(-ROWS // panel) * panel * weights.shape[1]
        assert np.array_equal(run.unpack(name, panel, packed, ROWS, LENGTH), weights)
        assert not np.array_equal(packed[: weights.size], weights.reshape(-1))


def test_rows_may_lie_apart_and_unaligned(data):
    weights, activations = data("q4_K")
    kernel = choose("q4_K", "vec_dot")
    apart = np.zeros((ROWS, weights.shape[1] + 7), np.uint8)[:, 3:-4]
    apart[:] = weights
    expected = run.vec_dot(kernel, weights, activations[0])
    assert np.array_equal(run.vec_dot(kernel, apart, activations[0]), expected)
    assert np.array_equal(run.vec_dot(kernel, weights[::-1], activations[0]), expected[::-1])


def test_no_rows_give_no_dots(data):
    weights, activations = data("q4_K")
    assert run.vec_dot(choose("q4_K", "vec_dot"), weights[:0], activations[0]).shape == (0,)
    kernel = choose("q4_K", "gemm")
    packed = run.pack("q4_K", kernel.panel_rows, weights[:0])
    assert run.gemm(kernel, packed, activations, 0).shape == (COLUMNS, 0)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda w, a: (w, a[:-1]), "activation: expected 584 bytes, found 583"),
        (lambda w, a: (w[:, :-1], a), "of 287 bytes: expected a multiple of 144 bytes"),
        (lambda w, a: (w[:, :0], a), "of 0 bytes: expected a multiple of 144"),
        (lambda w, a: (w[0], a), "weights: expected 2 axes, found 1"),
        (lambda w, a: (w.astype(np.int16), a), r"expected bytes \(uint8\), found int16"),
        (lambda w, a: (w[:, ::2], a), "contiguous"),
    ],
)
def test_what_does_not_fit_vec_dot_is_told(data, spoil, said):
    weights, activations = data("q4_K")
    with pytest.raises(ValueError, match=said):
        run.vec_dot(choose("q4_K", "vec_dot"), *spoil(weights, activations[0]))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda p, a, r: (p[:-1], a, r), "packed weights: expected 9216 bytes, found 9215"),
        (lambda p, a, r: (p, a, r + 20), "packed weights: expected"),
        (lambda p, a, r: (p, a, -1), "not a count"),
        (lambda p, a, r: (p, a[:, :-1].copy(), r), "expected a multiple of 292 bytes"),
        (lambda p, a, r: (p, a[::2], r), "without gaps"),
        (lambda p, a, r: (p, a[0], r), "2 axes"),
    ],
)
def test_what_does_not_fit_gemm_is_told(data, spoil, said):
    weights, activations = data("q4_K")
    kernel = choose("q4_K", "gemm", panel_rows=16)
    packed = run.pack("q4_K", 16, weights)
    assert packed.size == 9216
    with pytest.raises(ValueError, match=said):
        run.gemm(kernel, *spoil(packed, activations, ROWS))


def test_what_a_kernel_leaves_out_is_not_a_number(data):
    """A function that writes nothing, in the place of a kernel."""
    weights, activations = data("q4_K")
    kernel = choose("q4_K", "gemm")
    packed = run.pack("q4_K", kernel.panel_rows, weights)
    nothing = ctypes.cast(ctypes.CDLL(None).getpid, ctypes.c_void_p).value
    for _ in range(3):
        idle = msgspec.structs.replace(kernel, address=nothing)
        assert np.isnan(run.gemm(idle, packed, activations, ROWS)).all()
        run.gemm(kernel, packed, activations, ROWS)  # the memory of the next one


def test_ggmls_kernels_take_whole_panels_and_fours(data):
    weights, activations = data("q4_K")
    ours = choose("q4_K", "gemm", panel_rows=8)
    packed = run.pack("q4_K", 8, weights)
    fields = {name: getattr(ours, name) for name in ("format", "address", "features", "panel_rows")}
    for shape, rows, columns, said in (
        ("gemm", ROWS, 1, "rows: ggml_x takes a multiple of 8, not 19"),
        ("gemv", ROWS, 1, "rows: ggml_x takes a multiple of 8, not 19"),
        ("gemm", 24, 3, "columns: ggml_x takes a multiple of 4, not 3"),
    ):
        theirs = GgmlFunction(**fields, shape=shape, symbol="ggml_x", by="", library="")
        with pytest.raises(ValueError, match=said):
            run.gemm(theirs, packed, activations[:columns], rows)


def test_shapes_are_not_mixed_up(data):
    weights, activations = data("q4_K")
    packed = run.pack("q4_K", 16, weights)
    with pytest.raises(ValueError, match="expected a kernel of the shape vec_dot"):
        run.vec_dot(choose("q4_K", "gemm"), weights, activations[0])
    with pytest.raises(ValueError, match="gemv or gemm"):
        run.gemm(choose("q4_K", "vec_dot"), packed, activations, ROWS)
    with pytest.raises(ValueError, match="expected 1 row for gemv"):
        run.gemm(choose("q4_K", "gemv", panel_rows=16), packed, activations, ROWS)


def test_what_does_not_fit_packing_is_told(data):
    weights, _ = data("q4_K")
    for panel in (-8, 0, 7):
        with pytest.raises(ValueError, match="rows a panel"):
            run.pack("q4_K", panel, weights)
    with pytest.raises(ValueError, match="2 axes"):
        run.pack("q4_K", 8, weights[0])
    with pytest.raises(ValueError, match="multiple of 144"):
        run.pack("q4_K", 8, weights[:, :100].copy())
    packed = run.pack("q4_K", 8, weights)
    with pytest.raises(ValueError, match="a row of 100 weights"):
        run.unpack("q4_K", 8, packed, ROWS, 100)
    with pytest.raises(ValueError, match="packed weights: expected"):
        run.unpack("q4_K", 8, packed, ROWS, 256)


# Runs every kernel of a format while a breakpoint stands at the entry of one; prints the name of
# each that met it. A child process for each run, because the breakpoint ends it.
TRAP = """
import ctypes, mmap, os, sys
import numpy as np
from llamabuild.kernels import run
from llamabuild.kernels.formats import find_format, row_bytes
from llamabuild.kernels.registry import choose, implementations, missing_features

libc = ctypes.CDLL(None, use_errno=True)

def call(kernel):
    if kernel.shape == "vec_dot":
        return run.vec_dot(kernel, weights, activations[0])
    return run.gemm(kernel, packed[kernel.panel_rows], activations, 16)

for name in sys.argv[2:]:
    weights = np.zeros((16, row_bytes(name, 256)), np.uint8)
    activations = np.zeros((1, row_bytes(find_format(name).activation, 256)), np.uint8)
    kernels = [k for k in implementations(name) if not missing_features(k)]
    packed = {k.panel_rows: run.pack(name, k.panel_rows, weights) for k in kernels if k.panel_rows}
    shapes = dict.fromkeys(k.shape for k in kernels)
    victims = kernels if sys.argv[1] == "each" else [choose(name, shape) for shape in shapes]
    for victim in victims:
        for kernel in kernels:
            if (child := os.fork()) == 0:
                page = victim.address & -mmap.PAGESIZE
                access = mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
                if libc.mprotect(ctypes.c_void_p(page), mmap.PAGESIZE, access) != 0:
                    os._exit(77)
                ctypes.memset(victim.address, 0xCC, 1)
                os._exit(0 if not call(kernel).any() else 1)
            status = os.waitpid(child, 0)[1]
            if status != 0:
                ended = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
                print(victim.symbol, victim.panel_rows, kernel.symbol, kernel.panel_rows, ended)
"""


def met_a_breakpoint(folder, which, names):
    """Return (victim, its panel rows, who met it, its panel rows, how it ended) of each."""
    if this_cpu().architecture != "x86_64":
        pytest.skip("0xCC is a breakpoint on x86 only")
    script = folder / "trap.py"
    script.write_text(textwrap.dedent(TRAP))
    done = subprocess.run(
        [sys.executable, script, which, *names],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    if " 77\n" in done.stdout:
        pytest.skip("this system doesn't let code be written")
    return {tuple(line.split()) for line in done.stdout.splitlines()}


def expected_to_meet(victims, name):
    return {
        (victim.symbol, str(victim.panel_rows), met.symbol, str(met.panel_rows), "-5")
        for victim in victims
        for met in RUNNABLE
        # The scalar gemv and gemm are one function, which unpacks rows for the scalar vec_dot.
        if met.address == victim.address
        or (
            met.format == name
            and (victim.isa, victim.shape, met.isa) == ("scalar", "vec_dot", "scalar")
        )
    }


def test_the_forced_one_ran(tmp_path):
    """With a breakpoint at the entry of one kernel, that one alone meets it."""
    kernels = [k for k in RUNNABLE if k.format == "q4_K"]
    assert len(kernels) > 2
    met = met_a_breakpoint(tmp_path, "each", ["q4_K"])
    assert met == expected_to_meet(kernels, "q4_K")


def test_the_best_of_each_shape_and_format_is_the_one_that_runs(tmp_path):
    names = {k.format for k in RUNNABLE}
    best = {name: {choose(name, k.shape) for k in RUNNABLE if k.format == name} for name in names}
    assert {k.shape for kernels in best.values() for k in kernels} == set(SHAPES)
    expected = set().union(*(expected_to_meet(best[name], name) for name in names))
    assert met_a_breakpoint(tmp_path, "best", sorted(names)) == expected
