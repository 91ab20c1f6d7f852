"""What ``kernels`` plans to time: everything in one place, the best in all, within the time."""

import msgspec
import pytest

from llamabuild.errors import BadInput, EnvironmentLacks
from llamabuild.kernels.formats import row_bytes
from llamabuild.kernels.ggml import GgmlFunction
from llamabuild.kernels.plan import QUICK_FORMATS, Wish, fit, plan_groups
from llamabuild.kernels.registry import implementations
from llamabuild.kernels.timing import MatMul
from llamabuild.pipeline.kernels_plan import LAYOUTS, place_sizes
from llamabuild.pipeline.kernels_request import KernelRequest, checked_wish
from llamabuild.types.machine import Cache
from tests.runs import CPU, MACHINE

KIB, MIB = 1 << 10, 1 << 20
SIZES = {
    (place, threads): size // threads if place in {"L3", "memory"} else size
    for place, size in {
        "L1": 16 * KIB,
        "L2": 512 * KIB,
        "L3": 16 * MIB,
        "memory": 256 * MIB,
    }.items()
    for threads in (1, 2)
}
ISAS = {"scalar", "avx2", "avx512", "avx512vnni"}
OURS = [k for k in implementations() if k.isa in ISAS]


def rival(name, shape, variant="native", layout=""):
    return GgmlFunction(
        format=name,
        shape=shape,
        panel_rows=8 if layout else 0,
        symbol=f"ggml_{shape}_{name}",
        address=1,
        features=(),
        by=f"ggml:{variant}",
        library="/nowhere/libggml-cpu.so",
        layout=layout,
    )


RIVALS = [
    rival("q4_K", "vec_dot"),
    rival("q4_K", "gemv", layout="8x8"),
    rival("q4_K", "gemm", layout="8x8"),
    rival("q8_0", "vec_dot", "avx2"),
    MatMul(format="q4_K", by="ggml:native", library="/nowhere/libggml-cpu.so", repack=True),
]


def planned(**wishes):
    wish = Wish(**{"threads": (1, 2), **wishes})
    return plan_groups(wish, OURS, RIVALS, SIZES, (0, 1))


def isas(group, shape):
    return {j.kernel.isa for j in group.jobs if j.kernel in OURS and j.kernel.shape == shape}


def of(groups, name, place, threads, columns=1):
    key = (name, place, threads, columns)
    [found] = [g for g in groups if (g.format, g.residence, g.threads, g.columns) == key]
    return found


pytestmark = pytest.mark.skipif(not OURS or len(OURS) < 20, reason="kernels of x86")


def test_by_default_every_format_is_timed_everywhere_and_all_instruction_sets_once():
    groups = planned()
    for name in {kernel.format for kernel in OURS}:
        for place in ("L1", "L2", "L3", "memory"):
            for threads in (1, 2):
                best = of(groups, name, place, threads)
                assert isas(best, "vec_dot") >= {"avx2", "avx512vnni"}
        assert isas(of(groups, name, "L1", 1), "vec_dot") == ISAS
        assert isas(of(groups, name, "L2", 1), "vec_dot") == {"avx2", "avx512vnni"}
    assert {g.columns for g in groups} == {1, 32, 64}


def test_ggml_runs_in_the_groups_that_it_has_a_kernel_for():
    groups = planned()
    beside = {j.kernel.symbol for j in of(groups, "q4_K", "memory", 2).jobs} - {
        kernel.symbol for kernel in OURS
    }
    assert beside == {"ggml_vec_dot_q4_K", "ggml_gemv_q4_K"}
    products = {j.kernel.symbol for j in of(groups, "q4_K", "L2", 1, 32).jobs}
    assert {"ggml_gemm_q4_K", "ggml_mul_mat (repacked)"} <= products
    assert not any("vec_dot" in symbol or "gemv" in symbol for symbol in products)


def test_quick_is_four_formats_in_two_places_with_the_best_alone():
    groups = planned(quick=True)
    assert {g.format for g in groups} == set(QUICK_FORMATS)
    assert {(g.residence, g.columns) for g in groups} == {("L2", 1), ("memory", 1)}
    assert {isa for g in groups for isa in isas(g, "gemv") | isas(g, "vec_dot")} == {"avx512vnni"}


