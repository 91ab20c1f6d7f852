"""Bounds, shares and verdicts, computed by hand for a machine of round numbers."""

from __future__ import annotations

import msgspec
import pytest

from llamabuild.roofline import Measured, bound, find_limits, residence, roofline, share
from llamabuild.roofline.facts import facts
from llamabuild.roofline.records import COMPUTE_BOUND, MEMORY_BOUND, NEITHER
from llamabuild.types.inputs import Traffic
from llamabuild.types.machine import Cache
from llamabuild.types.run import Workload
from tests.kernel_runs import make_kernel_run, make_probe
from tests.runs import MACHINE, make_model

MIB = 1 << 20
TRAFFIC = Traffic(
    bytes_per_token={"Q4_K": 80 * MIB, "F32": 20 * MIB},
    operations_per_token={"Q4_K": 300_000_000, "F32": 10_000_000},
    last_token_operations={"Q4_K": 100_000_000},
    kv_bytes_per_position=1000,
    attention_operations_per_position=2000,
)
CACHES = (
    Cache(level=1, kind="instruction", size_bytes=1 << 40, line_bytes=64, shared_by=1),
    Cache(level=1, kind="data", size_bytes=32 << 10, line_bytes=64, shared_by=1),
    Cache(level=2, kind="unified", size_bytes=2 * MIB, line_bytes=64, shared_by=1),
    Cache(level=3, kind="unified", size_bytes=32 * MIB, line_bytes=64, shared_by=2),
)
CPU = msgspec.structs.replace(MACHINE.cpu, caches=CACHES)
HERE = msgspec.structs.replace(MACHINE, cpu=CPU)
TG = Workload(name="tg16", kind="tg", tokens=16, seconds=0, max_repetitions=1)
PP = Workload(name="pp1024", kind="pp", tokens=1024, seconds=0, max_repetitions=1)


def read(value, size, level, **more):
    return make_probe(value=value, working_set_bytes=size, residence=level, threads=2, **more)


def compute(name, value, **more):
    fields = {"kind": "compute", "unit": "operations/s", "residence": "", "threads": 2}
    return make_probe(name=name, value=value, working_set_bytes=0, **{**fields, **more})


PROBES = (
    read(2e11, 64 << 10, "L1"),
    read(5e10, 16 * MIB, "L3"),
    read(4e10, 16 * MIB, "L3", streams=1),
    read(2.4e10, 64 * MIB, "memory"),
    read(2.5e10, 60 * MIB, "memory", beside="q4_K in memory"),
    read(2e10, 256 * MIB, "memory"),
    read(1.9e10, 256 * MIB, "memory", pages="huge"),
    read(9e99, 256 * MIB, "memory", name="copy"),
    make_probe(value=9e99, working_set_bytes=256 * MIB, residence="memory", threads=1),
    compute("int8", 1e12, isa="avx512vnni"),
    compute("int8", 3e11, isa="avx2"),
    compute("f32", 2e11),
)
LIMITS = find_limits(HERE, PROBES, 100 * MIB, 2)


@pytest.mark.parametrize(
    ("size", "threads", "level"),
    [
        (60 << 10, 2, "L1"),
        (4 * MIB, 2, "L2"),
        (4 * MIB, 1, "L3"),
        (32 * MIB, 2, "L3"),
        (32 * MIB + 2, 2, "memory"),
    ],
)
def test_threads_share_what_they_share(size, threads, level):
    assert residence(HERE, size, threads) == level


@pytest.mark.parametrize(
    ("size", "speed"), [(100 * MIB, 2.5e10), (200 * MIB, 2e10), (9000 * MIB, 2e10)]
)
def test_in_memory_the_fastest_of_the_nearest_size_counts(size, speed):
    found = find_limits(HERE, PROBES, size, 2).read
    assert (found.residence, found.bytes_per_second) == ("memory", speed)


def test_the_fastest_arithmetic_of_each_kind_counts():
    assert [(p.name, p.operations_per_second, p.isa) for p in LIMITS.peaks] == [
        ("int8", 1e12, "avx512vnni"),
        ("f32", 2e11, "avx2"),
    ]


def test_a_small_model_is_held_against_the_cache():
    found = find_limits(HERE, PROBES, 20 * MIB, 2).read
    assert (found.residence, found.bytes_per_second, found.streams) == ("L3", 5e10, 4)


def test_token_generation_is_bound_by_its_bytes():
    found = bound(TG, TRAFFIC, LIMITS)
    assert found.bytes_per_token == 100 * MIB + 8 * 1000
    assert found.tokens_per_second == pytest.approx(2.5e10 / (100 * MIB + 8000))
    seconds = 3e8 / 1e12 + (1e7 + 8 * 2000) / 2e11
    assert found.compute_tokens_per_second == pytest.approx(1 / seconds)
    assert found.limited_by == "bandwidth"


