"""The native loops do what they say: read back from their memory, not from their times."""

import ctypes
import itertools
import os

import numpy as np
import pytest

from llamabuild import _native
from llamabuild.machine.cpu import detect_cpu
from llamabuild.probes.loops import all_loops, usable_loops
from llamabuild.probes.spec import BANDWIDTH, COMPUTE

CPU = min(os.sched_getaffinity(0))
SIZE = 48 << 10
LINE = 64
USABLE = usable_loops(detect_cpu().features)
STREAM = [loop for loop in USABLE if loop.kind == BANDWIDTH and loop.name != "read"]


def ready_team(size=SIZE, *, chase=False, cpus=(CPU,), pages="4K", file=-1):
    team = _native.ProbeTeam(cpus=list(cpus), size_bytes=size, pages=pages, file=file)
    while not team.prepare(chase):
        pass
    return team


def memory_of(team, thread=0, dtype=np.float32):
    """Return a view of a thread's memory; it lives as long as the team."""
    address, size = team.extents[thread]
    return np.frombuffer((ctypes.c_char * size).from_address(address), dtype)


def named(name):
    return next(loop for loop in USABLE if loop.name == name)


def label(loop):
    return f"{loop.name}-{loop.isa}-{loop.width_bits}-{loop.streams}"


def test_every_cpu_has_reads_stores_a_chase_and_arithmetic():
    assert {"read", "copy", "triad_nt", "latency", "f32"} <= {loop.name for loop in USABLE}
    assert {loop.streams for loop in USABLE if loop.name == "read"} == {1, 4, 8, 16}
    assert len({(x.name, x.isa, x.width_bits, x.streams) for x in all_loops()}) == len(all_loops())


def test_a_loop_is_usable_only_with_all_its_features():
    assert {loop.features for loop in usable_loops(())} == {()}
    wide = {loop.isa for loop in usable_loops(("sse2", "avx2"))}
    assert not wide & {"avx512", "avx512vnni", "avxvnni"}


@pytest.mark.parametrize("loop", USABLE, ids=label)
def test_every_loop_runs_and_its_work_grows_with_passes(loop):
    team = ready_team(chase=loop.name == "latency")
    few = min(time for time, _ in team.run(loop.index, SIZE, 1, 5, warm=True))
    many = min(time for time, _ in team.run(loop.index, SIZE, 200, 5, warm=True))
    assert few > 0
    # 200 times the work; a loop that the compiler emptied would take no longer.
    assert many > 5 * few


@pytest.mark.parametrize("loop", USABLE, ids=label)
def test_units_count_all_of_the_memory(loop):
    units = _native.probe_units(loop.index, SIZE)
    if loop.kind == BANDWIDTH:
        assert 0.95 * SIZE < units <= SIZE
        assert _native.probe_units(loop.index, 100 * SIZE) == pytest.approx(100 * units, rel=0.05)
    elif loop.kind == COMPUTE:
        lanes = loop.width_bits // (8 if loop.name == "int8" else 32)
        assert units % (2 * lanes * loop.streams) == 0
    else:
        assert units > 0


EXPECTED = {
    "write": lambda b, c: np.full_like(b, 0.5),
    "copy": lambda b, c: b,
    "scale": lambda b, c: np.float32(0.5) * b,
    "add": lambda b, c: b + c,
    "triad": lambda b, c: b + np.float32(0.5) * c,
}


@pytest.mark.parametrize("loop", STREAM, ids=label)
def test_stores_hold_what_stream_defines(loop):
    team = ready_team()
    memory = memory_of(team)
    memory[:] = np.random.default_rng(1).integers(-99, 99, memory.size)
    before = memory.copy()
    team.run(loop.index, SIZE, 2, 1, warm=False)
    count = _native.probe_units(loop.index, SIZE) // loop.streams // 4
    spacing = find_spacing(loop.streams) // 4
    b, c = (before[k * spacing : k * spacing + count] for k in (1, 2))
    expected = EXPECTED[loop.name.removesuffix("_nt")](b, c)
    np.testing.assert_array_equal(memory[:count], expected)
    # Nothing but the first array is written.
    np.testing.assert_array_equal(memory[count:], before[count:])


