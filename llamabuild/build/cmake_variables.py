"""CMake variables of a variant that mean nothing to its tree: an error, with what was meant."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from llamabuild.errors import did_you_mean
from llamabuild.variants.file import CMAKE_ALLOWED

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from llamabuild.process import Finished
    from llamabuild.types.variant import Variant

UNUSED = re.compile(
    r"Manually-specified variables were not used by the project:\s*\n((?:\s*\n|\s+\w+\s*\n)+)"
)
CACHE = "CMakeCache.txt"
ENTRY = re.compile(r"^(\w+):([A-Z]+)=", re.MULTILINE)
UNDECLARED = "UNINITIALIZED"
"""Type of what was set on the command line and that no CMake file gave a type."""
MOST_BYTES = 1 << 20
OLD, NEW = "LLAMA_", "GGML_"
"""ggml's options had llama.cpp's prefix until it got a project of its own."""


def unused_variables(
    finished: Finished, variant: Variant, build_dir: Path, tree: Path
) -> tuple[str, str] | None:
    """Return message and remedy if a variant sets a variable that its tree does not use.

    CMake itself only warns, and a misspelt switch then measures the default under a false name.
    It does not even warn of GGML_*: ggml writes all of those into its package's file and so reads
    every one. What no CMake file declares or names is unused all the same.

    Args:
        finished: The configure step.
        variant: Whose variables are looked for.
        build_dir: Where that step left its cache, which has all names that there are.
        tree: The source tree.
    """
    match = UNUSED.search(finished.stderr)
    warned = match[1].split() if match else []
    types = dict(ENTRY.findall(_start_of(build_dir / CACHE)))
    undeclared = [name for name in variant.cmake if types.get(name) == UNDECLARED]
    unnamed = _unnamed(undeclared, tree) if undeclared else set()
    unused = [name for name in variant.cmake if name in warned or name in unnamed]
    if not unused:
        return None
    where = ", ".join(f"{variant.origins.get(f'cmake.{n}', '?')}: cmake.{n}" for n in unused)
    message = f"{variant.name}: this llama.cpp does not know the CMake variable ({where})"
    known = [name for name, kind in types.items() if kind != UNDECLARED]
    return message, _meant(unused[0], known) or "see its ggml/CMakeLists.txt"


def _meant(name: str, known: Iterable[str]) -> str:
    """What a person may have meant of all that a variant may set."""
    allowed = [each for each in known if CMAKE_ALLOWED.fullmatch(each)]
    renamed = NEW + name.removeprefix(OLD)
    return did_you_mean(renamed if renamed in allowed else name, allowed)


def _unnamed(names: Iterable[str], tree: Path) -> set[str]:
    """Those that no CMake file of the tree has a word of."""
    left = set(names)
    for pattern in ("CMakeLists.txt", "*.cmake"):
        for path in tree.rglob(pattern):
            left -= set(re.findall(r"\w+", _start_of(path))) if left else set()
    return left


def _start_of(path: Path) -> str:
    """The text of a file, of a very long one the start; empty if it can't be read."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(MOST_BYTES)
    except OSError:
        return ""
