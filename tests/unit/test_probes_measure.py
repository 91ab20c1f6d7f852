"""Probes of a few milliseconds, and what happens to them when something lacks."""

import itertools
import os

import msgspec
import pytest

from llamabuild.errors import BadInput, EnvironmentLacks
from llamabuild.machine import state
from llamabuild.machine.cpu import detect_cpu
from llamabuild.probes import calibrate_clock, measure_probes, memory
from llamabuild.probes.loops import usable_loops
from llamabuild.probes.measure import run_probes
from llamabuild.probes.memory import huge_part, open_team, pages_had
from llamabuild.probes.spec import ProbeSpec
from llamabuild.store.paths import cache_dir
from tests.runs import MACHINE

CPUS = tuple(sorted(os.sched_getaffinity(0)))
HERE = msgspec.structs.replace(MACHINE, cpu=detect_cpu(), affinity=CPUS)
LOOPS = usable_loops(HERE.cpu.features)


def spec(name="read", *, size=16 << 10, threads=1, pages="4K", residence="L1", **more):
    loop = next(loop for loop in LOOPS if loop.name == name)
    if not size:
        pages = residence = ""
    return ProbeSpec(
        loop=loop,
        threads=threads,
        bytes_per_thread=size,
        residence=residence,
        pages=pages,
        seconds=0.002,
        **more,
    )


def measure(*specs, should_stop=lambda: False):
    calls, notes = [], []
    found = run_probes(
        HERE,
        specs,
        on_probe=lambda *call: calls.append(call),
        should_stop=should_stop,
        on_note=notes.append,
    )
    assert [call[0] for call in calls] == list(found)
    return found, [call[1:] for call in calls], notes


def test_each_kind_has_its_unit_and_a_plausible_value():
    found, progress, notes = measure(
        spec("read"), spec("latency"), spec("f32", size=0), spec("copy", residence="L2")
    )
    assert [(p.name, p.unit, p.kind) for p in found] == [
        ("read", "bytes/s", "bandwidth"),
        ("latency", "ns", "latency"),
        ("f32", "operations/s", "compute"),
        ("copy", "bytes/s", "bandwidth"),
    ]
    assert progress == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert notes == []
    read, latency, f32, copy = found
    # Within what any CPU of the last twenty years does, however busy the machine is.
    assert 1e8 < read.value < 5e12
    assert 0.2 < latency.value < 1000
    assert 1e8 < f32.value < 1e13
    assert f32.working_set_bytes == 0
    assert copy.allocated_bytes_per_second == pytest.approx(1.5 * copy.value)
    assert read.allocated_bytes_per_second is None
    for probe in found:
        assert probe.spread.low <= probe.value <= probe.spread.high
        assert probe.spread.samples > 0


@pytest.mark.parametrize(
    ("name", "residence", "factor"),
    [
        ("write", "memory", 2),
        ("scale", "L3", 3 / 2),
        ("add", "L2", 4 / 3),
        ("triad", "memory", 4 / 3),
        ("triad", "L1", None),
        ("triad_nt", "memory", None),
    ],
)
def test_the_other_way_to_count_adds_the_array_that_a_store_reads_first(name, residence, factor):
    ((probe,), _, _) = measure(spec(name, residence=residence))
    if factor is None:
        assert probe.allocated_bytes_per_second is None
    else:
        assert probe.allocated_bytes_per_second == pytest.approx(factor * probe.value)


def test_threads_add_up():
    ((probe,), _, _) = measure(spec(threads=len(CPUS)))
    assert probe.threads == len(CPUS)
    assert probe.working_set_bytes == len(CPUS) * (16 << 10)


def test_memory_that_cannot_be_had_is_said_and_the_rest_goes_on():
    found, progress, notes = measure(spec("copy", size=1 << 60), spec("read"))
    assert [probe.name for probe in found] == ["read"]
    assert progress == [(2, 2)]
    assert len(notes) == 1
    assert "for a probe" in notes[0]


