"""What training and an allocator add to the commands that make a build without this program."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from llamabuild.machine.allocators import LINK, allocator_entry
from llamabuild.machine.libraries import library_table
from llamabuild.types.variant import Flags

from .bolt import bolt
from .library_flags import CLANG
from .pgo import MERGED, instrument_flags, use_flags
from .training import training

if TYPE_CHECKING:
    from collections.abc import Callable

    from llamabuild.types.variant import Allocator

Commands = tuple[tuple[str, ...], ...]
COUNTERS = "counters"


def pgo_by_hand(folder: str, family: str, compile_with: Callable[[Flags], Commands]) -> Commands:
    """Return instrumented build, training and final build, all in one build folder.

    Args:
        folder: The build folder; gcc's counters stay in it.
        family: ``gcc`` or ``clang``.
        compile_with: The commands of a build with these flags.
    """
    counting = instrument_flags(family)
    merge: Commands = ()
    if family == CLANG:
        where = (f"-fprofile-generate={COUNTERS}",)
        counting = Flags(c=where, cxx=where, link=where)
        merge = (("llvm-profdata", "merge", "-sparse", "-o", MERGED, COUNTERS),)
    # Compilers run in the build folder, the other commands above it.
    use = use_flags(family, "..")
    return (*compile_with(counting), _train(folder), *merge, *compile_with(use))


def bolt_by_hand(folder: str) -> Commands:
    """Return what follows a build: instrument its libraries, train, rewrite them."""
    names = [PurePosixPath(p).name.replace("*", "") for p in bolt().libraries]
    count: list[tuple[str, ...]] = []
    rewrite: list[tuple[str, ...]] = []
    for name in names:
        library, kept = f"{folder}/bin/{name}", f"{name}.input"
        profile = f"{name}.fdata"
        count += [
            ("cp", library, kept),
            (
                *("llvm-bolt", kept, "-o", f"{name}.counting", *bolt().instrument),
                f"-instrumentation-file={profile}",
            ),
            # Through the link, into the file that programs load.
            ("cp", f"{name}.counting", library),
        ]
        rewrite += [
            ("llvm-bolt", kept, "-o", f"{name}.bolt", f"-data={profile}", *bolt().use),
            ("cp", f"{name}.bolt", library),
        ]
    return (*count, _train(folder), *rewrite)


def linked_by_hand(allocator: Allocator) -> str:
    """Return the linker flags that put an allocator into programs; empty if it is not linked.

    The library is named by its soname, for the linker to find.

    Raises:
        BadInput: There is no allocator of that name.
    """
    if allocator.how != LINK or not allocator_entry(allocator.name).is_library:
        return ""
    return f"-Wl,--push-state,--no-as-needed -l:{allocator_file(allocator)} -Wl,--pop-state"


def allocator_file(allocator: Allocator) -> str:
    """Return the file name of an allocator's library; empty for libc's own.

    Raises:
        BadInput: There is no allocator of that name.
    """
    entry = allocator_entry(allocator.name)
    return entry.bundled or (library_table()[entry.library].file if entry.library else "")


def _train(folder: str) -> tuple[str, ...]:
    return (f"{folder}/bin/{training().program}", "-m", "MODEL.gguf", *training().arguments)


def hand_folder(name: str) -> str:
    """Return the folder that a person would build a variant in; settings build nothing."""
    name, at, source = name.partition("@")
    parts = [part for part in name.split("+") if "=" not in part]
    return f"build-{'+'.join(parts)}{at}{source}"
