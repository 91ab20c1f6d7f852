"""What is known of allocators, and the proof that a program uses the one it should."""

import sys
import time
from pathlib import Path

import pytest

from llamabuild.bench.allocation import Promise, prove_allocation
from llamabuild.bench.bindings import (
    allocating_libraries,
    defined_symbols,
    has_loader,
    not_preloaded,
)
from llamabuild.errors import BadInput, BuildFailed, EnvironmentLacks
from llamabuild.machine import allocators
from llamabuild.machine.allocators import (
    allocator_environment,
    allocator_library,
    allocator_link,
    allocator_table,
)
from llamabuild.machine.smaps import Resident, read_resident
from llamabuild.pipeline.allocation import promise_of, runtime_with_allocator
from llamabuild.types.variant import Allocator, Runtime, Variant

SMAPS = """\
55d0c8f6d000-55d0c8f8d000 r-xp 00002000 fe:01 1234                       /usr/bin/a b: c
Rss:              100 kB
AnonHugePages:      0 kB
VmFlags: rd ex mr mw me
7f0000000000-7ffd6a7e1000 rw-p 00000000 00:00 0
Rss:             1000 kB
Pss:              900 kB
AnonHugePages:    600 kB
ShmemPmdMapped:    30 kB
FilePmdMapped:      4 kB
"""


@pytest.fixture
def libraries(tmp_path, monkeypatch):
    """Libraries that are all there, whatever this machine has."""
    monkeypatch.setattr(allocators, "find_library", lambda name: tmp_path / f"lib{name}.so.2")
    return tmp_path


def variant(allocator=None, **environment):
    return Variant(
        name="v",
        description="",
        source="",
        allocator=allocator or Allocator(),
        runtime=Runtime(environment=environment, bench=("-lm", "none")),
    )


def test_every_allocator_says_what_it_changes():
    table = allocator_table()
    assert {"mimalloc", "jemalloc", "tcmalloc", "hugealloc", "glibc"} <= set(table)
    for entry in table.values():
        assert len(entry.summary) > 60
        assert not entry.summary.endswith(".")


@pytest.mark.parametrize("name", ["mimalloc", "jemalloc", "tcmalloc", "hugealloc"])
def test_preloading_names_an_absolute_path_and_linking_none(libraries, name):
    path = allocator_environment(Allocator(name=name, how="preload"))["LD_PRELOAD"]
    assert Path(path).is_absolute()
    assert path == str(allocator_library(name))
    linked = Allocator(name=name, how="link")
    assert "LD_PRELOAD" not in allocator_environment(linked)
    link = allocator_link(linked)
    assert link.flags[1] == path
    assert "--no-as-needed" in link.flags[0]
    assert "--pop-state" in link.flags[2]
    assert link.carried == (name == "hugealloc")


def test_no_allocator_and_glibc_need_no_library():
    assert allocator_environment(Allocator()) == {}
    glibc = allocator_environment(Allocator(name="glibc", how="preload"))
    assert set(glibc) == {"GLIBC_TUNABLES"}
    assert allocator_link(Allocator(name="glibc", how="link")) is None
    assert allocator_link(Allocator()) is None
    with pytest.raises(BadInput, match="the C library's own"):
        allocator_library("glibc")


def test_an_unknown_allocator_is_named_with_the_likeliest_meant():
    with pytest.raises(BadInput, match="did you mean 'mimalloc'"):
        allocator_environment(Allocator(name="mimaloc", how="preload"))


def test_hugealloc_is_installed_with_the_package():
    assert allocator_library("hugealloc").name == "libhugealloc.so"


def test_hugealloc_that_was_not_built_is_an_error_with_a_remedy(tmp_path, monkeypatch):
    monkeypatch.setattr(allocators, "_beside_us", lambda file: [tmp_path / file])
    with pytest.raises(EnvironmentLacks, match="pip install"):
        allocator_library("hugealloc")


def test_a_variants_own_settings_come_after_the_allocators(libraries):
    own = variant(Allocator(name="jemalloc", how="preload"), MALLOC_CONF="thp:never", A="1")
    runtime = runtime_with_allocator(own)
    assert runtime.environment["MALLOC_CONF"] == "thp:never"
    assert runtime.environment["A"] == "1"
    assert "LD_PRELOAD" in runtime.environment
    assert runtime.bench == ("-lm", "none")
    assert runtime_with_allocator(variant()) == variant().runtime


