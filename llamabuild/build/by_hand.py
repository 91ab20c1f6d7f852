"""What goes with the CMake commands of a build without this program: tree, training, BOLT."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from llamabuild.errors import EnvironmentLacks
from llamabuild.machine.allocators import LINK, allocator_entry
from llamabuild.machine.libraries import library_file
from llamabuild.machine.tools import name_here
from llamabuild.source.pins import pin_of
from llamabuild.source.spec import GitSpec, parse_source
from llamabuild.types.variant import Flags

from .bolt import bolt, bolt_tool
from .library_flags import CLANG
from .pgo import MERGED, instrument_flags, use_flags
from .training import training

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llamabuild.types.variant import Allocator

Commands = tuple[tuple[str, ...], ...]
COUNTERS = "counters"
TREE = "llama.cpp"
"""The folder of the tree, beside which all commands are run."""
PROVIDE = 'f=$1; shift; test -e "$f" || { mkdir -p "${f%/*}" && printf "%s\\n" "$@" >"$f"; }'
"""Writes a file's lines, unless there is such a file."""


def tree_by_hand(source: str, commit: str = "") -> Commands:
    """Return the commands that fetch a tree and put it where the others expect it.

    Empty for a folder, and for a package of which it is not known where the tree lies in it.

    Args:
        source: As a user names it.
        commit: What the branch or tag of a repository meant.

    Raises:
        BadInput: It is none of a source's forms.
    """
    spec = parse_source(source)
    if isinstance(spec, GitSpec):
        git = ("git", "-C", TREE)
        return (
            ("git", "init", "--quiet", TREE),
            (*git, "fetch", "--depth=1", spec.url, commit or spec.ref),
            (*git, "checkout", "--quiet", "--detach", "FETCH_HEAD"),
        )
    pin = pin_of(source)
    if pin is None:
        return ()
    stem = f"{pin.name.replace('-', '_')}-{pin.version}"
    pip = ("python3", "-m", "pip", "download", "--no-deps", "--no-binary", pin.name)
    return (
        (*pip, f"{pin.name}=={pin.version}"),
        ("tar", "-xf", f"{stem}.tar.gz"),
        ("mv", pin.tree.replace("*", stem, 1), TREE),
    )


def provided_by_hand(absent: Mapping[str, tuple[str, ...]]) -> Commands:
    """Return the commands that write files which a tree may lack.

    Args:
        absent: Their lines by their path in the tree; one that is there is left alone.
    """
    return tuple(
        ("sh", "-c", PROVIDE, "sh", f"{TREE}/{path}", *lines) for path, lines in absent.items()
    )


def pgo_by_hand(
    folder: str, family: str, version: str, compile_with: Callable[[Flags], Commands]
) -> Commands:
    """Return instrumented build, training and final build, all in one build folder.

    Args:
        folder: The build folder; gcc's counters stay in it.
        family: ``gcc`` or ``clang``.
        version: What stands behind the names of clang's tools, such as ``-22``.
        compile_with: The commands of a build with these flags.
    """
    counting = instrument_flags(family)
    merge: Commands = ()
    if family == CLANG:
        where = (f"-fprofile-generate={COUNTERS}",)
        counting = Flags(c=where, cxx=where, link=where)
        merge = ((f"llvm-profdata{version}", "merge", "-sparse", "-o", MERGED, COUNTERS),)
    # Compilers run in the build folder, the other commands above it.
    use = use_flags(family, "..")
    return (*compile_with(counting), _train(folder), *merge, *compile_with(use))


def bolt_by_hand(folder: str) -> Commands:
    """Return what follows a build: instrument its libraries, train, rewrite them."""
    names = [PurePosixPath(p).name.replace("*", "") for p in bolt().libraries]
    program = bolt_here()
    count: list[tuple[str, ...]] = []
    rewrite: list[tuple[str, ...]] = []
    for name in names:
        library, kept = f"{folder}/bin/{name}", f"{name}.input"
        profile = f"{name}.fdata"
        count += [
            ("cp", library, kept),
            (
                *(program, kept, "-o", f"{name}.counting", *bolt().instrument),
                f"-instrumentation-file={profile}",
            ),
            # Through the link, into the file that programs load.
            ("cp", f"{name}.counting", library),
        ]
        rewrite += [
            (program, kept, "-o", f"{name}.bolt", f"-data={profile}", *bolt().use),
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
    return entry.bundled or (library_file(entry.library) if entry.library else "")


def _train(folder: str) -> tuple[str, ...]:
    return (f"{folder}/bin/{training().program}", "-m", "MODEL.gguf", *training().arguments)


def bolt_here() -> str:
    """Return llvm-bolt as it is called: by its own path, as :func:`.bolt.bolt_tool` says why."""
    try:
        return bolt_tool().path
    except EnvironmentLacks:
        return "llvm-bolt"


def version_here(compiler: str) -> str:
    """Return what stands behind a compiler's name on this machine: ``-22`` or nothing."""
    _, dash, number = name_here(compiler).rpartition("-")
    return f"-{number}" if dash and number.isdigit() else ""


def hand_folder(name: str) -> str:
    """Return the folder that a person would build a variant in; settings build nothing."""
    name, at, source = name.partition("@")
    parts = [part for part in name.split("+") if "=" not in part]
    return f"build-{'+'.join(parts)}{at}{source}"
