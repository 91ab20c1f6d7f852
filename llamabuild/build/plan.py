"""From a variant and a source to the exact commands that build it; nothing runs here.

The only programs asked are the compilers, for who they are and what ``native`` means to them.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from llamabuild.machine.allocators import allocator_link
from llamabuild.machine.native_flags import native_resolution
from llamabuild.machine.tools import find_tool, name_here
from llamabuild.store.builds import sha256_of
from llamabuild.types.build import Plan, Step
from llamabuild.types.variant import CMAKE_FALSE, Flags

from .bolt import rewritten_plan
from .by_hand import (
    bolt_by_hand,
    hand_folder,
    linked_by_hand,
    pgo_by_hand,
    provided_by_hand,
    version_here,
)
from .layouts import layout_of
from .library_flags import GCC, LLD, compiler_family, joined, library_flags, named_family
from .llvm import lld_of
from .pgo import check_tools, instrument_flags, use_flags
from .profile_keys import ANY_MODEL, find_profile, profile_key, program_key
from .programs import program_targets, program_variables
from .switches import HARNESS, switches
from .training import training

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llamabuild.types.build import Profile
    from llamabuild.types.inputs import Source
    from llamabuild.types.machine import Tool
    from llamabuild.types.variant import Variant

    from .layouts import Layout

FORMAT = 2
"""Part of every id; raise it when the same inputs come to mean another build."""
ID_LENGTH = 16


def make_plan(
    variant: Variant,
    source: Source,
    *,
    jobs: int,
    compiler_cache: bool,
    model_sha256: str = ANY_MODEL,
) -> Plan:
    """Return the plan that builds ``variant`` from ``source``.

    The id covers everything that decides what comes out: the source's digest, CMake variables,
    flags, compilers by content, profiles, and what ``native`` resolves to on this CPU. The number
    of jobs and the compiler cache do not change what comes out and are not part of it.

    Where a profile is still to be made the plan is provisional: ``needs_profiles`` says so, and
    :func:`~llamabuild.build.profiles.ensure_profiles` makes them.

    Args:
        variant: What to build.
        source: From what.
        jobs: Compilers at once.
        compiler_cache: Let ccache answer.
        model_sha256: What profiles are trained on; by default whatever they last were.

    Raises:
        EnvironmentLacks: A compiler, CMake, Ninja or what reads profiles is missing.
        BadInput: The variant asks for what its compiler does not have.
    """
    plan = compiled_plan(
        variant, source, jobs=jobs, compiler_cache=compiler_cache, model_sha256=model_sha256
    )
    return rewritten_plan(plan, model_sha256) if variant.optimize.bolt else plan


def instrumented_plan(
    variant: Variant, source: Source, *, jobs: int, compiler_cache: bool
) -> tuple[Plan, str]:
    """Return the plan of the program that is trained for PGO, and the program's part of the key.

    Nothing is made but what training needs. Both compilers find a function's counters by the path
    of its source file too, so the folder of the tree is part of the key.

    Raises:
        EnvironmentLacks: A compiler, CMake or Ninja is missing.
        BadInput: The variant asks for what its compiler does not have.
    """
    alone = msgspec.structs.replace(variant.optimize, pgo=False, bolt=False)
    runtime = msgspec.structs.replace(variant.runtime, program="")
    bare = msgspec.structs.replace(variant, optimize=alone, runtime=runtime)
    add = _Profiling(instrument=True)
    plan = _planned(bare, source, jobs, add, compiler_cache=compiler_cache)
    return plan, program_key(plan.build_id, source.tree)


def compiled_plan(
    variant: Variant, source: Source, *, jobs: int, compiler_cache: bool, model_sha256: str
) -> Plan:
    """Return the plan that compiles a variant, with its profile if it is there; without BOLT.

    Arguments and errors are those of :func:`make_plan`.
    """
    if not variant.optimize.pgo:
        return _planned(variant, source, jobs, _Profiling(), compiler_cache=compiler_cache)
    _, program = instrumented_plan(variant, source, jobs=jobs, compiler_cache=compiler_cache)
    profile = find_profile(program, model_sha256)
    if profile is None:
        compiler = find_tool(variant.toolchain.cxx or "c++", hash_content=True)
        check_tools(compiler_family(compiler), compiler)
    key = profile.key if profile else profile_key(program, model_sha256)
    add = _Profiling(key=key, profile=profile)
    return _planned(variant, source, jobs, add, compiler_cache=compiler_cache)


class _Profiling(NamedTuple):
    """What profiles have to do with one plan."""

    instrument: bool = False
    key: str = ""
    profile: Profile | None = None


def _planned(
    variant: Variant, source: Source, jobs: int, profiling: _Profiling, *, compiler_cache: bool
) -> Plan:
    compilers = (
        find_tool(variant.toolchain.c or "cc", hash_content=True),
        find_tool(variant.toolchain.cxx or "c++", hash_content=True),
    )
    here = native_resolution(compilers[0].path)
    native = here if uses_native(variant) else ""
    layout = layout_of(source)
    variables = cmake_variables(variant, layout.variables())
    family = compiler_family(compilers[1])
    wished = library_flags(variant, family)
    library = joined(wished, _profile_flags(family, profiling))
    every = (*switches().targets, *program_targets(variant))
    targets = (training().program,) if profiling.instrument else every
    unity = switches().unity.get(source.archive_sha256)
    static = variables["BUILD_SHARED_LIBS"].upper() in CMAKE_FALSE
    decode = switches().decode if static or library != Flags() else ""
    identity = {
        "format": FORMAT,
        "source": source.digest,
        "variables": sorted(variables.items()),
        "library": (wished.c, wished.cxx, wished.link),
        "decode": decode,
        # By content alone: cc and gcc are often one compiler under two names.
        "compilers": [tool.sha256 for tool in compilers],
        "linker": _linker(wished, compilers[1]),
        "cmake": find_tool("cmake").version,
        "native": native,
        "targets": targets,
        "unity": unity.exclude if unity else None,
        "harness": hashlib.sha256(HARNESS.read_bytes()).hexdigest(),
    }
    if profiling.instrument or profiling.key:
        profile = profiling.profile
        identity["profile flags"] = msgspec.to_builtins(training().flags(family))
        identity["profile"] = profile.sha256 if profile else f"not made: {profiling.key}"
    if layout.include:
        identity["layout"] = layout.identity()
    link = allocator_link(variant.allocator)
    if link is not None:
        identity["allocator"] = sha256_of(link.library)
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
    configure += _library_arguments(library, decode)
    if link is not None:
        configure.append("-DLLAMABUILD_ALLOCATOR={allocator}")
    if profiling.instrument or profiling.key:
        configure.append("-DLLAMABUILD_LIBRARY_UNCACHED=ON")
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
            *_profile_steps(family, profiling),
            Step(
                name="compile",
                argv=("{ninja}", "-C", "{build}", "-j", str(jobs), *targets),
                environment=environment,
            ),
        ),
        compilers=tuple(msgspec.structs.replace(tool, path="") for tool in compilers),
        native_resolution=native,
        outputs=targets,
        profiles=(profiling.profile,) if profiling.profile else (),
        needs_profiles=(profiling.key,) if profiling.key and not profiling.profile else (),
        by_hand=by_hand(variant, layout, family),
    )


def _linker(wished: Flags, compiler: Tool) -> str:
    """What links: the system's own by its version, the one that comes with clang by its content."""
    return lld_of(compiler).sha256 if LLD in wished.link else find_tool("ld").version


