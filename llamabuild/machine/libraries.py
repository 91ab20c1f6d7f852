"""Shared libraries and headers, found as the dynamic loader and the compiler would: never loaded.

A library that was loaded to see whether it is there would have run its constructors in our
process; an allocator among them would have taken over our malloc.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
from functools import cache
from importlib import resources
from pathlib import Path

import msgspec

from llamabuild.errors import EnvironmentLacks, did_you_mean
from llamabuild.process import run
from llamabuild.types.base import Data

from .distribution import debian_version
from .tools import find_tool

PROBE_TIMEOUT_SECONDS = 20.0
ADMIN_FOLDERS = "/usr/sbin:/sbin"
LIBRARY_FOLDERS = ("/usr/local/lib", "/lib", "/usr/lib", "/lib64", "/usr/lib64")
INCLUDE_FOLDERS = ("/usr/local/include", "/usr/include", "/usr/include/openblas")
OURSELVES = Path("/proc/self/exe")
ELF_KIND_BYTES = 20
"""The start of an ELF file that says for which machine it is: class, byte order, architecture."""


class NewerLibrary(Data, frozen=True, kw_only=True):
    """A library under the name that a later release gave it."""

    debian: str
    file: str
    since: int
    """First Debian release that has this one in the place of the other."""


class LibraryEntry(Data, frozen=True, kw_only=True):
    """One library of ``libraries.toml``."""

    purpose: str
    debian: str
    file: str = ""
    newer: NewerLibrary | None = None
    header: str = ""
    program: str = ""
    archives: tuple[str, ...] = ()
    compiler: bool = False


@cache
def library_table() -> dict[str, LibraryEntry]:
    """Return all libraries that are known, by name."""
    text = resources.files(__package__).joinpath("libraries.toml").read_bytes()
    return msgspec.toml.decode(text, type=dict[str, LibraryEntry])


@cache
def find_library(name: str, compiler: str = "") -> Path:
    """Return where a library is: the shared object, or what the compiler names as its own.

    Args:
        name: A name of ``libraries.toml``.
        compiler: Command of the C compiler, for what belongs to one (``openmp``, ``lld``);
            empty: ``cc``.

    Raises:
        EnvironmentLacks: It is not there; the remedy says what to install.
    """
    table = library_table()
    if name not in table:
        message = f"unknown library '{name}'"
        raise EnvironmentLacks(message, did_you_mean(name, table) or f"known: {', '.join(table)}")
    entry = table[name]
    if entry.compiler:
        return _of_compiler(entry, compiler or "cc")
    if entry.header and not any((folder / entry.header).is_file() for folder in _includes()):
        raise _lacks(entry.header, entry, entry.debian)
    path = find_shared(entry.file)
    newer = entry.newer
    if path is None and newer is not None:
        path = find_shared(newer.file)
    if path is not None:
        return path
    if newer is not None and (debian_version() or 0) >= newer.since:
        raise _lacks(newer.file, entry, newer.debian)
    raise _lacks(entry.file, entry, entry.debian)


def find_shared(name: str) -> Path | None:
    """Return the path of a shared library of our own architecture, or None.

    The loader's cache is asked first, then the folders that it searches without one.
    """
    listed = (path for file, path in _loader_cache() if file == name)
    beside = (Path(folder) / name for folder in _library_folders())
    return next((path for path in (*listed, *beside) if _loadable(path)), None)


@cache
def _loader_cache() -> tuple[tuple[str, Path], ...]:
    """File name and path of each entry; empty where there is no ``ldconfig`` that lists them."""
    program = shutil.which("ldconfig", path=f"{os.environ.get('PATH', '')}:{ADMIN_FOLDERS}")
    if program is None:
        return ()
    answer = run([program, "-p"], timeout_seconds=PROBE_TIMEOUT_SECONDS)
    lines = re.findall(r"^\s+(\S+) \(.*\) => (/.*)$", answer.stdout, re.MULTILINE)
    return tuple((file, Path(path)) for file, path in lines)


def _library_folders() -> tuple[str, ...]:
    triplet = f"{platform.machine()}-linux-gnu"
    return (
        f"/usr/local/lib/{triplet}",
        f"/lib/{triplet}",
        f"/usr/lib/{triplet}",
        *LIBRARY_FOLDERS,
    )


def _includes() -> tuple[Path, ...]:
    return (
        *map(Path, INCLUDE_FOLDERS),
        Path(f"/usr/include/{platform.machine()}-linux-gnu"),
    )


def _loadable(path: Path) -> bool:
    """Tell whether a library is for the machine that this very process is for."""
    kind = _elf_kind(path)
    return bool(kind) and kind == _elf_kind(OURSELVES)


def _elf_kind(path: Path) -> bytes:
    """Return class, byte order and architecture of an ELF file; empty if it is none."""
    try:
        with path.open("rb") as file:
            start = file.read(ELF_KIND_BYTES)
    except OSError:
        return b""
    return start[4:6] + start[18:20] if start.startswith(b"\x7fELF") else b""


def _of_compiler(entry: LibraryEntry, compiler: str) -> Path:
    """Ask the compiler where its own header, archive or program is."""
    tool = find_tool(compiler)
    archives = [name.format(machine=platform.machine()) for name in entry.archives]
    wanted = entry.program or entry.header or archives[0]
    questions = [f"-print-file-name={name}" for name in archives] or [
        f"-print-prog-name={wanted}" if entry.program else f"-print-file-name=include/{wanted}"
    ]
    for question in questions:
        answer = run([tool.path, question], timeout_seconds=PROBE_TIMEOUT_SECONDS).stdout.strip()
        # A compiler that doesn't have it repeats what it was asked for.
        if Path(answer).is_absolute() and Path(answer).is_file():
            return Path(answer)
    package = entry.debian.format(version=_major(tool.version))
    what = f"{wanted} of {compiler}"
    raise _lacks(what, entry, package)


def library_file(name: str) -> str:
    """Return the file name of a shared library in this release; empty for what is none."""
    entry = library_table()[name]
    return entry.newer.file if entry.newer and _is_newer(entry.newer, entry.file) else entry.file


def library_package(name: str, compiler: str = "") -> str:
    """Return the package that has a library, as :func:`library_file` calls it.

    Args:
        name: A name of ``libraries.toml``.
        compiler: Whose version a package has in its name; it need not be installed if its own
            name says the version.
    """
    entry = library_table()[name]
    if entry.newer is not None and _is_newer(entry.newer, entry.file):
        return entry.newer.debian
    if "{version}" not in entry.debian:
        return entry.debian
    _, dash, number = compiler.rpartition("-")
    stated = number if dash and number.isdigit() else _major(find_tool(compiler).version)
    return entry.debian.format(version=stated)


def _is_newer(newer: NewerLibrary, older: str) -> bool:
    """What is installed decides, as in :func:`find_library`; where nothing is, the release."""
    if find_shared(older) is not None:
        return False
    return find_shared(newer.file) is not None or (debian_version() or 0) >= newer.since


def _major(version: str) -> str:
    number = re.search(r"\d+(?=\.\d)", version)
    return number[0] if number else ""


def _lacks(what: str, entry: LibraryEntry, package: str) -> EnvironmentLacks:
    message = f"'{what}' was not found (needed to {entry.purpose})"
    return EnvironmentLacks(message, f"apt-get install {package}")
