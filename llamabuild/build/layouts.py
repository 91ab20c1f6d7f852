"""The facts of ``layouts.toml``: what the build of an older tree or a fork must be told."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from llamabuild.source.pins import pin_of

if TYPE_CHECKING:
    from llamabuild.types.inputs import Source

HERE = Path(__file__).parent
INCLUDE = "CMAKE_PROJECT_llama.cpp_INCLUDE"


class Layout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a kind of tree is laid out; the default is the present llama.cpp."""

    name: str = ""
    has: str = ""
    cmake: dict[str, str] = {}
    include: str = ""
    absent: dict[str, tuple[str, ...]] = {}

    def variables(self) -> dict[str, str]:
        """Return the cache variables; ``{layouts}`` stands for this folder."""
        included = {INCLUDE: f"{{layouts}}/{self.include}"} if self.include else {}
        return {**self.cmake, **included}

    def identity(self) -> str:
        """Return a hash of the included code; empty where there is none."""
        return _sha256(HERE / self.include) if self.include else ""


class Layouts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``layouts.toml``."""

    layout: tuple[Layout, ...]


@cache
def layouts() -> tuple[Layout, ...]:
    """Return the shipped facts."""
    return msgspec.toml.decode((HERE / "layouts.toml").read_bytes(), type=Layouts).layout


def layout_of(source: Source) -> Layout:
    """Return the first layout that fits a tree, by the file that such trees have."""
    tree = Path(source.tree)
    return next((layout for layout in layouts() if (tree / layout.has).is_file()), Layout())


def pinned_layout(source: str) -> Layout | None:
    """Return the layout of a source that is known beforehand, or None if it is not known.

    Raises:
        BadInput: It is none of a source's forms.
    """
    pin = pin_of(source)
    if pin is None:
        return None
    return next((layout for layout in layouts() if layout.name == pin.layout != ""), Layout())


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
