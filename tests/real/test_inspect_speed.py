"""inspect against objdump itself: at most 1.5 times its wall time, in bounded memory."""

import statistics
import subprocess
import sys
import time

import pytest

from llamabuild.process import run

from .test_inspect_decoder import numpy_libraries, system_libc

LIMIT = 1.5
ROUNDS, PAIRS = 3, 5


def wall_seconds(*command):
    begun = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begun


def ratio(path):
    """Median over interleaved pairs: what else the machine does falls on both."""
    own = (sys.executable, "-m", "llamabuild", "inspect", path, "--json")
    pairs = [(wall_seconds("objdump", "-d", path), wall_seconds(*own)) for _ in range(PAIRS)]
    return statistics.median(ours / theirs for theirs, ours in pairs)


@pytest.mark.parametrize("path", [*system_libc(), *numpy_libraries()], ids=lambda path: path.name)
def test_speed(path):
    """A round that something else disturbed is repeated."""
    ratios = []
    while len(ratios) < ROUNDS and (not ratios or ratios[-1] > LIMIT):
        ratios.append(ratio(path))
    assert min(ratios) <= LIMIT, ratios


# Linux counts what a process was before exec into its peak: a child of these tests would be as
# large as they are. A small program in between is not.
PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def test_memory_stays_bounded():
    """Far below the text that objdump prints for OpenBLAS."""
    path = next(p for p in numpy_libraries() if "openblas" in p.name)
    inspecting = (sys.executable, "-m", "llamabuild", "inspect", path)
    done = run([sys.executable, "-c", PEAK, *inspecting])
    assert done.ok, done.failure()
    assert int(done.stdout) < 100 << 10
