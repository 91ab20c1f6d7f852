"""What ``kernels`` plans to time: everything in one place, the best in all, within the time."""

import msgspec
import pytest

from llamabuild.errors import BadInput, EnvironmentLacks
from llamabuild.kernels.formats import row_bytes
from llamabuild.kernels.ggml import GgmlFunction
from llamabuild.kernels.plan import GEMM_ROWS, QUICK_FORMATS, Wish, fit, layouts, plan_groups
from llamabuild.kernels.registry import implementations
from llamabuild.kernels.timing import MatMul
from llamabuild.pipeline.kernels_plan import Places, make_plan
from llamabuild.pipeline.kernels_request import KernelRequest, checked_wish, dropped
from llamabuild.pipeline.kernels_rivals import Rivals
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


def place(residence, threads, _layouts):
    return SIZES[residence, threads]


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
    return plan_groups(wish, OURS, RIVALS, place, (0, 1))


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
    products = {j.kernel.symbol for j in of(groups, "q4_K", "L3", 1, 32).jobs}
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
        if group.columns > 1:
            # As a matrix of a model has, so that what a product costs besides is little of it.
            assert 0.4 * GEMM_ROWS <= job.rows * group.threads <= GEMM_ROWS
            assert job.length >= 2048
            continue
        assert 0.5 * SIZES[group.residence, group.threads] <= size or group.residence == "L1"
        assert size <= SIZES[group.residence, group.threads]


def test_a_place_that_the_machine_lacks_is_left_out():
    def without(residence, threads, layouts):
        return 0 if residence == "L3" else place(residence, threads, layouts)

    groups = plan_groups(Wish(threads=(1, 2)), OURS, [], without, (0, 1))
    assert {g.residence for g in groups} == {"L1", "L2", "memory"}
    assert {g.residence for g in groups if g.columns > 1} == {"memory"}


def test_the_reference_is_known_to_be_slow():
    """One pass of it over a matrix takes a second, which counts in a run of bounded time."""
    wish = {"formats": ("q8_0",), "shapes": ("gemm",), "columns": (64,), "threads": (1,)}
    [fast], [slow] = planned(**wish, isas=("avx2",)), planned(**wish, isas=("scalar",))
    assert slow.seconds > 10 * fast.seconds


def test_only_weights_that_a_cache_keeps_are_warmed_up():
    assert {(g.residence == "memory", j.warm) for g in planned() for j in g.jobs} == {
        (True, False),
        (False, True),
    }


def test_every_layout_of_a_group_counts():
    ours = [k for k in OURS if k.format == "q4_K" and k.shape == "gemm"]
    assert {k.panel_rows for k in ours} == {8, 16}
    assert layouts(ours) == 2 < len(ours)
    theirs = [rival("q4_K", "gemm", "avx2", "8x8"), *RIVALS]
    products = [k for k in theirs if isinstance(k, MatMul)]
    one = [k for k in theirs if getattr(k, "layout", "") and k.shape == "gemm"]
    # ggml's of one library are packed alike; a product has a copy while it is filled.
    assert layouts([*ours, *one, *products]) == 2 + 1 + 1 + 1
    asked = []

    def watching(residence, threads, count):
        asked.append(count)
        return place(residence, threads, count)

    plan_groups(Wish(threads=(1,), formats=("q4_K",)), OURS, RIVALS, watching, (0,))
    assert max(asked) >= 5


def test_ggml_has_no_gemm_for_columns_that_are_no_fours():
    def products(columns):
        [group] = planned(shapes=("gemm",), formats=("q4_K",), columns=(columns,), threads=(1,))
        return {job.kernel.symbol for job in group.jobs}

    assert "ggml_gemm_q4_K" in products(8)
    assert "ggml_gemm_q4_K" not in products(3)
    assert "ggml_mul_mat (repacked)" in products(3)


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
    plenty = Places(machine(32 * MIB), 16 << 30)
    assert plenty.size("memory", 1, 9) == 2 * plenty.size("memory", 2, 9) == 256 * MIB
    assert plenty.notes == ()
    scarce = Places(machine(32 * MIB), 1 << 30)
    for layouts_of_group in (3, 9):
        size = scarce.size("memory", 2, layouts_of_group)
        assert 2 * size > 32 * MIB
        assert 2 * size * layouts_of_group < 1 << 30
    assert scarce.notes[-1] == (
        "too little memory: fewer weights than the probes had in memory where 9 copies are needed"
    )
    none = Places(machine(256 * MIB), 1 << 30)
    assert none.size("memory", 1, 5) == none.half_of_memory("memory", 2, 5) == 0
    assert none.size("L3", 1, 9) == 0
    assert none.size("L2", 1, 9) == 512 * KIB
    assert any("none in memory" in note for note in none.notes)


