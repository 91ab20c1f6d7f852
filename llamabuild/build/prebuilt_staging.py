"""Take somebody else's program, with the libraries that the loader gives it, into one folder."""

from __future__ import annotations

import os
import shutil
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from llamabuild.errors import BadInput, EnvironmentLacks

from .kernel_files import KERNEL_LIBRARY, SPLIT_GGML, kernel_files
from .prebuilt_elf import check_architecture
from .prebuilt_loader import complaint, loaded, opened_at_start

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from .prebuilt_elf import ElfHeader

BENCH, PERPLEXITY = "llama-bench", "llama-perplexity"
CORE = ("libggml*.so*", "libllama.so*")
"""The interface between llama.cpp's programs and its libraries."""
OWN = (*CORE, "libllama*.so*", "libmtmd*.so*")
PLUGINS = "libggml-*.so"
"""Backends that ggml opens by itself from the folder of the program, or a fixed one."""
ROUNDS = 4
ORIGIN = "$ORIGIN"


def runnable(path: Path, architecture: str) -> ElfHeader:
    """Return the headers of a program that this machine could start.

    Raises:
        BadInput: It is no program, is damaged, or is not executable.
        EnvironmentLacks: It is for another architecture.
    """
    header = check_architecture(path, architecture)
    if header.library:
        message = f"'{path.name}' is a shared library, which cannot be run"
        raise BadInput(message, "name the folder that it is in")
    if not os.access(path, os.X_OK):
        message = f"'{path.name}' is not executable"
        raise BadInput(message, "chmod +x it")
    return header


def stage_program(path: Path, header: ElfHeader, folder: Path, name: str) -> None:
    """Copy a program and those of its libraries that would not be found as they are.

    Taken are ggml's and llama's, and every library that the copy would not get from where the
    original gets it, such as one found by ``$ORIGIN``; those of the system stay where they are.

    Raises:
        BadInput: It insists on libraries at a fixed place.
        EnvironmentLacks: A library is missing.
    """
    copy(path, folder / name)
    if not header.interpreter:
        return
    wanted = _libraries(path, header)
    for library, place in wanted.items():
        if any(fnmatchcase(library, pattern) for pattern in OWN):
            copy(place, folder / library)
    _stage_plugins(path, wanted, folder)
    for _ in range(ROUNDS):
        found = loaded(folder / name, header.interpreter, ORIGIN).libraries
        elsewhere = [n for n, p in wanted.items() if found.get(n) not in {p, folder / n}]
        if not elsewhere:
            break
        if stubborn := [n for n in elsewhere if (folder / n).exists()]:
            message = f"'{path.name}' takes {', '.join(stubborn)} from a fixed place (DT_RPATH)"
            raise BadInput(message, "link it with --enable-new-dtags, or name its libraries")
        for library in elsewhere:
            copy(wanted[library], folder / library)


def _stage_plugins(path: Path, wanted: Mapping[str, Path], folder: Path) -> None:
    """Copy the backends that a program opens by itself.

    A package may have compiled in another folder for them (GGML_BACKEND_DIR). The path need not
    stand in the machine code in one piece, so that a program with none beside it is asked.
    """
    taken = {place.resolve() for place in wanted.values()}

    def copy_from(place: Path) -> None:
        for plugin in sorted(place.glob(PLUGINS)):
            if plugin.resolve() not in taken and plugin.is_file():
                copy(plugin, folder / plugin.name)

    copy_from(path.parent)
    if any(folder.glob(SPLIT_GGML)) and not kernel_files(folder):
        opened = opened_at_start(path, _search(path))
        for place in dict.fromkeys(each.parent for each in opened if each.match(KERNEL_LIBRARY)):
            copy_from(place)


def _search(path: Path) -> str:
    """As the user has set it up, and the program's own folder."""
    own = os.environ.get("LD_LIBRARY_PATH", "")
    return ":".join(filter(None, [own, str(path.parent)]))


def copy(source: Path, target: Path) -> None:
    """Copy a file's content and mode, unless the target is there.

    Never a hard link: whoever writes into the original would damage the copy.

    Raises:
        EnvironmentLacks: It cannot be read, or there is no space.
    """
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copy(source, target)
    except OSError as error:
        message = f"cannot copy '{source.name}' ({error.strerror})"
        raise EnvironmentLacks(message) from error


def core_libraries(folder: Path) -> Iterator[Path]:
    """Yield ggml's and llama's libraries in a folder."""
    for path in sorted(folder.iterdir()):
        if any(fnmatchcase(path.name, pattern) for pattern in CORE):
            yield path


def stage_host_program(
    host: Path, name: str, folder: Path, architecture: str, origin: Path | None = None
) -> str:
    """Copy one of our own programs to where the core libraries of somebody else are.

    Args:
        host: Folder of files of our build.
        name: The program.
        folder: Holds the core libraries, or links to them.
        architecture: This machine's.
        origin: Where the core libraries came from: what else they need is taken from there.

    Returns:
        Why it does not fit those libraries, in one clause; then nothing is left in the folder.
    """
    header = check_architecture(host / name, architecture)
    if not header.interpreter:
        return f"our {name} is statically linked"
    before = set(folder.iterdir())
    copy(host / name, folder / name)
    needed = loaded(host / name, header.interpreter).libraries
    for library, place in needed.items():
        core = any(fnmatchcase(library, pattern) for pattern in CORE)
        if place.parent == host and not core:
            copy(place, folder / library)
    answer = loaded(folder / name, header.interpreter, ORIGIN)
    for _ in range(ROUNDS):
        beside = [origin / each for each in answer.absent if origin and (origin / each).is_file()]
        if not beside:
            break
        for place in beside:
            copy(place, folder / place.name)
        answer = loaded(folder / name, header.interpreter, ORIGIN)
    if not answer.absent:
        answer = loaded(folder / name, header.interpreter, ORIGIN, symbols=True)
    strangers = [
        library
        for library in needed
        if any(fnmatchcase(library, pattern) for pattern in CORE)
        and answer.libraries.get(library, folder).parent != folder
        and library not in answer.absent
    ]
    reason = complaint(answer)
    if reason or strangers:
        for path in set(folder.iterdir()) - before:
            path.unlink()
        what = reason or f"takes {', '.join(strangers)} from elsewhere"
        return f"our {name} does not fit these libraries: it {what}"
    return ""


def _libraries(path: Path, header: ElfHeader) -> dict[str, Path]:
    """Where the loader finds the libraries: as the user has it set up, else beside the program."""
    own = os.environ.get("LD_LIBRARY_PATH", "")
    answer = loaded(path, header.interpreter, own)
    if answer.absent:
        answer = loaded(path, header.interpreter, _search(path))
    if answer.absent or answer.versions:
        message = f"'{path.name}' {complaint(answer)}"
        raise EnvironmentLacks(message)
    return {name: place for name, place in answer.libraries.items() if "/" not in name}
