"""What carries a variant elsewhere, from its recipe."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from llamabuild.build.bolt import bolt_tool
from llamabuild.build.by_hand import allocator_file, hand_folder, tree_by_hand
from llamabuild.build.layouts import layout_of
from llamabuild.build.library_flags import major_version
from llamabuild.build.plan import uses_native
from llamabuild.errors import EnvironmentLacks
from llamabuild.machine.allocators import PRELOAD, allocator_entry
from llamabuild.machine.distribution import container_image
from llamabuild.machine.libraries import library_package
from llamabuild.machine.tools import name_here, package_here
from llamabuild.optimize.deploy import GCC_OPENMP
from llamabuild.optimize.translate import locks_memory, server_arguments, with_server
from llamabuild.source.pins import load_pins
from llamabuild.types.optimization import Deployment
from llamabuild.variants.bench_options import by_option
from llamabuild.variants.fitness import companions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llamabuild.types.build import Plan
    from llamabuild.types.inputs import Source
    from llamabuild.types.variant import Variant

PROMPT, GENERATION = "pp", "tg"
BUNDLED = PurePosixPath("/usr/local/lib")
"""Where a library that comes with this program is expected."""


def deployment_of(variant: Variant, plan: Plan, source: Source, threads: int) -> Deployment:
    """Return the commands and settings of a variant.

    Args:
        variant: The result.
        plan: Of its build.
        source: Its tree.
        threads: Where the variant does not set them.
    """
    trained = variant.optimize.pgo or variant.optimize.bolt
    # Programs choose their own number of threads; this one was measured.
    options = {"-t": (str(threads),), **by_option(variant.runtime.bench)}
    apart = variant.runtime.threads
    if apart:
        # The server's first number is for both unless there is a second one.
        options["-tb"] = (str(apart[PROMPT]),) if PROMPT in apart else options["-t"]
        options["-t"] = (str(apart[GENERATION]),) if GENERATION in apart else options["-t"]
    translated = server_arguments(options, layout_of(source).name)
    return Deployment(
        variant=variant.name,
        source=variant.source,
        fetch=tree_by_hand(variant.source, source.version),
        build=with_server(plan.by_hand, trained=trained),
        folder=hand_folder(variant.name),
        environment=_environment(variant),
        launcher=variant.runtime.launcher,
        arguments=translated.arguments,
        packages=tuple(dict.fromkeys(_packages(variant))),
        libraries=tuple(dict.fromkeys(_runtime(variant))),
        image=container_image(),
        files=_files(variant),
        trained=trained,
        notes=(*translated.notes, *_notes(variant, source, translated.arguments)),
    )


def _files(variant: Variant) -> tuple[str, ...]:
    """Libraries that come with this program."""
    if not variant.allocator.name or not allocator_entry(variant.allocator.name).bundled:
        return ()
    return (str(BUNDLED / allocator_file(variant.allocator)),)


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
    named = (variant.toolchain.c, variant.toolchain.cxx, *variant.requires.tools)
    yield from filter(None, map(package_here, map(name_here, filter(None, named))))
    if variant.optimize.bolt:
        yield package_here(_bolt())
    for library in companions(variant):
        yield library_package(library, name_here(variant.toolchain.c))
    yield from _libraries(variant)


def _bolt() -> str:
    try:
        return f"llvm-bolt-{major_version(bolt_tool())}"
    except EnvironmentLacks:
        return "llvm-bolt"


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
    for tool in variant.runtime.launcher[:1]:
        yield package_here(tool) or tool


def _notes(variant: Variant, source: Source, arguments: tuple[str, ...]) -> Iterator[str]:
    if form := variant.runtime.quantization:
        made = f"'llama-quantize FULL.gguf MODEL.gguf {form}'"
        yield f"MODEL.gguf is the model in the format {form}: {made} makes it of the best there is."
    if uses_native(variant):
        yield "The code is for the CPU that compiles it: build it where it will run."
    if locks_memory(arguments):
        yield "Locking memory takes a limit that is high enough (ulimit -l unlimited)."
    if variant.optimize.pgo or variant.optimize.bolt:
        yield "Training needs MODEL.gguf, a model of the kind that will be served."
    for file in _files(variant):
        name = file.rpartition("/")[2]
        yield f"{name} comes with llamabuild: copy it to {BUNDLED} and run ldconfig."
    if variant.optimize.level == "fast":
        yield (
            "-Ofast reaches the linker here, which makes programs treat denormal numbers as zero; "
            "what was measured does not."
        )
    if variant.runtime.launcher[:1] == ("numactl",):
        yield "numactl in a container takes --cap-add SYS_NICE."
    if source.spec != load_pins().default and not layout_of(source).name:
        yield "Options are those of llama.cpp 0c1e57098: see --help where another version differs."
    kernel = [name for name in variant.runtime.environment if name.startswith("GGML_")]
    if kernel:
        yield f"{', '.join(kernel)} is read once, when the program starts."