def _profile_flags(family: str, profiling: _Profiling) -> Flags:
    if profiling.instrument:
        return instrument_flags(family)
    if not profiling.key:
        return Flags()
    # Which folder it lies in is no part of what comes out; a plan that is stored names it too.
    return use_flags(family, f"{{cache}}/profiles/{profiling.key}/data")


def _profile_steps(family: str, profiling: _Profiling) -> tuple[Step, ...]:
    """Put gcc's counters where it looks for them: beside the object files."""
    if not profiling.key or family != GCC:
        return ()
    data = f"{{cache}}/profiles/{profiling.key}/data"
    return (Step(name="profile", argv=("{cmake}", "-E", "copy_directory", data, "{build}")),)


_LANGUAGES = ("C", "CXX")


def _library_arguments(library: Flags, decode: str) -> list[str]:
    """Tell the harness what to add to ggml and the decode part of libllama."""
    lists = {
        "SOURCES": (decode,) if decode else (),
        "C_FLAGS": library.c,
        "CXX_FLAGS": library.cxx,
        "LINK_FLAGS": library.link,
    }
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
    besides = {**(tree or {}), **program_variables(variant)}
    return {**switches().cmake, **besides, **variant.cmake, **joined}


def by_hand(
    variant: Variant, layout: Layout | None = None, family: str = ""
) -> tuple[tuple[str, ...], ...]:
    """Return all commands of :func:`reproduction`, what goes before them, training and BOLT."""
    family = family or named_family(variant)
    tree, absent = (layout.cmake, layout.absent) if layout else ({}, {})
    commands: tuple[tuple[str, ...], ...] = reproduction(variant, tree, family)
    folder = hand_folder(variant.name)
    if variant.optimize.pgo:
        commands = pgo_by_hand(
            folder,
            family,
            version_here(variant.toolchain.c),
            lambda more: reproduction(variant, tree, family, more),
        )
    after = bolt_by_hand(folder) if variant.optimize.bolt else ()
    return (*provided_by_hand(absent), *commands, *after)


