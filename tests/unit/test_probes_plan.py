"""What is measured where: residence of working sets, and the plan as data."""

from itertools import groupby, pairwise

import msgspec
import pytest

from llamabuild.errors import BadInput
from llamabuild.probes import (
    available_bytes,
    estimated_seconds,
    memory_set,
    plan_probes,
    residence,
    residence_bytes,
)
from llamabuild.probes.placement import cpu_order, numa_nodes
from llamabuild.probes.spec import Loop
from llamabuild.types.machine import Cache
from tests.runs import CPU, MACHINE

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
PLENTY = 64 * GIB


def cache(level, size_bytes, shared_by=1, kind="unified"):
    return Cache(level=level, kind=kind, size_bytes=size_bytes, line_bytes=64, shared_by=shared_by)


def machine(*caches, cpus=2, threads_per_core=1):
    cpu = msgspec.structs.replace(CPU, caches=caches, threads_per_core=threads_per_core)
    return msgspec.structs.replace(MACHINE, cpu=cpu, affinity=tuple(range(cpus)))


L1 = (cache(1, 48 * KIB, kind="data"), cache(1, 32 * KIB, kind="instruction"))
SMALL = machine(*L1, cache(2, 2 * MIB), cache(3, 32 * MIB, shared_by=2))
ABSURD = machine(*L1, cache(2, 2 * MIB), cache(3, 260 * MIB, shared_by=2))
# Two hardware threads a core, eight cores on each last-level cache.
LARGE = machine(
    *(msgspec.structs.replace(c, shared_by=2) for c in L1),
    cache(2, 1 * MIB, shared_by=2),
    cache(3, 32 * MIB, shared_by=16),
    cpus=128,
    threads_per_core=2,
)


def loop(index, name, width, streams, isa="avx2"):
    return Loop(index=index, name=name, isa=isa, features=(), width_bits=width, streams=streams)


NAMES = [f"{n}{past}" for n in ("write", "copy", "scale", "add", "triad") for past in ("", "_nt")]
LOOPS = tuple(
    loop(index, *what)
    for index, what in enumerate(
        [
            *(("read", width, streams) for width in (128, 256) for streams in (1, 4, 8, 16)),
            *((name, width, 2) for width in (128, 256) for name in NAMES),
            ("latency", 64, 1),
            ("int8", 256, 10),
            ("f32", 256, 10),
        ]
    )
)


@pytest.mark.parametrize(
    ("size", "threads", "where"),
    [
        (1, 1, "L1"),
        (48 * KIB, 1, "L1"),
        (48 * KIB + 1, 1, "L2"),
        (48 * KIB, 2, "L1"),
        (2 * MIB, 2, "L2"),
        (2 * MIB + 1, 2, "L3"),
        (32 * MIB, 1, "L3"),
        (16 * MIB, 2, "L3"),
        (16 * MIB + 1, 2, "memory"),
    ],
)
def test_residence_is_the_smallest_cache_that_holds_a_threads_share(size, threads, where):
    assert residence(SMALL, size, threads) == where


def test_threads_share_a_cache_only_with_those_on_the_same_instance():
    assert residence(LARGE, 4 * MIB, 8) == "L3"
    assert residence(LARGE, 4 * MIB, 64) == "L3"
    assert residence(LARGE, 4 * MIB + 1, 8) == "memory"
    assert residence(LARGE, 48 * KIB, 64) == "L1"


def test_half_of_a_level_lives_in_it():
    assert residence_bytes(SMALL, "L1", 2) == 24 * KIB
    assert residence_bytes(SMALL, "L2", 2) == 1 * MIB
    assert residence_bytes(SMALL, "L3", 1) == 16 * MIB
    assert residence_bytes(SMALL, "L3", 2) == 8 * MIB
    for level in ("L1", "L2", "L3", "memory"):
        for threads in (1, 2):
            size = residence_bytes(SMALL, level, threads, available=PLENTY)
            assert residence(SMALL, size, threads) == level
            assert size % 4096 == 0