def find_spacing(arrays):
    """Bytes from one array to the next: up to where the address is 21 lines into a page."""
    lines = SIZE // LINE // arrays
    return (lines + (64 + 21 - lines % 64) % 64) * LINE


@pytest.mark.parametrize("size", [4096, SIZE, 1 << 20])
def test_the_chase_goes_through_every_line_once(size):
    team = ready_team(size, chase=True)
    address = team.extents[0][0]
    pointers = memory_of(team, dtype=np.uint64)[:: LINE // 8][: size // LINE]
    lines = ((pointers - np.uint64(address)) // LINE).tolist()
    order, at = [], 0
    for _ in lines:
        order.append(at)
        at = lines[at]
    assert at == 0
    assert sorted(order) == list(range(size // LINE))
    # In random order: hardly ever to the neighbour, which a prefetcher would have fetched.
    steps = np.abs(np.diff(order))
    assert np.mean(steps == 1) < 0.1
    assert np.mean(steps) > size / LINE / 5


def test_threads_have_memory_of_their_own():
    team = ready_team(cpus=(CPU, CPU, CPU))
    starts = sorted(team.extents)
    assert len(starts) == 3
    assert all(a + size <= b for (a, size), (b, _) in itertools.pairwise(starts))
    assert len(team.run(named("read").index, SIZE, 1, 4, warm=True)) == 4


def test_slices_go_round_the_memory():
    team = ready_team(16 * 4096)
    memory = memory_of(team)
    write = named("write").index
    memory[:] = 7
    team.run(write, 4096, 1, 3, warm=False)
    assert np.count_nonzero(memory == 0.5) == 3 * 1024
    team.run(write, 4096, 13, 1, warm=False)
    assert np.count_nonzero(memory == 0.5) == 16 * 1024


def test_a_cpu_that_is_not_there_leaves_the_thread_where_it_is():
    team = ready_team(cpus=(100_000,))
    assert not team.pinned
    assert team.run(named("read").index, SIZE, 1, 1, warm=False)[0][0] > 0
    assert ready_team().pinned


def test_a_file_is_mapped_in_parts(tmp_path):
    whole = SIZE + _native.PROBE_SLACK_BYTES
    path = tmp_path / "file"
    path.write_bytes(b"a" * whole + b"b" * whole)
    with path.open("rb") as file:
        team = ready_team(cpus=(CPU, CPU), pages="file", file=file.fileno())
        assert set(memory_of(team, 0, np.uint8)) == {ord("a")}
        assert set(memory_of(team, 1, np.uint8)) == {ord("b")}
        assert team.run(named("read").index, SIZE, 1, 1, warm=True)[0][0] > 0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"cpus": []}, "at least one thread"),
        ({"cpus": [-1]}, "not negative"),
        ({"size_bytes": 100}, "multiple of 4096, not 100"),
        ({"size_bytes": 0}, "multiple of 4096, not 0"),
        ({"pages": "2M"}, "4K, huge or file, not 2M"),
        ({"pages": "file"}, "take an open file"),
    ],
)
def test_a_wrong_team_is_refused(arguments, complaint):
    with pytest.raises(ValueError, match=complaint):
        _native.ProbeTeam(**{"cpus": [CPU], "size_bytes": 4096, "pages": "4K", **arguments})


def test_wrong_runs_are_refused():
    team = ready_team()
    with pytest.raises(IndexError, match="there are"):
        team.run(1000, SIZE, 1, 1, warm=False)
    with pytest.raises(IndexError):
        _native.probe_units(1000, SIZE)
    for size, passes, samples in ((SIZE, 0, 1), (SIZE, 1, 0), (100, 1, 1), (2 * SIZE, 1, 1)):
        with pytest.raises(ValueError, match="at least 1|multiple of 4096 up to"):
            team.run(0, size, passes, samples, warm=False)
    with pytest.raises(ValueError, match="multiple of 64"):
        _native.probe_clock(CPU, 100, 1)


def test_memory_that_there_is_not_is_a_memory_error():
    with pytest.raises(MemoryError):
        _native.ProbeTeam(cpus=[CPU], size_bytes=1 << 60, pages="4K")
