"""External programs: found once, with their version, or an error that says what to install."""

from __future__ import annotations

import hashlib
import re
import shutil
from functools import cache
from importlib import import_module, resources
from pathlib import Path

import msgspec
from packaging.version import Version

from llamabuild.errors import EnvironmentLacks
from llamabuild.process import run
from llamabuild.types.base import Data
from llamabuild.types.machine import Tool

from .distribution import is_ubuntu
from .newest import major_of, newest_version

VERSION_TIMEOUT_SECONDS = 20.0
REAL_COMPILERS = {"c": "cc1", "c++": "cc1plus"}
"""The program that gcc's driver starts for each language; clang's driver is its own."""


class PythonPackage(Data, frozen=True, kw_only=True):
    """A Python package that carries a program."""

    name: str
    folder: str
    """Name in the package that holds the program's folder."""


class ToolEntry(Data, frozen=True, kw_only=True):
    """One program of ``tools.toml``."""

    purpose: str
    debian: str
    ubuntu: str = ""
    bare: str = ""
    required: bool = False
    minimum: str = ""
    package: PythonPackage | None = None
    compiler: str = ""
    versioned: bool = False
    newest: tuple[str, ...] | None = None

    @property
    def system_package(self) -> str:
        """The package of this very distribution that has the program of the bare name."""
        return self.ubuntu if self.ubuntu and is_ubuntu() else self.bare or self.debian


@cache
def tool_table() -> dict[str, ToolEntry]:
    """Return all programs that are known, by name."""
    text = resources.files(__package__).joinpath("tools.toml").read_bytes()
    return msgspec.toml.decode(text, type=dict[str, ToolEntry])


def find_tools() -> dict[str, Tool]:
    """Return the known programs that are there, by name."""
    found = {}
    for name in tool_table():
        try:
            found[name] = find_tool(name)
        except EnvironmentLacks:
            continue
    return found


@cache
def find_tool(name: str, *, hash_content: bool = False) -> Tool:
    """Find a program and ask for its version.

    Args:
        name: A name of ``tools.toml``, one with a version behind it such as ``gcc-13``, any other
            program on PATH, or a path. ``clang`` and ``gcc`` mean the newest version there is.
        hash_content: Fill in ``sha256``. For gcc the compiler proper (``cc1``, ``cc1plus``) is
            hashed along with the driver, which alone says little.

    Raises:
        EnvironmentLacks: It is not there, doesn't run or is too old; the remedy says what to
            install.
    """
    entry, remedy = _entry(name)
    path = locate_tool(name)
    version = _version(name, path, remedy)
    if entry is not None and entry.minimum:
        _check_minimum(name, version, entry.minimum, remedy)
    sha256 = _content(path, entry.compiler if entry else "") if hash_content else ""
    return Tool(name=name, path=str(path), version=version, sha256=sha256)


def locate_tool(name: str) -> Path:
    """Return where a program is, without running it; compilers are asked for their version.

    Raises:
        EnvironmentLacks: It is not there; the remedy says what to install.
    """
    entry, remedy = _entry(name)
    path = _path(name, entry)
    if path is None:
        message = f"'{name}' was not found" + (f" (needed to {entry.purpose})" if entry else "")
        raise EnvironmentLacks(message, remedy)
    return path


def name_here(name: str) -> str:
    """Return the name by which commands for people call a program: with its version, if it has it.

    ``clang`` becomes ``clang-22``, also where there is a plain one of the same file, so that it
    goes with the packages of that version. What is not installed, and what was named by a path,
    keeps its name.
    """
    if "/" in name:
        return name
    try:
        path = locate_tool(name)
    except EnvironmentLacks:
        return name
    entry = tool_table().get(name)
    if entry is None or not entry.versioned or path.name != name:
        return path.name
    numbered = f"{name}-{major_of(str(path))}"
    other = shutil.which(numbered)
    return numbered if other and Path(other).resolve() == path.resolve() else name


def package_here(name: str) -> str:
    """Return the package of a program that commands call so; empty for one that is not known."""
    entry = tool_table().get(name)
    if entry is not None:
        return entry.system_package
    base, _, number = name.rpartition("-")
    known = tool_table().get(base)
    return f"{known.debian}-{number}" if known and known.versioned and number.isdigit() else ""


def _entry(name: str) -> tuple[ToolEntry | None, str]:
    """Return what is known of a program, and what to do when it is missing."""
    word = Path(name).name
    base, _, number = word.rpartition("-")
    known = tool_table()
    if word in known:
        entry, package = known[word], known[word].system_package
    elif number.isdigit() and base in known and known[base].versioned:
        entry, package = known[base], f"{known[base].debian}-{number}"
    else:
        return None, "install it, or put its folder on PATH"
    if entry.package is not None:
        return entry, f"python -m pip install '{entry.package.name}>={entry.minimum}'"
    return entry, f"apt-get install {package}"


def _path(name: str, entry: ToolEntry | None) -> Path | None:
    if entry is not None and entry.package is not None:
        try:
            module = import_module(entry.package.name)
        except ImportError:
            pass
        else:
            carried = shutil.which(name, path=getattr(module, entry.package.folder))
            if carried is not None:
                return Path(carried)
    if entry is not None and entry.newest is not None and name in tool_table():
        name = newest_version(name, entry.newest)
    on_path = shutil.which(name)
    if on_path is None and entry is not None and entry.versioned and name in tool_table():
        on_path = shutil.which(newest_version(name))
    return Path(on_path) if on_path is not None else None


def _version(name: str, path: Path, remedy: str) -> str:
    finished = run([path, "--version"], timeout_seconds=VERSION_TIMEOUT_SECONDS)
    lines = (finished.stdout.strip() or finished.stderr.strip()).splitlines()
    if not finished.ok or not lines:
        message = f"'{name}' is there but does not run ({finished.failure()})"
        raise EnvironmentLacks(message, remedy)
    return lines[0].strip()


def _check_minimum(name: str, version: str, minimum: str, remedy: str) -> None:
    number = re.search(r"\d+(\.\d+)+", version)
    if number is None or Version(number[0]) < Version(minimum):
        message = f"'{name}' is too old ({version}, at least {minimum} is needed)"
        raise EnvironmentLacks(message, remedy)


@cache
def _content(path: Path, language: str) -> str:
    """Return the SHA-256 of a program; of several programs, that of their digests in a row."""
    digests = [_sha256(path.resolve())]
    if language:
        question = f"-print-prog-name={REAL_COMPILERS[language]}"
        answer = run([path, question], timeout_seconds=VERSION_TIMEOUT_SECONDS).stdout.strip()
        # A compiler that doesn't know the program repeats its bare name.
        if Path(answer).is_absolute() and Path(answer).is_file():
            digests.append(_sha256(Path(answer).resolve()))
    if len(digests) == 1:
        return digests[0]
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
