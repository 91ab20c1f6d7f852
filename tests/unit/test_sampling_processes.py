"""Real processes under a sampler: threads, phases, and what cannot be sampled."""

import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from llamabuild.errors import EnvironmentLacks
from llamabuild.sampling import CannotSample, located, perf, record
from llamabuild.sampling.preload import METHOD, record_preloaded

# zlib and hashlib compute in libraries of their own, without the interpreter's lock.
LOAD = """
import hashlib, time, zlib
def load(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        zlib.crc32(BLOCK)
BLOCK = bytes(1 << 20)
"""


def share(recording, part, begin=0, end=2**63):
    """Return the share of samples in files whose path has a part."""
    places = located(recording, begin, end)
    assert places.total() > 0
    return sum(n for (path, _), n in places.items() if part in path) / places.total()


def preloaded(code, **options):
    return record_preloaded(
        [sys.executable, "-c", LOAD + code],
        **{"environment": {}, "timeout_seconds": 60, **options},
    )


def test_cpu_time_is_found_in_the_library_that_used_it():
    recording = preloaded("load(0.5)")
    assert recording.method == METHOD
    assert recording.finished.ok
    assert len(recording.samples) > 10
    end = time.monotonic_ns()
    assert all(end - 60e9 < sample.time_ns < end for sample in recording.samples)
    assert share(recording, "libz") + share(recording, "zlib") > 0.5


def test_other_threads_than_the_first_are_sampled():
    recording = preloaded(
        "import threading\n"
        "worker = threading.Thread(target=load, args=(0.5,))\n"
        "worker.start(); worker.join()"
    )
    assert share(recording, "libz") + share(recording, "zlib") > 0.5


def test_a_program_keeps_its_variables_and_its_own_preloads(tmp_path):
    recording = preloaded(
        "import os, sys\nprint(os.environ['LD_PRELOAD'], os.environ['OWN'], 'HOSTILE' in os.environ)",
        environment={"LD_PRELOAD": "libm.so.6", "OWN": "a b=c"},
    )
    ours, own = recording.finished.stdout.split(" ", 1)
    assert ours.split(":")[1] == "libm.so.6"
    assert own == "a b=c False\n"
    assert recording.finished.stderr == ""


def test_code_of_a_library_that_was_unloaded_is_still_found():
    recording = preloaded(
        "import ctypes, _ctypes\n"
        "library = ctypes.CDLL('libbz2.so.1.0')\n"
        "size = ctypes.c_uint(2 << 20)\n"
        "out = ctypes.create_string_buffer(2 << 20)\n"
        "end = time.monotonic() + 0.4\n"
        "data = bytes(i * i % 251 for i in range(1 << 18))\n"
        "while time.monotonic() < end:\n"
        "    library.BZ2_bzBuffToBuffCompress(out, ctypes.byref(size), data, len(data), 9, 0, 0)\n"
        "_ctypes.dlclose(library._handle)\n"
        "print('libbz2' in open('/proc/self/maps').read())"
    )
    assert recording.finished.stdout == "False\n"
    assert share(recording, "libbz2") > 0.3


def test_a_program_that_fails_has_no_samples_and_is_not_an_error_of_the_sampler():
    recording = preloaded("import os; os.abort()")
    assert not recording.finished.ok
    assert "SIGABRT" in recording.finished.failure()
    assert recording.samples == ()


def test_a_program_that_ends_without_its_last_functions_is_said_so():
    with pytest.raises(CannotSample, match="no samples"):
        preloaded("import os; load(0.1); os._exit(0)")


def static_program(folder: Path) -> Path:
    """Write the smallest program that is loaded by the kernel alone: it exits with 0."""
    code = bytes.fromhex("b83c00000031ff0f05")  # mov eax, 60; xor edi, edi; syscall
    header = bytearray(b"\x7fELF\2\1\1".ljust(16, b"\0"))
    words = ((2, 2), (62, 2), (1, 4), (0x400078, 8), (64, 8), (0, 8), (0, 4), (64, 2), (56, 2))
    words += ((1, 2), (64, 2), (0, 2), (0, 2))
    segment = ((1, 4), (5, 4), (0, 8), (0x400000, 8), (0x400000, 8))
    size = 64 + 56 + len(code)
    segment += ((size, 8), (size, 8), (4096, 8))
    for value, length in (*words, *segment):
        header += value.to_bytes(length, "little")
    path = folder / "static"
    path.write_bytes(bytes(header) + code)
    path.chmod(0o755)
    return path


@pytest.fixture
def no_perf(monkeypatch):
    def lacks(name):
        raise EnvironmentLacks(f"'{name}' was not found (needed to sample)", "install it")

    monkeypatch.setattr(perf, "find_tool", lacks)
    perf._tried_perf.cache_clear()
    yield
    perf._tried_perf.cache_clear()


@pytest.fixture
def fake_perf(monkeypatch, tmp_path):
    """Put a shell script in perf's place."""

    def put(script):
        path = tmp_path / "perf"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setattr(perf, "find_tool", lambda _name: SimpleNamespace(path=str(path)))
        perf._tried_perf.cache_clear()

    yield put
    perf._tried_perf.cache_clear()


def either(*argv):
    return record(list(argv), environment={}, threads=2, timeout_seconds=60)


def test_without_perf_the_preloaded_sampler_is_used(no_perf):
    recording = either(sys.executable, "-c", LOAD + "load(0.3)")
    assert recording.method == "SIGPROF sampler"
    assert recording.samples


def test_a_static_program_without_perf_cannot_be_sampled_and_both_reasons_are_said(
    no_perf, tmp_path
):
    program = static_program(tmp_path)
    assert os.spawnv(os.P_WAIT, program, [str(program)]) == 0
    with pytest.raises(CannotSample, match=r"'perf' was not found.*; static is linked statically"):
        either(str(program))


RECORD = 'case "$1" in record) while [ "$1" != -- ]; do shift; done; shift; "$@"; exit;; esac\n'
MAPPED = "7/7 1.0: PERF_RECORD_MMAP2 7/7: [0x1000(0x200) @ 0 fe:00 16 107]: r-xp /bin/a"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'access to performance monitoring is limited' >&2; exit 255", "may not sample here"),
        (RECORD + "echo 'not what anybody expects'", "printed what is no sample"),
        (
            RECORD + '[ "$1" = script ] || exit 0; echo zero-sized data >&2; exit 255',
            "perf script exited with 255",
        ),
        (RECORD, "records nothing"),
    ],
)
def test_a_perf_that_does_not_work_says_why_and_is_done_without(fake_perf, script, reason):
    fake_perf(script)
    with pytest.raises(CannotSample, match=reason):
        perf.usable_perf()
    assert either(sys.executable, "-c", LOAD + "load(0.2)").method == "SIGPROF sampler"


def test_a_perf_that_works_gets_the_program_with_its_variables(fake_perf):
    fake_perf(RECORD + f"echo '{MAPPED}'; echo '7/7 2.5: 1010'")
    recording = record(
        ["/bin/sh", "-c", "echo $OWN $1", "-", "a  b"],
        environment={"OWN": "mine"},
        threads=2,
        timeout_seconds=60,
    )
    assert recording.method == "perf cpu-clock"
    assert recording.finished.stdout == "mine a b\n"
    assert located(recording, 0, 2**63) == {("/bin/a", 0x10): 1}


def test_more_threads_are_sampled_less_often_each():
    assert perf.frequency(1) == 997
    assert perf.frequency(4) == 500
    assert perf.frequency(1000) == 49
