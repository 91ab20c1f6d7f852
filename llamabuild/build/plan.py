"""From a variant and a source to the exact commands that build it; nothing runs here.

The only programs asked are the compilers, for who they are and what ``native`` means to them.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from llamabuild.machine.native_flags import native_resolution
from llamabuild.machine.tools import find_tool
from llamabuild.types.build import Plan, Step

from .layouts import layout_of
from .library_flags import compiler_family, library_flags, named_family
from .switches import HARNESS, switches

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llamabuild.types.inputs import Source
    from llamabuild.types.variant import Flags, Variant

FORMAT = 2
"""Part of every id; raise it when the same inputs come to mean another build."""
ID_LENGTH = 16
CMAKE_FALSE = frozenset({"", "0", "OFF", "NO", "FALSE", "N", "IGNORE", "NOTFOUND"})


def make_plan(variant: Variant, source: Source, *, jobs: int, compiler_cache: bool) -> Plan:
    """Return the plan that builds ``variant`` from ``source``.

    The id covers everything that decides what comes out: the source's digest, CMake variables,
    flags, compilers by content, and what ``native`` resolves to on this CPU. The number of jobs
    and the compiler cache do not change what comes out and are not part of it.

    Raises:
        EnvironmentLacks: A compiler, CMake or Ninja is missing.
        BadInput: The variant asks for what its compiler does not have.
    """
    compilers = (
        find_tool(variant.toolchain.c or "cc", hash_content=True),
        find_tool(variant.toolchain.cxx or "c++", hash_content=True),
    )
    here = native_resolution(compilers[0].path)
    native = here if uses_native(variant) else ""
    layout = layout_of(source)
    variables = cmake_variables(variant, layout.variables())
    family = compiler_family(compilers[1])
    library = library_flags(variant, family)
    unity = switches().unity.get(source.archive_sha256)
    identity = {
        "format": FORMAT,
        "source": source.digest,
        "variables": sorted(variables.items()),
        "library": (library.c, library.cxx, library.link),
        "compilers": [(tool.version, tool.sha256) for tool in compilers],
        "linker": find_tool("ld").version,
        "cmake": find_tool("cmake").version,
        "native": native,
        "targets": switches().targets,
        "unity": unity.exclude if unity else None,
        "harness": hashlib.sha256(HARNESS.read_bytes()).hexdigest(),
    }
    if layout.include:
        identity["layout"] = layout.identity()
    build_id = hashlib.sha256(msgspec.json.encode(identity)).hexdigest()[:ID_LENGTH]
    configure = [
        "{cmake}",
        *("-S", "{source}", "-B", "{build}", "-G", "Ninja"),
        "-DCMAKE_MAKE_PROGRAM={ninja}",
        "-DCMAKE_C_COMPILER={cc}",
        "-DCMAKE_CXX_COMPILER={cxx}",
        *(f"-D{name}={value}" for name, value in sorted(variables.items())),
        "-DCMAKE_PROJECT_INCLUDE={harness}",
    ]
    if unity is not None:
        configure.append(f"-DLLAMABUILD_UNITY_EXCLUDE={';'.join(unity.exclude)}")
    configure += _library_arguments(library)
    environment: dict[str, str] = {}
    if compiler_cache:
        configure += [f"-DCMAKE_{language}_COMPILER_LAUNCHER={{ccache}}" for language in _LANGUAGES]
        environment = {
            **switches().environment["ccache"],
            # ccache takes -march=native literally: one cache for each kind of CPU.
            "CCACHE_DIR": f"{{cache}}/ccache/{hashlib.sha256(here.encode()).hexdigest()[:8]}",
            # Generated files lie in the build's own folder, whose name changes.
            "CCACHE_BASEDIR": "{build}",
            "CCACHE_STATSLOG": "{build}/ccache.log",
        }
    return Plan(
        build_id=build_id,
        variant=variant.name,
        source_digest=source.digest,
        steps=(
            Step(name="configure", argv=tuple(configure), environment=environment),
            Step(
                name="compile",
                argv=("{ninja}", "-C", "{build}", "-j", str(jobs), *switches().targets),
                environment=environment,
            ),
        ),
        compilers=tuple(msgspec.structs.replace(tool, path="") for tool in compilers),
        native_resolution=native,
        outputs=switches().targets,
        by_hand=reproduction(variant, layout.cmake, family),
    )


_LANGUAGES = ("C", "CXX")


def _library_arguments(library: Flags) -> list[str]:
    """Tell the harness what to add to ggml and libllama."""
    lists = {"C_FLAGS": library.c, "CXX_FLAGS": library.cxx, "LINK_FLAGS": library.link}
    return [f"-DLLAMABUILD_LIBRARY_{n}={';'.join(values)}" for n, values in lists.items() if values]


def uses_native(variant: Variant) -> bool:
    """Tell whether the machine code depends on the CPU that compiles; ggml's default is yes."""
    flags = (*variant.flags.c, *variant.flags.cxx, *variant.flags.link)
    native = variant.cmake.get("GGML_NATIVE", "ON").upper() not in CMAKE_FALSE
    return native or any("=native" in flag for flag in flags)


def cmake_variables(variant: Variant, tree: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return all cache variables: the common ones, the tree's, the variant's, and its flags."""
    flags = {
        "CMAKE_C_FLAGS": variant.flags.c,
        "CMAKE_CXX_FLAGS": variant.flags.cxx,
        "CMAKE_EXE_LINKER_FLAGS": variant.flags.link,
        "CMAKE_SHARED_LINKER_FLAGS": variant.flags.link,
    }
    joined = {name: " ".join(values) for name, values in flags.items() if values}
    return {**switches().cmake, **(tree or {}), **variant.cmake, **joined}


def reproduction(
    variant: Variant, tree: Mapping[str, str] | None = None, family: str = ""
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the CMake commands that make the same ggml and libllama without this program.

    Args:
        variant: What to build.
        tree: The variables that its source needs besides.
        family: Of its compiler; by default told from the compiler's name.
    """
    ours = {"GGML_CCACHE", *(name for name, value in (tree or {}).items() if "{" in value)}
    variables = {n: v for n, v in cmake_variables(variant, tree).items() if n not in ours}
    library = library_flags(variant, family or named_family(variant))
    # By hand they go to every target; those of the build type come last, so that -O2 wins.
    release = {"CMAKE_C_FLAGS_RELEASE": library.c, "CMAKE_CXX_FLAGS_RELEASE": library.cxx}
    variables |= {n: " ".join(("-O3", "-DNDEBUG", *f)) for n, f in release.items() if f}
    if library.link:
        linked = (variables.get("CMAKE_SHARED_LINKER_FLAGS", ""), *library.link)
        variables["CMAKE_SHARED_LINKER_FLAGS"] = " ".join(filter(None, linked))
    configure = (
        *("cmake", "-S", "llama.cpp", "-B", f"build-{variant.name}", "-G", "Ninja"),
        *_compiler_arguments(variant),
        *(f"-D{name}={value}" for name, value in sorted(variables.items())),
    )
    build = ("cmake", "--build", f"build-{variant.name}", "--target", *switches().targets)
    return configure, build


def _compiler_arguments(variant: Variant) -> list[str]:
    named = (variant.toolchain.c, variant.toolchain.cxx)
    return [
        f"-DCMAKE_{language}_COMPILER={name}"
        for language, name in zip(_LANGUAGES, named, strict=True)
        if name
    ]
