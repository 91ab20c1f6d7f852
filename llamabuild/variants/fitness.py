"""Can a variant run on this machine, and if not, why?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from llamabuild.errors import EnvironmentLacks
from llamabuild.machine.allocators import allocator_library, allocator_table
from llamabuild.machine.libraries import find_library
from llamabuild.machine.tools import locate_tool
from llamabuild.types.variant import CMAKE_FALSE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llamabuild.types.machine import Cpu
    from llamabuild.types.variant import Variant

INSTALL = "apt-get install "


def unsupported_reason(variant: Variant, cpu: Cpu) -> str:
    """Return one clause on what is missing here and what to install, or the empty string."""
    need = variant.requires
    if need.architecture and need.architecture != cpu.architecture:
        return f"for {need.architecture}; this CPU is {cpu.architecture}"
    if lacking := [feature for feature in need.cpu if feature not in cpu.features]:
        return f"this CPU ({cpu.brand}) lacks {', '.join(lacking)}"
    missing = dict(_missing(variant))
    if not missing:
        return ""
    packages = dict.fromkeys(
        remedy.removeprefix(INSTALL) for remedy in missing.values() if remedy.startswith(INSTALL)
    )
    install = f"; {INSTALL}{' '.join(packages)}" if packages else ""
    return f"not installed: {', '.join(missing)}{install}"


def _missing(variant: Variant) -> Iterator[tuple[str, str]]:
    """Yield each tool and library that is not there, with what to do about it.

    The usual compilers, without which nothing at all can be built, are ``doctor``'s to name.
    """
    named = [name for name in (variant.toolchain.c, variant.toolchain.cxx) if name]
    absent = dict(lack for compiler in named for lack in _lack_of_tool(compiler))
    yield from absent.items()
    bolt = ["llvm-bolt"] if variant.optimize.bolt else []
    for tool in (*variant.requires.tools, *bolt):
        yield from _lack_of_tool(tool)
    for library in variant.requires.libraries:
        yield from _lack_of_library(library)
    yield from _lack_of_allocator(variant.allocator.name)
    for library in () if absent else companions(variant):
        yield from _lack_of_library(library, variant.toolchain.c)


def companions(variant: Variant) -> tuple[str, ...]:
    """Return what clang leaves to other packages, by the names of ``libraries.toml``.

    Without omp.h ggml would silently do without OpenMP.
    """
    if "clang" not in Path(variant.toolchain.c).name:
        return ()
    wanted = {
        "openmp": variant.cmake.get("GGML_OPENMP", "ON").upper() not in CMAKE_FALSE,
        "lld": bool(variant.optimize.lto),
        "profdata": variant.optimize.pgo,
        "profile-runtime": variant.optimize.pgo,
    }
    return tuple(library for library, needed in wanted.items() if needed)


def _lack_of_tool(name: str) -> Iterator[tuple[str, str]]:
    try:
        locate_tool(name)
    except EnvironmentLacks as error:
        yield name, error.remedy


def _lack_of_allocator(name: str) -> Iterator[tuple[str, str]]:
    """A name that nobody knows is no lack of the machine: planning refuses the variant."""
    entry = allocator_table().get(name)
    if entry is None or not entry.is_library:
        return
    try:
        allocator_library(name)
    except EnvironmentLacks as error:
        yield entry.library or entry.bundled, error.remedy


def _lack_of_library(name: str, compiler: str = "") -> Iterator[tuple[str, str]]:
    try:
        find_library(name, compiler)
    except EnvironmentLacks as error:
        yield (f"{name} of {compiler}" if compiler else name), error.remedy