def test_what_variants_promise(libraries):
    assert promise_of(variant()) == Promise()
    assert promise_of(variant(Allocator(name="tcmalloc", how="link"))) == Promise(
        name="tcmalloc", library="libtcmalloc.so.2"
    )
    tuned = promise_of(variant(GLIBC_TUNABLES="glibc.malloc.hugetlb=1"))
    assert (tuned.name, tuned.library, tuned.huge) == ("glibc", "libc.so", True)
    assert tuned.only_huge
    assert promise_of(variant(Allocator(name="glibc", how="preload"))).only_huge
    assert not promise_of(variant(GLIBC_TUNABLES="glibc.malloc.hugetlb=2")).only_huge
    assert not promise_of(variant(Allocator(name="hugealloc", how="preload"))).only_huge
    assert promise_of(variant(GLIBC_TUNABLES="glibc.cpu.x86_shstk=on")) == Promise()


def test_resident_memory_and_its_huge_part(tmp_path):
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "smaps").write_text(SMAPS)
    assert read_resident(7, 900 << 10, tmp_path) == Resident(
        1100 << 10, 634 << 10, 1000 << 10, 634 << 10
    )
    assert read_resident(7, 1 << 30, tmp_path) == Resident(1100 << 10, 634 << 10, 0, 0)
    assert read_resident(8, 0, tmp_path) is None
    (tmp_path / "8").mkdir()
    (tmp_path / "8" / "smaps").touch()
    assert read_resident(8, 0, tmp_path) is None, "a process that has just ended"


def test_the_loaders_words(tmp_path):
    (tmp_path / "bindings.5").write_text(
        "     5:\tbinding file setpriv [0] to /lib/libc.so.6 [0]: normal symbol `malloc' [GLIBC_2]\n"
        "     5:\tbinding file /b/my libs/libggml-base.so.0 [0] to /l/libx.so.2 [0]: normal symbol "
        "`posix_memalign' [GLIBC_2]\n"
        "     5:\tbinding file /b/llama-bench [0] to /l/libx.so.2 [0]: normal symbol `malloc'\n"
        "     5:\tbinding file /b/llama-bench [0] to /lib/libc.so.6 [0]: normal symbol `exit'\n"
    )
    assert allocating_libraries(tmp_path, Path("/b/llama-bench")) == ("libx.so.2",)
    assert allocating_libraries(tmp_path / "none", Path("/b/llama-bench")) == ()
    complaint = (
        "ERROR: ld.so: object '/x/liby.so' from LD_PRELOAD cannot be preloaded "
        "(cannot open shared object file): ignored."
    )
    assert not_preloaded(f"a\n{complaint}\nb").startswith("liby.so cannot be preloaded")
    assert not_preloaded("all is well") == ""


def test_a_program_at_a_fixed_address_lends_its_entry_and_is_not_the_allocator(tmp_path):
    """Debian's Python is one; what the loader names is then the program itself."""
    program = Path("/usr/bin/python3").resolve()
    if not program.is_file():
        pytest.skip("no system Python here")
    assert defined_symbols(program) == frozenset()
    (tmp_path / "bindings.7").write_text(
        f"     7:\tbinding file {program} [0] to {program} [0]: normal symbol `malloc' [GLIBC_2]\n"
        f"     7:\tbinding file {program} [0] to /lib/libc.so.6 [0]: normal symbol `malloc'\n"
    )
    assert allocating_libraries(tmp_path, program) == ("libc.so.6",)


def test_what_a_program_defines_itself_is_its_own(tmp_path):
    assert defined_symbols(allocator_library("hugealloc")) == {"malloc", "posix_memalign"}
    assert defined_symbols(tmp_path / "none") == {"malloc", "posix_memalign"}


# The real loader, on a program that allocates as much as it is told to and stays. It answers --help
# at once, as llama-bench does: one that hangs there is waited for.

STAND_IN = """\
#!{python} -S
import sys, time
if "--help" in sys.argv:
    sys.exit()
memory = bytearray({bytes})
time.sleep({seconds})
"""


@pytest.fixture
def program(tmp_path):
    def make(seconds=60, megabytes=32):
        path = tmp_path / "llama-bench"
        text = STAND_IN.format(python=sys.executable, bytes=megabytes << 20, seconds=seconds)
        path.write_text(text)
        path.chmod(0o755)
        return path

    return make


