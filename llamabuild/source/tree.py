"""Recognises a llama.cpp tree and reads its versions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from llamabuild.errors import BadInput

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = re.compile(r'^\s*project\s*\(\s*"?llama\.cpp\b', re.MULTILINE | re.IGNORECASE)
GGML_PART = re.compile(r"^\s*set\s*\(\s*GGML_VERSION_(MAJOR|MINOR|PATCH)\s+(\d+)", re.MULTILINE)
CMAKE_BYTES = 1 << 20
MAX_DEPTH = 4
REMEDY = "name a source that carries llama.cpp with its ggml/ folder (from August 2024 on)"


def is_llama_tree(folder: Path) -> bool:
    """Whether this folder is the top of a llama.cpp tree with ggml in it."""
    project = PROJECT.search(_start_of(folder / "CMakeLists.txt"))
    return project is not None and (folder / "ggml" / "CMakeLists.txt").is_file()


def find_tree(root: Path, what: str) -> Path:
    """Return the llama.cpp tree nearest to ``root``, itself included.

    Args:
        root: Where to look, a few folders deep.
        what: The source's name for the error.

    Raises:
        BadInput: There is none.
    """
    level = [root]
    for _ in range(MAX_DEPTH + 1):
        for folder in level:
            if is_llama_tree(folder):
                return folder
        level = [
            inner
            for folder in level
            for inner in sorted(folder.iterdir())
            if inner.is_dir() and not inner.is_symlink()
        ]
    message = f"there is no llama.cpp in {what}"
    raise BadInput(message, REMEDY)


def check_tree(folder: Path, what: str) -> None:
    """Make sure that a folder is a llama.cpp tree.

    Raises:
        BadInput: It is not.
    """
    if not is_llama_tree(folder):
        message = f"{what} is not a llama.cpp tree"
        raise BadInput(message, REMEDY)


def ggml_version(tree: Path) -> str:
    """Return ggml's version as ``major.minor.patch``; empty where the tree does not say it."""
    parts = dict(GGML_PART.findall(_start_of(tree / "ggml" / "CMakeLists.txt")))
    names = ("MAJOR", "MINOR", "PATCH")
    return ".".join(parts[n] for n in names) if parts.keys() >= set(names) else ""


def _start_of(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return stream.read(CMAKE_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