def test_options_narrow_and_widen():
    groups = planned(
        quick=True,
        formats=("iq4_xs",),
        shapes=("vec_dot",),
        isas=("scalar", "avx2"),
        residences=("L1",),
        threads=(2,),
    )
    [group] = groups
    assert (group.format, group.residence, group.threads) == ("iq4_xs", "L1", 2)
    assert isas(group, "vec_dot") == {"scalar", "avx2"}
    gemm = planned(formats=("q8_0",), shapes=("gemm",), columns=(8,), residences=("L3",))
    assert {(g.columns, g.residence) for g in gemm} == {(8, "L3")}
    assert {g.columns for g in planned(quick=True, columns=(4,))} == {1, 4}


def test_all_jobs_of_a_group_have_the_same_weights_and_these_fit_their_place():
    for group in planned():
        assert len({(job.rows, job.length, job.cpus) for job in group.jobs}) == 1
        job = group.jobs[0]
        assert job.cpus == (0, 1)[: group.threads]
        assert all(job.rows % max(1, j.kernel.panel_rows) == 0 for j in group.jobs)
        size = job.rows * row_bytes(group.format, job.length)
        assert 0.5 * SIZES[group.residence, group.threads] <= size or group.residence == "L1"
        assert size <= SIZES[group.residence, group.threads]


def test_a_place_that_the_machine_lacks_is_left_out():
    sizes = {**SIZES, ("L3", 1): 0, ("L3", 2): 0}
    groups = plan_groups(Wish(threads=(1, 2)), OURS, [], sizes, (0, 1))
    assert {g.residence for g in groups} == {"L1", "L2", "memory"}


def test_the_default_plan_fits_its_time_and_a_shorter_one_keeps_what_tells_most():
    groups = planned()
    assert sum(g.seconds for g in groups) < 420
    assert sum(g.seconds for g in planned(quick=True)) < 80
    kept, left_out = fit(groups, 60)
    assert sum(g.seconds for g in kept) <= 60
    assert {*kept, *left_out} == set(groups)
    assert of(kept, "q4_K", "L1", 1)
    assert of(left_out, "f32", "memory", 1)


def machine(llc, affinity=(0, 1)):
    caches = tuple(
        Cache(level=level, kind=kind, size_bytes=size, line_bytes=64, shared_by=shared)
        for level, kind, size, shared in (
            (1, "data", 32 * KIB, 1),
            (2, "unified", MIB, 1),
            (3, "unified", llc, 2),
        )
    )
    cpu = msgspec.structs.replace(CPU, caches=caches)
    return msgspec.structs.replace(MACHINE, cpu=cpu, affinity=affinity)


def test_weights_in_memory_leave_room_for_all_their_layouts():
    wish = Wish(threads=(1, 2))
    plenty, nothing = place_sizes(wish, machine(32 * MIB), 16 << 30)
    assert nothing == ()
    assert plenty["memory", 1] == 2 * plenty["memory", 2] == 256 * MIB
    scarce, note = place_sizes(wish, machine(32 * MIB), 1 << 30)
    assert 0 < LAYOUTS * scarce["memory", 1] < 1 << 30
    assert note == ("too little memory: fewer weights in memory than the probes had",)
    none, note = place_sizes(wish, machine(256 * MIB), 1 << 30)
    assert none["memory", 1] == none["memory", 2] == 0
    assert "none there" in note[0]


@pytest.mark.parametrize(
    ("wishes", "says"),
    [
        ({"formats": ("q4_k",)}, r"'q4_k'.*did you mean 'q4_K'"),
        ({"isas": ("avx1024",)}, r"'avx1024'.*did you mean"),
        ({"shapes": ("gem",)}, r"'gem'.*did you mean 'gem[mv]'"),
        ({"residences": ("L4",)}, "'L4'.*known: L1, L2"),
        ({"threads": (3,)}, "3 threads: take 1 to 2"),
        ({"threads": (0,)}, "0 threads"),
        ({"columns": (1,)}, "1 columns.*gemv"),
        ({"columns": (4,), "shapes": ("gemv",)}, "only gemm has columns"),
        ({"formats": ("iq4_xs",), "shapes": ("gemm",)}, "no gemm kernel of iq4_xs"),
    ],
)
def test_what_there_is_not_is_refused(wishes, says):
    with pytest.raises(BadInput, match=says):
        checked_wish(KernelRequest(**wishes), machine(32 * MIB))


def test_an_instruction_set_that_the_cpu_lacks_is_refused(monkeypatch):
    monkeypatch.setattr("llamabuild.kernels.registry.this_cpu", lambda: CPU)
    with pytest.raises(EnvironmentLacks, match="needs avx512f.*which this CPU lacks"):
        checked_wish(KernelRequest(isas=("avx512vnni",)), machine(32 * MIB))
    checked_wish(KernelRequest(isas=("avx2",)), machine(32 * MIB))