def test_a_level_that_is_not_there_has_no_bytes():
    assert residence_bytes(machine(), "L1", 1) == 0
    assert residence_bytes(machine(*L1, cache(2, 2 * MIB)), "L3", 1) == 0
    # A share of a cache no larger than the level below it holds nothing that that doesn't.
    small_share = machine(*L1, cache(2, 2 * MIB), cache(3, 4 * MIB, shared_by=8), cpus=8)
    assert residence_bytes(small_share, "L3", 8) == 0
    assert residence(machine(), 1, 1) == "memory"


def test_memory_is_four_times_the_last_level_cache_but_at_least_256_mib():
    assert memory_set(SMALL, 2, available=PLENTY) == (256 * MIB, "")
    assert memory_set(ABSURD, 2, available=PLENTY) == (1040 * MIB, "")
    assert memory_set(machine(), 1, available=PLENTY) == (256 * MIB, "")
    # Eight instances of 32 MiB for 64 threads, one for 8.
    assert memory_set(LARGE, 64, available=PLENTY) == (1024 * MIB, "")
    assert memory_set(LARGE, 8, available=PLENTY) == (256 * MIB, "")
    assert residence_bytes(LARGE, "memory", 64, available=PLENTY) == 16 * MIB


def test_little_memory_reduces_the_set_and_says_so():
    size, note = memory_set(ABSURD, 2, available=2 * GIB)
    assert size == 520 * MIB  # twice the cache, a little more than a quarter of what there is
    assert "520 MiB instead of 1040 MiB" in note
    size, note = memory_set(ABSURD, 2, available=800 * MIB)
    assert size == 400 * MIB
    assert "only 1.5 times the last-level cache" in note
    assert memory_set(SMALL, 2, available=0)[0] > 0


def test_absurd_arguments_of_residence_are_refused():
    with pytest.raises(ValueError, match="L1, L2, L3, memory, not 'L4'"):
        residence_bytes(SMALL, "L4", 1)
    with pytest.raises(ValueError, match="at least 1"):
        residence(SMALL, 0, 1)
    with pytest.raises(ValueError, match="at least 1"):
        residence_bytes(SMALL, "L1", 0)


def test_available_memory_is_the_tighter_of_kernel_and_cgroup(tmp_path):
    assert available_bytes(MACHINE, tmp_path, tmp_path) == MACHINE.memory_bytes // 2
    (tmp_path / "meminfo").write_text("MemTotal: 4000 kB\nMemAvailable: 3000 kB\n")
    assert available_bytes(MACHINE, tmp_path, tmp_path) == 3000 * KIB
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "cgroup").write_text("0::/\n")
    (tmp_path / "cgroup.controllers").write_text("memory\n")
    (tmp_path / "memory.max").write_text(f"{2500 * KIB}\n")
    (tmp_path / "memory.current").write_text(f"{500 * KIB}\n")
    assert available_bytes(MACHINE, tmp_path, tmp_path) == 2000 * KIB


# The plan.


def plan(on=SMALL, threads=(1, 2), quick=False, **more):
    return plan_probes(on, LOOPS, threads=threads, quick=quick, available=PLENTY, **more)


@pytest.mark.parametrize(
    ("on", "threads"),
    [
        (SMALL, (1, 2)),
        (SMALL, (1,)),
        (ABSURD, (1, 2)),
        (LARGE, (1, 8, 64)),
        (machine(), (1, 2)),
    ],
)
def test_the_plan_keeps_to_its_time(on, threads):
    assert estimated_seconds(plan(on, threads, quick=True)) <= 25
    assert estimated_seconds(plan(on, threads)) <= 180


def test_every_thread_count_of_a_large_machine_still_gets_all_levels():
    specs = plan(LARGE, range(1, 65))
    for count in range(1, 65):
        reads = {s.residence for s in specs if s.threads == count and s.loop.name == "read"}
        assert reads == {"L1", "L2", "L3", "memory"}
        assert {"int8", "f32"} <= {s.loop.name for s in specs if s.threads == count}


def test_quick_has_one_size_in_each_level_and_the_widest_vectors():
    specs = plan(quick=True)
    for count in (1, 2):
        reads = [
            s for s in specs if s.loop.name == "read" and s.threads == count and s.pages == "4K"
        ]
        assert {s.residence for s in reads} == {"L1", "L2", "L3", "memory"}
        assert len({s.bytes_per_thread for s in reads}) == 4
        assert {s.loop.width_bits for s in reads} == {256}
    assert {s.loop.name for s in specs} == {"read", "latency", "int8", "f32", *NAMES}
    assert {s.pages for s in specs} == {"4K", "huge", "file", ""}


