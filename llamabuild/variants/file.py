"""One variant file: what may be in it, and clear words about what may not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from llamabuild.errors import BadInput

from .bench_options import complaint
from .isa_names import check_isa_names
from .kinds import Kind
from .strict import Table, read_strict

if TYPE_CHECKING:
    from pathlib import Path

NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")

Inherit = Literal["none", "append", "prepend"]
# CMake hands flags on to a shell by way of Ninja: nothing that a shell would understand may be
# in them, and no flag that loads code or files which the build's id would not cover.
PLAIN = r"[A-Za-z0-9_+=.,:/@%-]"
LOADS_CODE = r"-(?:fplugin|B|specs|-specs|wrapper|include|imacros|Xclang|load|fpass-plugin)"
Flag = Annotated[str, msgspec.Meta(pattern=rf"^(?!{LOADS_CODE})-{PLAIN}+$")]
Plain = Annotated[str, msgspec.Meta(pattern=rf"^{PLAIN}*$")]
Word = Annotated[str, msgspec.Meta(pattern=rf"^{NAME.pattern}$")]
BenchArgument = Annotated[str, msgspec.Meta(pattern=r"^\S+$")]
SourceFile = Annotated[str, msgspec.Meta(pattern=r"^(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9_./-]*$")]
EnvironmentName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]

OF_SETTINGS = {
    "launcher": "'native+cpus=0-3' or 'native+node=0'",
    "threads": "'native+prompt-threads=4'",
    "program": "'native+parallel=4'",
    "mode": "'native+parallel=4'",
    "quantization": "'native+quantization=Q8_0'",
}
"""Keys of ``[runtime]`` that settings alone have, with an example of one that does."""
CMAKE_ALLOWED = re.compile(
    r"(GGML|LLAMA|BLAS)_[A-Z0-9_]+|BUILD_SHARED_LIBS"
    r"|CMAKE_(BUILD_TYPE|INTERPROCEDURAL_OPTIMIZATION|UNITY_BUILD|POSITION_INDEPENDENT_CODE)"
)
"""CMake variables that a file may set; what loads code or moves files is not among them."""


class FlagsTable(Table, frozen=True, kw_only=True):
    """``[flags]``: ``inherit`` says how they join those of the parent."""

    inherit: Inherit = "append"
    c: tuple[Flag, ...] = ()
    cxx: tuple[Flag, ...] = ()
    link: tuple[Flag, ...] = ()


class ToolchainTable(Table, frozen=True, kw_only=True):
    """``[toolchain]``: compiler commands."""

    c: Plain | None = None
    cxx: Plain | None = None


class OptimizeTable(Table, frozen=True, kw_only=True):
    """``[optimize]``: what is done to ggml and the decode part of libllama."""

    level: Literal["2", "3", "fast"] | None = None
    lto: Literal["default", "full", "thin"] | None = None
    pgo: bool | None = None
    bolt: bool | None = None


class AllocatorTable(Table, frozen=True, kw_only=True):
    """``[allocator]``: what answers malloc, and how it comes into the process."""

    name: Word | None = None
    how: Literal["preload", "link"] | None = None


class RequiresTable(Table, frozen=True, kw_only=True):
    """``[requires]``: added to what the parent requires."""

    architecture: Literal["x86_64", "aarch64"] | None = None
    cpu: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    source_files: tuple[SourceFile, ...] = ()
    """Of the tree that it is built from, relative to its top."""


class RuntimeTable(Table, frozen=True, kw_only=True):
    """``[runtime]``: ``environment`` is merged by name; the others replace the parent's."""

    environment: dict[EnvironmentName, str] = {}
    bench: tuple[BenchArgument, ...] | None = None
    launcher: tuple[Plain, ...] | None = None
    """Of settings alone, as are the next four; a file that names one is refused."""
    threads: dict[Plain, int] | None = None
    program: Plain | None = None
    mode: Plain | None = None
    quantization: Plain | None = None


class ExpectTable(Table, frozen=True, kw_only=True):
    """``[[expect]]``: a list in a file replaces the parent's list."""

    binary: str
    function: str = "*"
    require: tuple[str, ...] = ()
    forbid: tuple[str, ...] = ()


class VariantFile(Table, frozen=True, kw_only=True):
    """A whole file."""

    extends: str | None = None
    kind: Kind | None = None
    """Inherited from no parent; a file of a name that is there already keeps that one's."""
    description: str
    source: str | None = None
    toolchain: ToolchainTable = ToolchainTable()
    cmake: dict[str, bool | int | Plain] = {}
    flags: FlagsTable = FlagsTable()
    optimize: OptimizeTable = OptimizeTable()
    allocator: AllocatorTable = AllocatorTable()
    conflicts: dict[Word, str] = {}
    """Names or kinds that this can't be composed with, each with the reason."""
    requires: RequiresTable = RequiresTable()
    runtime: RuntimeTable = RuntimeTable()
    expect: tuple[ExpectTable, ...] | None = None


def read_variant_file(path: Path) -> VariantFile:
    """Read and check one file.

    Raises:
        BadInput: One line with the file, the line or key, and what is wrong with it.
    """
    if not NAME.fullmatch(path.stem):
        message = f"{path}: '{path.stem}' is not a variant name"
        raise BadInput(message, "use lower-case letters, digits, '.', '_' and '-'")
    file = read_strict(path, VariantFile, "a variant")
    for key, example in OF_SETTINGS.items():
        if getattr(file.runtime, key) is not None:
            message = f"{path}: runtime.{key} is not for files"
            raise BadInput(message, f"settings have one: {example}")
    for variable in file.cmake:
        if not CMAKE_ALLOWED.fullmatch(variable):
            message = f"{path}: cmake.{variable} is not a variable that a variant may set"
            remedy = "allowed are GGML_*, LLAMA_*, BLAS_*, BUILD_SHARED_LIBS and a few CMAKE_*"
            if variable.endswith("_FLAGS"):
                remedy = "compiler flags go into [flags]"
            raise BadInput(message, remedy)
    if (wrong := complaint(file.runtime.bench or ())) is not None:
        message = f"{path}: runtime.bench: {wrong.what}"
        raise BadInput(message, wrong.remedy)
    check_isa_names(path, file)
    return file
