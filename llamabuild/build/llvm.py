"""Tools of LLVM by their version: the compiler's own, or the newest that is installed."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from llamabuild.errors import EnvironmentLacks
from llamabuild.machine.tools import find_tool
from llamabuild.process import run

from .library_flags import major_version

if TYPE_CHECKING:
    from llamabuild.types.machine import Tool

TIMEOUT_SECONDS = 20.0


def newest_tool(name: str, default_version: str) -> Tool:
    """Return the newest of ``name-20``, ``name-19``, ... on PATH, else plain ``name``.

    Raises:
        EnvironmentLacks: There is none; the remedy names the package of the default version.
    """
    pattern = re.compile(rf"{re.escape(name)}-(\d+)")
    versions: set[int] = set()
    plain = False
    for folder in os.get_exec_path():
        try:
            names = {path.name for path in Path(folder or ".").iterdir()}
        except OSError:  # PATH may name what is not there
            continue
        versions.update(int(m[1]) for m in map(pattern.fullmatch, names) if m)
        plain |= name in names
    if versions:
        return find_tool(f"{name}-{max(versions)}", hash_content=True)
    return find_tool(name if plain else f"{name}-{default_version}", hash_content=True)


def profdata_of(compiler: Tool) -> Tool:
    """Return the llvm-profdata of a clang: other versions may not read its raw profiles.

    Raises:
        EnvironmentLacks: The compiler's own is not installed.
    """
    return _own(compiler, "llvm-profdata", "which merges its profiles", "llvm")


def lld_of(compiler: Tool) -> Tool:
    """Return the ld.lld that a clang calls, with its content.

    Raises:
        EnvironmentLacks: The compiler's own is not installed.
    """
    found = _own(compiler, "ld.lld", "which links what it optimizes as a whole", "lld")
    return find_tool(found.path, hash_content=True)


def _own(compiler: Tool, name: str, what_for: str, package: str) -> Tool:
    """The program of the compiler's own version, where the compiler itself looks, or on PATH."""
    answer = run(
        [compiler.path, f"-print-prog-name={name}"], timeout_seconds=TIMEOUT_SECONDS
    ).stdout.strip()
    major = major_version(compiler)
    # A compiler that doesn't find the program repeats its bare name.
    if Path(answer).is_absolute():
        found = find_tool(answer)
        if major_version(found) == major:
            return found
    try:
        return find_tool(f"{name}-{major}")
    except EnvironmentLacks as error:
        message = f"{compiler.name} has no {name} here, {what_for}"
        raise EnvironmentLacks(message, f"apt-get install {package}-{major}") from error