@pytest.fixture
def prove(tmp_path, monkeypatch):
    """The stand-in is a script: what counts is what its interpreter was bound to."""
    folder = tmp_path / "notes"
    folder.mkdir()
    model = tmp_path / "model.gguf"
    model.write_bytes(bytes(1 << 20))
    monkeypatch.setattr(
        "llamabuild.bench.allocation.allocating_libraries",
        lambda notes, _: allocating_libraries(notes, Path(sys.executable)),
    )

    def run(path, promise, **environment):
        runtime = Runtime(environment=environment)
        return prove_allocation(path, runtime, promise, model=model, threads=1, folder=folder)

    return run


def test_a_preloaded_allocator_is_seen_with_the_memory_and_the_program_is_ended(program, prove):
    library = allocator_library("hugealloc")
    promise = Promise(name="hugealloc", library=library.name, preloaded=True)
    started = time.monotonic()
    found = prove(program(), promise, LD_PRELOAD=str(library))
    assert time.monotonic() - started < 30
    assert (found.passed, found.library, found.reason) == (True, "libhugealloc.so", "")
    assert found.resident_bytes > 32 << 20
    assert found.huge_bytes is not None


def test_an_allocator_that_was_not_preloaded_is_found_out(program, prove):
    promise = Promise(name="hugealloc", library="libhugealloc.so", preloaded=True)
    found = prove(program(), promise)
    assert not found.passed
    assert found.library == "libc.so.6"
    assert found.reason == "malloc is that of libc.so.6, not of libhugealloc.so"


def test_a_preload_that_the_loader_ignores_is_an_error(program, prove, tmp_path):
    path = tmp_path / "libmimalloc.so.2"
    promise = Promise(name="mimalloc", library=path.name, preloaded=True)
    found = prove(program(seconds=1), promise, LD_PRELOAD=str(path))
    assert not found.passed
    assert "libmimalloc.so.2 cannot be preloaded" in found.reason


def test_without_a_promise_any_malloc_will_do(program, prove):
    found = prove(program(), Promise())
    assert (found.expected, found.passed, found.library) == ("", True, "libc.so.6")


def test_huge_pages_that_did_not_come_are_said(program, prove):
    found = prove(program(), Promise(name="glibc", library="libc.so", huge=True))
    assert found.passed
    assert "MiB lie on huge pages" in found.reason


def test_a_program_that_ends_by_itself_is_judged_too(program, prove):
    assert prove(program(seconds=0.3), Promise(name="glibc", library="libc.so")).passed


def test_a_crash_says_nothing_about_the_allocator(prove, tmp_path):
    path = tmp_path / "llama-bench"
    path.write_text(f"#!{sys.executable} -S\nimport sys\nsys.exit(3)\n")
    path.chmod(0o755)
    with pytest.raises(BuildFailed, match="llama-bench .*3"):
        prove(path, Promise(name="glibc", library="libc.so"))
    found = prove(path, Promise(name="hugealloc", library="libhugealloc.so"))
    assert "malloc is that of libc.so.6" in found.reason


def test_a_static_program_is_no_place_to_preload_into(tmp_path):
    path = tmp_path / "llama-bench"
    header = b"\x7fELF\x02\x01\x01" + bytes(9) + bytes([2, 0, 62, 0, 1]) + bytes(43)
    path.write_bytes(header)
    assert not has_loader(path)
    assert has_loader(Path(sys.executable))
    promise = Promise(name="jemalloc", library="libjemalloc.so.2", preloaded=True)
    found = prove_allocation(path, Runtime(), promise, model=path, threads=1, folder=tmp_path)
    assert not found.passed
    assert "linked statically" in found.reason


@pytest.mark.parametrize(("megabytes", "passed"), [(3, False), (300, True)])
def test_a_promise_of_huge_pages_alone_is_not_kept_without_any(
    program, prove, monkeypatch, megabytes, passed
):
    seen = Resident(1000 << 20, megabytes << 20)
    monkeypatch.setattr("llamabuild.bench.allocation.read_resident", lambda *_: seen)
    found = prove(program(), Promise(name="glibc", library="libc.so", huge=True, only_huge=True))
    assert found.passed == passed
    assert found.reason.startswith(f"only {megabytes} of 1000 MiB lie on huge pages")
