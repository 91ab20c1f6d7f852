"""hugealloc under programs that know nothing of it: preloaded, in processes of their own."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from llamabuild.machine.allocators import allocator_library

MEBIBYTE = 1 << 20
REPORT = re.compile(
    r"hugealloc: (?P<regions>\d+) regions, (?P<asked>\d+) bytes asked, (?P<most>\d+) bytes at the "
    r"most, (?P<touched>\d+) bytes touched by up to (?P<threads>\d+) threads in [\d.]+ ms; huge "
    r"pages: \w+"
)
C = """
import ctypes, errno, os, sys, threading, random
c = ctypes.CDLL(None, use_errno=True)
P, N = ctypes.c_void_p, ctypes.c_size_t
def declare(name, result, *arguments):
    f = getattr(c, name); f.restype, f.argtypes = result, arguments; return f
malloc = declare("malloc", P, N); calloc = declare("calloc", P, N, N); free = declare("free", None, P)
realloc = declare("realloc", P, P, N); memalign = declare("memalign", P, N, N)
aligned_alloc = declare("aligned_alloc", P, N, N)
posix_memalign = declare("posix_memalign", ctypes.c_int, ctypes.POINTER(P), N, N)
usable = declare("malloc_usable_size", N, P); reallocarray = declare("reallocarray", P, P, N, N)
M = 1 << 20
def write(p, at, byte): ctypes.memset(p + at, byte, 1)
def read(p, at): return ctypes.string_at(p + at, 1)[0]
"""


def preloaded(*argv, **environment):
    library = str(allocator_library("hugealloc"))
    done = subprocess.run(
        argv,
        env={**os.environ, "LD_PRELOAD": library, "HUGEALLOC_REPORT": "1", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


def python(code, **environment):
    done = preloaded(sys.executable, "-S", "-c", C + code, **environment)
    report = REPORT.search(done.stderr)
    assert report is not None, done.stderr
    return done.stdout, {name: int(value) for name, value in report.groupdict().items()}


def test_large_allocations_are_regions_and_small_ones_are_not():
    out, report = python("""
small = [malloc(4 * M - 1) for _ in range(3)]; large = [malloc(4 * M) for _ in range(5)]
print([p % (2 * M) for p in large], usable(large[0]), usable(small[0]) < 2 * 4 * M)
for p in small + large: free(p)
""")
    assert out == f"[0, 0, 0, 0, 0] {4 * MEBIBYTE} True\n"
    assert report["regions"] == 5
    assert report["asked"] == 20 * MEBIBYTE


def test_the_threshold_can_be_moved():
    code = "free(malloc(5 * M)); free(malloc(9 * M))"
    assert python(code)[1]["regions"] == 2
    assert python(code, HUGEALLOC_MIN_BYTES=str(8 * MEBIBYTE))[1]["regions"] == 1


@pytest.mark.parametrize("value", ["many", "4M", "-1", "4096", ""])
def test_a_setting_that_cannot_be_used_is_named_and_ignored(value):
    code = "import ctypes; m = ctypes.CDLL(None).malloc; m(5 << 20)"
    done = preloaded(sys.executable, "-S", "-c", code, HUGEALLOC_MIN_BYTES=value)
    assert "HUGEALLOC_MIN_BYTES is not a number that can be used; ignored" in done.stderr
    assert REPORT.search(done.stderr)["regions"] == "1"


def test_contents_survive_every_way_to_resize():
    out, _ = python("""
p = malloc(100); write(p, 99, 7)
for size in (3 * M, 6 * M, 7 * M, 40 * M, 41 * M, 9 * M, 4 * M, 200, 5 * M, 100):
    p = realloc(p, size)
    assert read(p, 99) == 7 and usable(p) >= size, size
    write(p, size - 1 if size > 100 else 98, 9)
q = realloc(None, 8 * M); assert usable(q) >= 8 * M
assert realloc(q, 0) is None
r = reallocarray(None, 5, M); r = reallocarray(r, 6, M); assert r % (2 * M) == 0; free(r); free(p)
print("kept")
""")
    assert out == "kept\n"


def test_a_region_that_moves_stays_one_mapping_and_can_move_again():
    """Older kernels neither grow nor move what spans two mappings."""
    out, _ = python("""
def mappings(p, size):
    with open("/proc/self/maps") as lines:
        spans = [[int(n, 16) for n in line.split()[0].split("-")] for line in lines]
    return sum(begin < p + size and p < end for begin, end in spans)
size = 5 * M; p = malloc(size); ctypes.memset(p, 7, size); moved = 0
for _ in range(3):
    between = malloc(size)
    q = realloc(p, 3 * size); moved += q != p; p = q
    assert ctypes.string_at(p, size) == bytes([7]) * size
    size *= 3; ctypes.memset(p, 7, size)
    assert mappings(p, size) == 1, mappings(p, size)
print(moved)
""")
    assert int(out) > 0


def test_calloc_is_zero_also_where_memory_was_used_before():
    out, _ = python("""
for _ in range(20):
    p = calloc(5, M); assert not any(ctypes.string_at(p, 5 * M)[:: 4093]); ctypes.memset(p, 255, 5 * M); free(p)
