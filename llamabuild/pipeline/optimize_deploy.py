"""What carries a variant elsewhere, from its recipe."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from llamabuild.build.by_hand import allocator_file, hand_folder, tree_by_hand
from llamabuild.build.plan import uses_native
from llamabuild.machine.allocators import PRELOAD, allocator_entry
from llamabuild.machine.distribution import container_image
from llamabuild.machine.libraries import library_package
from llamabuild.machine.tools import name_here, tool_table
from llamabuild.optimize.translate import locks_memory, server_arguments, with_server
from llamabuild.types.optimization import Deployment
from llamabuild.variants.bench_options import by_option
from llamabuild.variants.fitness import companions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llamabuild.types.build import Plan
    from llamabuild.types.variant import Variant

GCC_OPENMP = "libgomp1"
BUNDLED = PurePosixPath("/usr/local/lib")
"""Where a library that comes with this program is expected."""


def deployment_of(variant: Variant, plan: Plan, threads: int) -> Deployment:
    """Return the commands and settings of a variant.

    Args:
        variant: The result.
        plan: Of its build.
        threads: Where the variant does not set them.
    """
    trained = variant.optimize.pgo or variant.optimize.bolt
    # Programs choose their own number of threads; this one was measured.
    options = {"-t": (str(threads),), **by_option(variant.runtime.bench)}
    translated, environment = server_arguments(options), _environment(variant)
    return Deployment(
        variant=variant.name,
        source=variant.source,
        fetch=tree_by_hand(variant.source),
        build=with_server(plan.by_hand, trained=trained),
        folder=hand_folder(variant.name),
        environment=environment,
        launcher=variant.runtime.launcher,
        arguments=translated.arguments,
        packages=tuple(dict.fromkeys(_packages(variant))),
        libraries=tuple(_runtime(variant)),
        image=container_image(),
        files=tuple(path for path in [environment.get("LD_PRELOAD", "")] if path.startswith("/")),
        trained=trained,
        notes=(*translated.notes, *_notes(variant, translated.arguments)),
    )


def _environment(variant: Variant) -> dict[str, str]:
    """A system's library is named for the loader to find; the variant's own words come last."""
    words: dict[str, str] = {}
    if variant.allocator.name:
        entry, file = allocator_entry(variant.allocator.name), allocator_file(variant.allocator)
        if variant.allocator.how == PRELOAD and file:
            words["LD_PRELOAD"] = str(BUNDLED / file) if entry.bundled else file
        words |= entry.environment
    return {**words, **variant.runtime.environment}


def _packages(variant: Variant) -> Iterator[str]:
    """Compilers, tools and what they need; a version in a name is one in its package's."""
    tools = tool_table()
    bolt = ["llvm-bolt"] if variant.optimize.bolt else []
    for name in (variant.toolchain.c, variant.toolchain.cxx, *variant.requires.tools, *bolt):
        plain = _unversioned(name)
        if entry := tools.get(plain):
            yield entry.debian + name_here(name).removeprefix(plain)
    for library in companions(variant):
        yield library_package(library, name_here(variant.toolchain.c))
    yield from _libraries(variant)


def _libraries(variant: Variant) -> tuple[str, ...]:
    names = [*variant.requires.libraries]
    if variant.allocator.name and (own := allocator_entry(variant.allocator.name).library):
        names.append(own)
    return tuple(library_package(name) for name in names)


def _runtime(variant: Variant) -> Iterator[str]:
    """The package that has clang's OpenMP names the one with the library, whatever its version."""
    own = "openmp" in companions(variant)
    yield library_package("openmp", name_here(variant.toolchain.c)) if own else GCC_OPENMP
    yield from _libraries(variant)


def _unversioned(name: str) -> str:
    head, dash, version = name.rpartition("-")
    return head if dash and version.isdigit() else name


def _notes(variant: Variant, arguments: tuple[str, ...]) -> Iterator[str]:
    if form := variant.runtime.quantization:
        made = f"'llama-quantize FULL.gguf MODEL.gguf {form}'"
        yield f"MODEL.gguf is the model in the format {form}: {made} makes it of the best there is."
    if uses_native(variant):
        yield "The code is for the CPU that compiles it: build it where it will run."
    if locks_memory(arguments):
        yield "Locking memory takes a limit that is high enough (ulimit -l unlimited)."
    if variant.optimize.pgo or variant.optimize.bolt:
        yield "Training needs MODEL.gguf, a model of the kind that will be served."
    if variant.allocator.name:
        entry = allocator_entry(variant.allocator.name)
        if entry.bundled and variant.allocator.how == PRELOAD:
            yield f"{entry.bundled} comes with llamabuild: copy it from its folder to {BUNDLED}."
    kernel = [name for name in variant.runtime.environment if name.startswith("GGML_")]
    if kernel:
        yield f"{', '.join(kernel)} is read once, when the program starts."