def test_by_default_every_loop_is_measured_in_each_level_and_sizes_are_log_spaced():
    specs = plan()
    for level in ("L1", "L2", "L3", "memory"):
        names = {s.loop.index for s in specs if s.residence == level and s.threads == 2}
        assert {i.index for i in LOOPS if i.name == "read"} <= names
        assert set(NAMES) <= {s.loop.name for s in specs if s.residence == level}
    sizes = sorted({s.bytes_per_thread for s in specs if s.loop.name == "latency"})
    assert sizes[0] <= 16 * KIB
    assert sizes[-1] >= 4 * 32 * MIB
    steps = [b / a for a, b in pairwise(sizes)]
    assert max(steps) < 3
    assert {s.pages for s in specs if s.loop.name == "latency"} == {"4K", "huge"}


def test_probes_of_the_same_memory_stand_together_and_none_is_twice():
    for specs in (plan(), plan(quick=True), plan(LARGE, (1, 5, 64))):
        places = [place for place, _ in groupby(specs, key=lambda spec: spec.place)]
        assert len(places) == len(set(places))
        assert len({(s.loop.index, s.place) for s in specs}) == len(specs)
        assert all(s.bytes_per_thread % 4096 == 0 for s in specs)
        assert all(s.seconds > 0 for s in specs)


def test_nodes_are_bound_to_where_there_are_several():
    assert {s.node for s in plan()} == {None}
    bound = [s for s in plan(LARGE, (1, 64), nodes=(0, 1)) if s.node is not None]
    assert {(s.node, s.loop.name) for s in bound} == {
        (node, name) for node in (0, 1) for name in ("read", "latency")
    }
    assert {s.residence for s in bound} == {"memory"}


def test_a_reduced_size_is_said_in_the_probes_of_that_size_alone():
    specs = plan_probes(ABSURD, LOOPS, threads=(2,), quick=True, available=GIB)
    for spec in specs:
        largest = residence_bytes(ABSURD, "memory", spec.threads, available=GIB)
        assert bool(spec.note) == (spec.bytes_per_thread == largest)
    assert any(s.note for s in specs)
    assert all("too little memory" in s.note for s in specs if s.note)


@pytest.mark.parametrize("threads", [(), (0,), (-1, 2), (1, 3)])
def test_thread_counts_that_the_machine_does_not_have_are_refused(threads):
    with pytest.raises(BadInput, match="take 1 to 2, the CPUs that this process may use"):
        plan(threads=threads)


def test_a_cpu_that_can_run_nothing_has_no_probes():
    assert plan_probes(SMALL, (), threads=(1,), quick=True, available=PLENTY) == ()


# Placement.


def test_threads_take_a_core_each_before_they_share_one(tmp_path):
    folder = tmp_path / "devices" / "system" / "cpu"
    for cpu, siblings in enumerate(("0,2", "1,3", "0,2", "1,3")):
        topology = folder / f"cpu{cpu}" / "topology"
        topology.mkdir(parents=True)
        (topology / "core_cpus_list").write_text(siblings)
    assert cpu_order(machine(cpus=4), tmp_path) == (0, 1, 2, 3)
    (folder / "cpu1" / "topology" / "core_cpus_list").write_text("0-1")
    (folder / "cpu0" / "topology" / "core_cpus_list").write_text("0-1")
    (folder / "cpu2" / "topology" / "core_cpus_list").write_text("2-3")
    (folder / "cpu3" / "topology" / "core_cpus_list").write_text("2-3")
    assert cpu_order(machine(cpus=4), tmp_path) == (0, 2, 1, 3)
    assert cpu_order(machine(cpus=4), tmp_path / "nothing") == (0, 1, 2, 3)


def test_nodes_count_only_where_there_are_several(tmp_path):
    folder = tmp_path / "devices" / "system" / "node"
    folder.mkdir(parents=True)
    assert numa_nodes(tmp_path) == ()
    (folder / "has_memory").write_text("0\n")
    assert numa_nodes(tmp_path) == ()
    (folder / "has_memory").write_text("0,2-3\n")
    assert numa_nodes(tmp_path) == [0, 2, 3]
