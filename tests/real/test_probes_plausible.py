"""Our copy beside that of another program, mbw, turn by turn: they can't differ twofold.

mbw copies one array of 64-bit words to another, by a plain loop (``-t1``) and by ``memcpy``
(``-t0``), and counts each byte once where STREAM counts it read and written.
"""

import re
import resource
import shutil
import statistics
import subprocess
import time

import pytest

from llamabuild.machine.detect import detect_machine
from llamabuild.probes import available_bytes, calibrate_clock, measure_probes, residence
from llamabuild.probes.loops import usable_loops
from llamabuild.probes.measure import run_probes
from llamabuild.probes.spec import ProbeSpec

ARRAY_MIB = 128
ROUNDS = 5
MBW = shutil.which("mbw")


def mbw_bytes_per_second(method):
    """Return the mean rate of a few copies, counted as STREAM does, in the time mbw had a CPU.

    Our samples leave out what happens while others have the CPU. A copy of mbw is longer than a
    time slice, so that on a busy machine none is undisturbed.
    """
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    result = subprocess.run(
        [MBW, f"-t{method}", "-n", "12", "-a", str(ARRAY_MIB)],
        capture_output=True,
        text=True,
        check=True,
    )
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    on_cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    seconds = [float(elapsed) for elapsed in re.findall(r"Elapsed: ([\d.]+)", result.stdout)]
    assert len(seconds) == 12
    return 2 * (ARRAY_MIB << 20) / (statistics.mean(seconds) * min(1.0, on_cpu / wall))


def our_bytes_per_second(machine):
    """Return the medians of copies with ordinary and with non-temporal stores, by name."""
    loops = [loop for loop in usable_loops(machine.cpu.features) if loop.width_bits == 128]
    size = 2 * ARRAY_MIB << 20
    specs = [
        ProbeSpec(
            loop=next(loop for loop in loops if loop.name == name),
            threads=1,
            bytes_per_thread=size,
            residence=residence(machine, size, 1),
            seconds=0.3,
        )
        for name in ("copy", "copy_nt")
    ]
    found = run_probes(
        machine,
        specs,
        on_probe=lambda *_: None,
        should_stop=lambda: False,
        on_note=pytest.fail,
    )
    return {probe.name: probe.value for probe in found}


@pytest.mark.skipif(MBW is None, reason="no mbw: install Debian's package of that name")
def test_copies_are_as_fast_as_those_of_mbw():
    machine = detect_machine()
    if available_bytes(machine) < 8 * ARRAY_MIB << 20:
        pytest.skip("too little memory")
    loops, memcpys = [], []
    for _ in range(ROUNDS):
        theirs = [mbw_bytes_per_second(method) for method in (1, 0)]
        ours = our_bytes_per_second(machine)
        loops.append(ours["copy"] / theirs[0])
        # memcpy goes past the caches or not, as the C library decides.
        memcpys.append((theirs[1] / min(ours.values()), theirs[1] / max(ours.values())))
    print(f"copy / mbw's loop: {loops}; mbw's memcpy / copies: {memcpys}")
    assert 0.5 < statistics.median(loops) < 2
    assert statistics.median(slower for slower, _ in memcpys) > 0.5
    assert statistics.median(faster for _, faster in memcpys) < 2


def test_a_quick_measurement_makes_sense_as_a_whole():
    machine = detect_machine()
    notes = []
    probes = measure_probes(
        machine,
        threads=(1, machine.usable_threads),
        quick=True,
        on_probe=lambda *_: None,
        should_stop=lambda: False,
        on_note=notes.append,
    )
    assert notes == []
    reads = {
        where: max(p.value for p in probes if p.name == "read" and p.residence == where)
        for where in ("L1", "memory")
    }
    assert reads["L1"] > 2 * reads["memory"]
    chases = {p.residence: p.value for p in probes if p.kind == "latency" and p.pages == "4K"}
    assert chases["memory"] > 5 * chases["L1"]
    # Loads take four or five cycles in all first-level caches since 2006.
    cycles = chases["L1"] * calibrate_clock(machine).hz / 1e9
    assert 3 < cycles < 8
    assert {p.kind for p in probes} == {"bandwidth", "latency", "compute"}
