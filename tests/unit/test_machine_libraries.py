"""Finding libraries without loading them, with stand-ins in the test's own folders."""

from pathlib import Path

import pytest

from llamabuild.errors import EnvironmentLacks
from llamabuild.machine import libraries, tools

OURS = Path("/proc/self/exe").read_bytes()[:64]


def foreign(start):
    """The same ELF header for another architecture."""
    return start[:18] + b"\xf7\x00" + start[20:]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Return a folder that is the only one searched; nothing is in the loader's cache."""
    caches = (libraries.find_library, libraries._loader_cache, tools.find_tool)
    for each in caches:
        each.cache_clear()
    monkeypatch.setattr(libraries, "LIBRARY_FOLDERS", (str(tmp_path),))
    monkeypatch.setattr(libraries, "INCLUDE_FOLDERS", (str(tmp_path),))
    monkeypatch.setattr(libraries, "ADMIN_FOLDERS", "")
    monkeypatch.setattr(libraries.platform, "machine", lambda: "no-such-machine")
    monkeypatch.setattr(libraries, "debian_version", lambda: 12)
    monkeypatch.setenv("PATH", str(tmp_path))
    yield tmp_path
    for each in caches:
        each.cache_clear()


def script(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("name", "file", "package"),
    [
        ("mimalloc", "libmimalloc.so.2", "libmimalloc2.0"),
        ("jemalloc", "libjemalloc.so.2", "libjemalloc2"),
        ("tcmalloc", "libtcmalloc_minimal.so.4", "libtcmalloc-minimal4"),
    ],
)
def test_a_library_in_a_folder_of_the_loader(place, name, file, package):
    with pytest.raises(EnvironmentLacks) as caught:
        libraries.find_library(name)
    assert caught.value.message.startswith(f"'{file}' was not found (needed to ")
    assert caught.value.remedy == f"apt-get install {package}"
    assert libraries.library_package(name) == package
    (place / file).write_bytes(OURS)
    assert libraries.find_library(name) == place / file


@pytest.mark.parametrize(
    ("debian", "file", "package"),
    [
        (None, "libmimalloc.so.2", "libmimalloc2.0"),
        (12, "libmimalloc.so.2", "libmimalloc2.0"),
        (13, "libmimalloc.so.3", "libmimalloc3"),
    ],
)
def test_a_library_that_was_renamed_is_asked_for_by_its_name_here(
    place, monkeypatch, debian, file, package
):
    monkeypatch.setattr(libraries, "debian_version", lambda: debian)
    with pytest.raises(EnvironmentLacks) as caught:
        libraries.find_library("mimalloc")
    assert caught.value.message.startswith(f"'{file}' was not found")
    assert caught.value.remedy == f"apt-get install {package}"
    assert libraries.library_package("mimalloc") == package
    (place / "libmimalloc.so.3").write_bytes(OURS)
    assert libraries.find_library("mimalloc") == place / "libmimalloc.so.3"


def test_the_loaders_cache_goes_first(place):
    elsewhere = place / "elsewhere"
    elsewhere.mkdir()
    for folder in (place, elsewhere):
        (folder / "libmimalloc.so.2").write_bytes(OURS)
    line = f"\\tlibmimalloc.so.2 (libc6,x86-64) => {elsewhere}/libmimalloc.so.2"
    script(place / "ldconfig", f"printf '1 libs found in cache\\n{line}\\n'")
    assert libraries.find_library("mimalloc") == elsewhere / "libmimalloc.so.2"


def test_an_entry_of_the_cache_that_is_gone_is_passed_over(place):
    (place / "libmimalloc.so.2").write_bytes(OURS)
    script(place / "ldconfig", "printf '\\tlibmimalloc.so.2 (libc6) => /none/libmimalloc.so.2\\n'")
    assert libraries.find_library("mimalloc") == place / "libmimalloc.so.2"


@pytest.mark.parametrize("content", [foreign(OURS), b"", b"INPUT(-lmimalloc)"])
def test_what_the_loader_would_refuse_is_not_found(place, content):
    (place / "libmimalloc.so.2").write_bytes(content)
    with pytest.raises(EnvironmentLacks):
        libraries.find_library("mimalloc")


def test_openblas_needs_its_development_files(place):
    (place / "libopenblas.so").write_bytes(OURS)
    with pytest.raises(EnvironmentLacks, match=r"'cblas\.h' .*apt-get install libopenblas-dev"):
        libraries.find_library("openblas")
    (place / "cblas.h").write_text("")
    assert libraries.find_library("openblas") == place / "libopenblas.so"


def test_openmp_is_the_compilers_own(place):
    header = place / "omp.h"
    answer = f'[ "$1" = -print-file-name=include/omp.h ] && echo {header} && exit'
    script(place / "clang-19", f"{answer}\necho Debian clang version 19.1.7")
    with pytest.raises(EnvironmentLacks, match=r"omp\.h of clang-19.*install libomp-19-dev"):
        libraries.find_library("openmp", "clang-19")
    header.write_text("")
    assert libraries.find_library("openmp", "clang-19") == header
    (place / "clang-19").rename(place / "clang")
    assert libraries.library_package("openmp", "clang") == "libomp-19-dev"
    assert libraries.library_package("openmp", "clang-20") == "libomp-20-dev"


def test_the_linker_is_the_compilers_own(place):
    linker = place / "ld.lld"
    answer = f'[ "$1" = -print-prog-name=ld.lld ] && echo {linker} && exit'
    script(place / "clang-19", f"{answer}\necho Debian clang version 19.1.7")
    with pytest.raises(EnvironmentLacks, match=r"ld\.lld of clang-19.*install lld-19"):
        libraries.find_library("lld", "clang-19")
    linker.write_text("")
    assert libraries.find_library("lld", "clang-19") == linker


def test_a_missing_compiler_is_what_is_missing(place):
    with pytest.raises(EnvironmentLacks, match="apt-get install clang-20"):
        libraries.find_library("openmp", "clang-20")


def test_every_library_says_what_it_is_for():
    for entry in libraries.library_table().values():
        assert entry.purpose
        assert entry.debian
        assert entry.file or entry.header or entry.program or entry.archives