print("zero")
""")
    assert out == "zero\n"


def test_alignment_and_errors_are_those_of_the_standard():
    out, _ = python("""
for power in range(4, 28):
    p = P(); assert posix_memalign(p, 1 << power, 5 * M) == 0 and p.value % (1 << power) == 0
    write(p.value, 5 * M - 1, 1); free(p)
    q = memalign(1 << power, 5 * M); assert q % (1 << power) == 0; free(q)
p = P(77)
assert posix_memalign(p, 24, 5 * M) == posix_memalign(p, 4, 5 * M) == posix_memalign(p, 0, 5 * M) == errno.EINVAL
assert posix_memalign(p, 64, 1 << 63) == errno.ENOMEM and p.value == 77
for call in (lambda: malloc(1 << 63), lambda: malloc((1 << 64) - 1), lambda: calloc(1 << 63, 2),
             lambda: calloc(1 << 40, 1 << 20), lambda: aligned_alloc(64, 1 << 62)):
    ctypes.set_errno(0); assert call() is None and ctypes.get_errno() == errno.ENOMEM
ctypes.set_errno(0); assert aligned_alloc(24, 5 * M) is None and ctypes.get_errno() == errno.EINVAL
p = malloc(5 * M); ctypes.set_errno(5); free(p); assert ctypes.get_errno() == 5
assert realloc(q := malloc(5 * M), 1 << 62) is None; write(q, 0, 1); free(q); free(None)
print("standard")
""")
    assert out == "standard\n"


def test_large_aligned_allocations_are_touched_by_several_threads_and_others_by_none():
    allowed = len(os.sched_getaffinity(0))
    code = "p = {}; free(p)"
    used = python(code.format("memalign(64, 64 * M)"))[1]
    if allowed > 1:
        assert used["touched"] == 64 * MEBIBYTE
        assert 2 <= used["threads"] <= allowed
    else:
        assert used["touched"] == 0
    for call, setting in (
        ("malloc(64 * M)", {}),
        ("calloc(64, M)", {}),
        ("memalign(64, 8 * M)", {}),
        ("memalign(64, 64 * M)", {"HUGEALLOC_THREADS": "0"}),
    ):
        report = python(code.format(call), **setting)[1]
        assert (report["regions"], report["touched"]) == (1, 0), call


def test_more_than_half_of_the_memory_is_not_touched():
    code = """
kibibytes = int(open("/proc/meminfo").read().split("MemAvailable:")[1].split()[0])
p = memalign(64, kibibytes * 1024 * 3 // 4)
print(p is not None)
"""
    assert python(code)[1]["touched"] == 0


def test_threads_free_what_others_allocated():
    out, report = python("""
def work(seed):
    r = random.Random(seed)
    for _ in range(150):
        size = r.choice((r.randrange(1, 5000), r.randrange(3 * M, 7 * M)))
        p = r.choice((lambda: malloc(size), lambda: calloc(size, 1), lambda: memalign(1 << r.randrange(4, 22), size)))()
        write(p, 0, seed); write(p, size - 1, seed)
        with lock: pool.append((p, size, seed)); q, size, by = pool.pop(r.randrange(len(pool)))
        assert read(q, 0) == read(q, size - 1) == by
        if r.random() < 0.3:
            grown = size + r.randrange(4 * M); q = realloc(q, grown); assert read(q, size - 1) == by
        free(q)
lock, pool, errors = threading.Lock(), [], []
pool += [(p := malloc(100), 1, 0) for _ in range(10)]
for p, _, _ in pool: write(p, 0, 0)
threading.excepthook = lambda e: errors.append(e.exc_value)
threads = [threading.Thread(target=work, args=(n + 1,)) for n in range(4)]
for t in threads: t.start()
for t in threads: t.join()
print(errors)
""")
    assert out == "[]\n"
    assert report["regions"] > 100


def test_a_child_after_fork_has_the_same_memory_and_can_go_on():
    out, _ = python("""
p = malloc(8 * M); write(p, 5 * M, 42)
threads = [threading.Thread(target=lambda: [free(memalign(64, 20 * M)) for _ in range(5)]) for _ in range(2)]
for t in threads: t.start()
for _ in range(5):
    child = os.fork()
    if child == 0:
        good = read(p, 5 * M) == 42; q = realloc(p, 30 * M); write(q, 29 * M, 1); r = memalign(64, 40 * M)
        write(r, 39 * M, 1); free(r); free(q); os._exit(0 if good else 1)
    assert os.waitpid(child, 0)[1] == 0
for t in threads: t.join()
assert read(p, 5 * M) == 42; print("same")
""")
    assert out == "same\n"


def test_sort_of_a_large_file_is_the_same_and_its_half_of_memory_is_not_touched(tmp_path):
    path = tmp_path / "lines"
    path.write_text("".join(f"{n * 7919 % 200_003}\n" for n in range(200_000)))
    argv = [shutil.which("sort"), "-n", str(path)]
    plain = subprocess.run(argv, capture_output=True, text=True, check=True)
    done = preloaded(*argv)
    assert done.stdout == plain.stdout
    assert REPORT.search(done.stderr)["touched"] == "0"