def reproduction(
    variant: Variant,
    tree: Mapping[str, str] | None = None,
    family: str = "",
    more: Flags | None = None,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the CMake commands that make the same ggml and libllama without this program.

    Flags of ``[optimize]`` reach the whole tree by hand, which changes no hot code.

    Args:
        variant: What to build.
        tree: The variables that its source needs besides.
        family: Of its compiler; by default told from the compiler's name.
        more: Further flags, such as those of a profile.
    """
    variables = cmake_variables(variant, tree)
    variables.pop("GGML_CCACHE", None)
    library = joined(library_flags(variant, family or named_family(variant)), more or Flags())
    # By hand they go to every target; those of the build type come last, so that -O2 wins.
    release = {"CMAKE_C_FLAGS_RELEASE": library.c, "CMAKE_CXX_FLAGS_RELEASE": library.cxx}
    variables |= {n: " ".join(("-O3", "-DNDEBUG", *f)) for n, f in release.items() if f}
    if library.link:
        # Static programs and the backends that a dispatching build loads have flags of their own.
        for kind in ("SHARED", "MODULE", "EXE"):
            given = variables.get(f"CMAKE_{kind}_LINKER_FLAGS", "")
            linked = " ".join(filter(None, (given, *library.link)))
            variables[f"CMAKE_{kind}_LINKER_FLAGS"] = linked
    if allocator := linked_by_hand(variant.allocator):
        given = variables.get("CMAKE_EXE_LINKER_FLAGS", "")
        variables["CMAKE_EXE_LINKER_FLAGS"] = " ".join(filter(None, (allocator, given)))
    configure = (
        *("cmake", "-S", "llama.cpp", "-B", hand_folder(variant.name), "-G", "Ninja"),
        *_compiler_arguments(variant),
        *(f"-D{name}={value}" for name, value in sorted(variables.items())),
    )
    targets = (*switches().targets, *program_targets(variant))
    return configure, ("cmake", "--build", hand_folder(variant.name), "--target", *targets)


def _compiler_arguments(variant: Variant) -> list[str]:
    named = (variant.toolchain.c, variant.toolchain.cxx)
    return [
        f"-DCMAKE_{language}_COMPILER={name_here(name)}"
        for language, name in zip(_LANGUAGES, named, strict=True)
        if name
    ]