def test_a_request_to_stop_keeps_what_is_done():
    asked = itertools.count()
    found, _, _ = measure(*(spec("read") for _ in range(50)), should_stop=lambda: next(asked) > 6)
    assert 0 < len(found) < 50


def test_a_request_to_stop_is_heard_while_memory_is_made_ready():
    with pytest.raises(memory.StoppedError), open_team(spec(size=1 << 30), CPUS[:1], lambda: True):
        pass


def test_the_note_of_the_plan_is_kept():
    ((probe,), _, _) = measure(spec(note="smaller"))
    assert probe.note.startswith("smaller")


def test_threads_that_cannot_be_pinned_are_named(monkeypatch):
    monkeypatch.setattr("llamabuild.probes.measure.cpu_order", lambda _machine: (100_000,))
    ((probe,), _, _) = measure(spec())
    assert "could not be pinned" in probe.note


def test_a_machine_that_does_not_tell_steal_time(monkeypatch, tmp_path):
    unreadable = state.read_counters(tmp_path, tmp_path)
    monkeypatch.setattr("llamabuild.probes.measure.read_counters", lambda: unreadable)
    ((probe,), _, _) = measure(spec())
    assert probe.spread.steal_seconds is None


def test_threads_beyond_the_machine_are_refused():
    with pytest.raises(BadInput, match="the CPUs that this process may use"):
        measure_probes(
            HERE,
            threads=(len(CPUS) + 1,),
            quick=True,
            on_probe=lambda *_: None,
            should_stop=lambda: False,
        )


def test_the_clock_is_that_of_a_cpu():
    clock = calibrate_clock(HERE)
    assert 2e8 < clock.hz < 1e10
    assert clock.spread.low <= clock.hz <= clock.spread.high
    assert clock.timer.startswith("clock_gettime(CLOCK_MONOTONIC_RAW)")


# Files.


def test_a_file_is_gone_even_when_the_measurement_fails():
    folder = cache_dir("scratch")

    def fail():
        with open_team(spec(pages="file"), CPUS[:1], lambda: False):
            assert list(folder.iterdir()) == []  # it never has a name
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert list(folder.iterdir()) == []
    ((probe,), _, _) = measure(spec(pages="file", residence="memory"))
    assert probe.pages == "file"


def test_a_full_disk_is_named(monkeypatch):
    usage = type("Usage", (), {"free": 1})
    monkeypatch.setattr(memory.shutil, "disk_usage", lambda _folder: usage)
    with (
        pytest.raises(EnvironmentLacks, match="needs twice that free on disk"),
        open_team(spec(pages="file"), CPUS[:1], lambda: False),
    ):
        pass


# Huge pages, from /proc/self/smaps.

SMAPS = """\
10000000-10400000 rw-p 00000000 00:00 0
Size:               4096 kB
AnonHugePages:      {first} kB
VmFlags: rd wr
20000000-20400000 rw-p 00000000 00:00 0    [heap]
AnonHugePages:      {second} kB
30000000-30400000 rw-p 00000000 00:00 0
AnonHugePages:      4096 kB
"""
PARTS = [(0x10000000, 4 << 20), (0x20000000, 4 << 20)]


@pytest.mark.parametrize(
    ("first", "second", "pages", "note"),
    [
        (4096, 4096, "huge", ""),
        (2048, 2048, "huge", "only 50% in huge pages"),
        (0, 0, "4K", "asked for huge pages, got none"),
    ],
)
def test_huge_pages_are_counted_not_believed(tmp_path, first, second, pages, note):
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "smaps").write_text(SMAPS.format(first=first, second=second))
    assert pages_had("huge", PARTS, tmp_path) == (pages, note)
    assert pages_had("4K", PARTS, tmp_path) == ("4K", "")


def test_an_unreadable_smaps_is_named(tmp_path):
    assert huge_part(PARTS, tmp_path) is None
    pages, note = pages_had("huge", PARTS, tmp_path)
    assert pages == "huge"
    assert "smaps can't be read" in note
