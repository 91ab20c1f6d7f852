"""From samples to rows: ratios by rounds, shares of the bound, kernels without a time."""

from math import exp, log

import msgspec
import pytest

from llamabuild.kernels.registry import choose
from llamabuild.kernels.timing import Job, MatMul
from llamabuild.pipeline.kernels_beside import nearest_in_time
from llamabuild.pipeline.kernels_bound import bound
from llamabuild.pipeline.kernels_check import Check
from llamabuild.pipeline.kernels_rows import Context, blank_row, group_rows, paired_ratio
from llamabuild.types.kernels import Clock
from tests.kernel_runs import make_probe, make_spread

CLOCK = Clock(hz=3e9, spread=make_spread(3e9), timer="clock_gettime")
RIGHT = Check(correct=True, error=1e-7)


def job(kernel, **changes):
    fields = {"length": 1024, "rows": 16, "cpus": (0, 1), "residence": "L2"}
    return Job(kernel=kernel, **{**fields, **changes})


def product(variant):
    return MatMul(format="q8_0", by=f"ggml:{variant}", library="/nowhere", repack=False)


OWN, SLOW, FAST = job(choose("q8_0", "vec_dot", "scalar")), job(product("a")), job(product("b"))


def rows(samples, probes=()):
    context = Context(clock=CLOCK, probes=probes)
    return group_rows(samples, dict.fromkeys(samples, RIGHT), context, 0.5)


def test_a_ratio_is_taken_within_rounds_and_so_survives_a_drift():
    drift = [1.0, 1.3, 1.7, 2.2, 2.9, 3.7, 4.8, 6.3]
    own = [2.0 * d * (1 + 0.001 * i) for i, d in enumerate(drift)]
    base = [5.0 * d for d in drift]
    ratio, low, high = paired_ratio(base, own)
    assert low < ratio < high
    assert ratio == pytest.approx(2.5, rel=0.01)
    assert high / low < 1.02


def test_the_interval_is_the_exact_signed_rank_one():
    """Six pairs at 95 %: the extreme Walsh averages, which are the extreme differences."""
    logs = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    _, low, high = paired_ratio([exp(d) for d in logs], [1.0] * 6)
    assert (log(low), log(high)) == pytest.approx((0.1, 0.6))
    assert paired_ratio([2.0] * 5, [1.0] * 5) == (pytest.approx(2.0), None, None)


def test_ratios_refer_to_the_ggml_kernel_with_the_smallest_median():
    found = rows({OWN: [2.0] * 7, SLOW: [9.0] * 6 + [0.1], FAST: [4.0] * 7})
    own, slow, fast = found
    assert own.ratio == pytest.approx(2.0)
    assert (own.low, own.high) == (pytest.approx(2.0), pytest.approx(2.0))
    assert slow.ratio < 0.5
    assert (fast.ratio, fast.low, fast.high) == (1.0, None, None)
    assert {row.against for row in found} == {"ggml:b ggml_mul_mat"}
    assert own.by == "llamabuild"
    assert own.isa == "scalar"
    assert slow.isa == ""


def test_a_product_whose_threads_were_disturbed_is_no_reference():
    """Its threads wait for each other, so that one busy CPU makes all of them slow."""
    wild = [3.0, 3.0, 3.0, 50.0, 60.0, 70.0, 80.0]
    own, slow, fast = rows({OWN: [2.0] * 7, SLOW: [99.0] * 7, FAST: wild})
    assert {row.against for row in (own, slow, fast)} == {"ggml:a ggml_mul_mat"}
    assert fast.reason.startswith("no reference")
    assert own.reason == slow.reason == ""
    [own, alone] = rows({OWN: [2.0] * 7, FAST: wild})
    assert own.ratio is alone.ratio is None
    # One thread waits for nobody: whatever disturbs it disturbs all others, too.
    one = job(product("b"), cpus=(0,))
    own, _ = rows({job(OWN.kernel, cpus=(0,)): [2.0] * 7, one: wild})
    assert own.ratio is not None


def test_without_ggml_there_is_no_ratio():
    [own] = rows({OWN: [2.0] * 7})
    assert own.ratio is own.low is own.high is None
    assert own.against == ""


def test_units_agree_with_each_other():
    """16 rows of 1024 weights on each of two threads; 272 bytes are 256 weights of q8_0."""
    [own] = rows({OWN: [2.0, 4.0, 3.0, 3.0, 3.0]})
    assert own.weight_bytes == 2 * 16 * 4 * 272
    assert own.ns_per_256 == 3.0
    assert own.cycles_per_256 == pytest.approx(3.0 * 2 * 3)
    assert own.bytes_per_second == pytest.approx(272 / 3e-9)
    assert own.operations_per_second == pytest.approx(512 / 3e-9)
    assert (own.spread.low, own.spread.high, own.spread.samples) == (3.0, 3.0, 5)
    assert own.spread.steal_seconds == 0.5
    assert own.samples == (2.0, 4.0, 3.0, 3.0, 3.0)
    many = msgspec.structs.replace(OWN, columns=4)
    [shared] = rows({many: [3.0] * 5})
    assert shared.bytes_per_second == pytest.approx(272 / 4 / 3e-9)


READ = make_probe(residence="L2", threads=2, value=1e11)
INT8 = make_probe(name="int8", kind="compute", residence="", threads=2, value=1e12)
F32 = make_probe(name="f32", kind="compute", residence="", threads=2, value=1e11)


def limit(*probes, **changes):
    fields = {
        "format": "q8_0",
        "bytes_per_256": 272,
        "columns": 1,
        "residence": "L2",
        "threads": 2,
        "weight_bytes": 1 << 20,
    }
    return bound(probes, **{**fields, **changes})


def test_the_tighter_limit_bounds():
    assert limit(READ, INT8) == ("bandwidth", pytest.approx(2.72))
    assert limit(READ, INT8, columns=32) == ("compute", pytest.approx(0.512))
    assert limit(READ, INT8, F32, format="f32", bytes_per_256=100) == ("compute", 5.12)
    assert limit(READ) == ("bandwidth", pytest.approx(2.72))
    assert limit(INT8) == ("compute", pytest.approx(0.512))


def test_probes_of_other_places_and_thread_counts_say_nothing():
    assert limit(READ, INT8, threads=1) == ("", None)
    assert limit(READ, residence="L1") == ("", None)
    assert limit() == ("", None)


def test_the_share_is_of_that_bound():
    [own] = rows({OWN: [5.44] * 7}, probes=(READ, INT8))
    assert own.bound == "bandwidth"
    assert own.share_of_bound == pytest.approx(0.5)


def test_a_kernel_that_is_wrong_keeps_its_error_and_gets_no_time():
    row = blank_row(OWN, status="wrong", reason="differs", check=Check(correct=False, error=0.1))
    assert (row.status, row.correct, row.max_error) == ("wrong", False, 0.1)
    assert row.ns_per_256 is row.ratio is row.share_of_bound is None


def test_reads_beside_a_group_stand_in_for_those_of_its_place_alone():
    other = msgspec.structs.replace(READ, threads=1)
    fresh = msgspec.structs.replace(READ, value=5e10)
    assert nearest_in_time((READ, other, INT8), (fresh,)) == (other, INT8, fresh)
    assert nearest_in_time((READ, other, INT8), ()) == (READ, other, INT8)