@pytest.fixture
def no_rivals(monkeypatch):
    monkeypatch.setattr("llamabuild.pipeline.kernels_plan.find_rivals", lambda *_: Rivals())


def made(**wishes):
    request = KernelRequest(**wishes)
    on = machine(32 * MIB)
    return make_plan(request, checked_wish(request, on), on), request.limit_seconds


@pytest.mark.parametrize("minutes", [0.5, 1, 2, 3, 5, 10])
@pytest.mark.parametrize("kernels", [True, False])
def test_a_plan_keeps_its_minutes_and_does_what_was_asked(no_rivals, minutes, kernels):
    plan, limit = made(minutes=minutes, kernels=kernels)
    assert plan.seconds <= limit
    assert plan.probes > 0
    assert bool(plan.groups) == kernels


def test_the_probes_are_all_there_where_there_is_time(no_rivals):
    assert made()[0].probes == made(minutes=60)[0].probes > made(minutes=1)[0].probes


@pytest.mark.parametrize(
    ("wishes", "says"),
    [
        ({"minutes": 0.1}, "0.1 minutes are too short for the probes: .*--no-probes"),
        ({"minutes": 0.1, "kernels": False}, r"too short for the probes: .*\(--minutes\)$"),
        ({"minutes": 0.085, "probes": False}, "too short for any group"),
    ],
)
def test_a_time_in_which_nothing_fits_is_refused(no_rivals, wishes, says):
    with pytest.raises(BadInput, match=says):
        made(**wishes)


@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        ({"formats": ("q4_K", "q2_K"), "shapes": ("gemm",)}, ["no gemm kernel of q2_K: left out"]),
        ({"formats": ("f16",), "shapes": ("gemv", "vec_dot")}, ["no gemv kernel of f16: left out"]),
        (
            {"formats": ("f32", "q8_0"), "columns": (8,), "quick": True},
            ["no gemm kernel of f32: --columns is of no use for it"],
        ),
        (
            {"columns": (3, 4)},
            ["ggml's gemm takes columns by 4: it doesn't run beside 3"],
        ),
        ({"formats": ("q4_K",), "columns": (8,)}, []),
        ({}, []),
    ],
)
def test_what_is_left_out_of_a_wish_is_named(no_rivals, wishes, said):
    plan, _ = made(**wishes)
    assert dropped(plan.wish) == said
    assert set(said) <= set(plan.notes)


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
        (
            {"formats": ("iq4_xs",), "shapes": ("gemm",)},
            "no gemm kernel of iq4_xs: 'python -m llamabuild kernels --list --format iq4_xs'",
        ),
        ({"formats": ("q4k",)}, "did you mean 'q4_K'"),
        ({"residences": ("l1",)}, "did you mean 'L1'"),
        ({"kernels": False, "formats": ("q4_K",)}, "--only-probes times no kernels.*--format"),
        ({"kernels": False, "isas": ("avxvnni",)}, "--only-probes times no kernels.*--isa"),
    ],
)
def test_what_there_is_not_is_refused(wishes, says):
    with pytest.raises(BadInput, match=says):
        checked_wish(KernelRequest(**wishes), machine(32 * MIB))


def test_an_instruction_set_that_the_cpu_lacks_is_refused(monkeypatch):
    monkeypatch.setattr("llamabuild.kernels.registry.this_cpu", lambda: CPU)
    with pytest.raises(
        EnvironmentLacks,
        match="the instruction set avx512vnni needs avx512f.*lacks: it can run scalar, avx2",
    ):
        checked_wish(KernelRequest(isas=("avx512vnni",)), machine(32 * MIB))
    checked_wish(KernelRequest(isas=("avx2",)), machine(32 * MIB))