def test_a_prompt_reads_its_weights_once_a_batch_and_makes_logits_once():
    found = bound(PP, TRAFFIC, LIMITS)
    assert found.bytes_per_token == 100 * MIB / 512
    integers = 3e8 - 1e8 * (1 - 1 / 1024)
    seconds = integers / 1e12 + (1e7 + 512 * 2000) / 2e11
    assert found.tokens_per_second == pytest.approx(1 / seconds)
    assert found.limited_by == "compute"
    assert found.operations_per_token == pytest.approx(integers + 1e7 + 512 * 2000)


def test_a_peak_that_is_missing_leaves_the_other_bound():
    limits = msgspec.structs.replace(LIMITS, peaks=LIMITS.peaks[1:])
    found = bound(PP, TRAFFIC, limits)
    assert found.compute_tokens_per_second is None
    assert found.limited_by == "bandwidth"
    nothing = bound(PP, TRAFFIC, find_limits(HERE, (), 100 * MIB, 2))
    assert (nothing.tokens_per_second, nothing.limited_by) == (None, "")
    assert share(at("a", PP, 1.0), nothing) is None


def at(name, workload, speed, threads=2):
    return Measured(variant=name, workload=workload.name, threads=threads, tokens_per_second=speed)


@pytest.mark.parametrize(
    ("workload", "part", "verdict"),
    [(TG, 0.61, MEMORY_BOUND), (TG, 0.59, NEITHER), (PP, 0.61, COMPUTE_BOUND), (PP, 0.1, NEITHER)],
)
def test_the_verdict_needs_a_share(workload, part, verdict):
    limit = bound(workload, TRAFFIC, LIMITS)
    found = share(at("a", workload, part * limit.tokens_per_second), limit)
    assert found.share == pytest.approx(part)
    assert found.verdict == verdict
    assert found.advice == facts().advice[workload.kind][verdict]


def test_a_share_beyond_the_bound_says_that_the_probe_is_to_blame():
    limit = bound(TG, TRAFFIC, LIMITS)
    assert share(at("a", TG, 1.2 * limit.tokens_per_second), limit).advice == facts().impossible


def test_all_verdicts_have_advice():
    for kind in ("pp", "tg"):
        assert set(facts().advice[kind]) == {MEMORY_BOUND, COMPUTE_BOUND, NEITHER}


RUN = make_kernel_run(machine=HERE, probes=PROBES)
MODEL = msgspec.structs.replace(make_model(), traffic=TRAFFIC)


def test_each_variant_is_held_against_the_bound_of_its_threads():
    measured = [at("avx2", TG, 100.0), at("one", TG, 100.0, threads=1)]
    found = roofline(RUN, MODEL, (TG, PP), threads=[2], measured=measured)
    assert [(b.workload, b.threads) for b in found.bounds] == [
        ("tg16", 1), ("tg16", 2), ("pp1024", 1), ("pp1024", 2),
    ]  # fmt: skip
    assert [(s.variant, s.threads) for s in found.shares] == [("avx2", 2), ("one", 1)]
    assert found.shares[0].share > 0.4
    assert found.shares[1].share < 1e-9
    assert "peak arithmetic with 1 thread;" in found.missing
    assert "--only-probes --threads 1,2" in found.missing


@pytest.mark.parametrize(
    ("run", "model", "said"),
    [
        (None, MODEL, "kernels --only-probes"),
        (make_kernel_run(probes=()), MODEL, "kernels --only-probes"),
        (RUN, make_model(), "python -m llamabuild roofline"),
    ],
)
def test_what_is_missing_is_said_with_the_remedy(run, model, said):
    found = roofline(run, model, (TG,), threads=[2])
    assert found.bounds == ()
    assert said in found.missing


def test_what_runs_another_model_has_bounds_of_its_own():
    mine = msgspec.structs.replace(make_model(), traffic=TRAFFIC)
    part = {name: size // 8 for name, size in TRAFFIC.bytes_per_token.items()}
    small = msgspec.structs.replace(
        mine, traffic=msgspec.structs.replace(TRAFFIC, bytes_per_token=part)
    )
    speeds = [
        Measured(variant=name, workload="tg16", threads=2, tokens_per_second=100.0)
        for name in ("native", "native+quantization=Q2_K")
    ]
    run = make_kernel_run(probes=PROBES, machine=HERE)
    found = roofline(
        run, mine, (TG,), threads=(2,), measured=speeds, others={speeds[1].variant: small}
    )
    assert [bound.variant for bound in found.bounds] == ["", "native+quantization=Q2_K"]
    first, second = found.shares
    assert found.bound_of(first) == found.bounds[0]
    assert found.bound_of(second) == found.bounds[1]
    assert found.bounds[1].bytes_per_token < 0.13 * found.bounds[0].bytes_per_token
    assert second.share == pytest.approx(100.0 / found.bounds[1].tokens_per_second)
    assert [limit.read.residence for limit in found.limits] == ["memory", "L3"]
