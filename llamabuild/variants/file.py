"""One variant file: what may be in it, and clear words about what may not."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from llamabuild.errors import BadInput, did_you_mean

if TYPE_CHECKING:
    from pathlib import Path

NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
MAX_BYTES = 1 << 20

Inherit = Literal["none", "append", "prepend"]
# CMake hands flags on to a shell by way of Ninja: nothing that a shell would understand may be
# in them, and no flag that loads code or files which the build's id would not cover.
PLAIN = r"[A-Za-z0-9_+=.,:/@%-]"
LOADS_CODE = r"-(?:fplugin|B|specs|-specs|wrapper|include|imacros|Xclang|load|fpass-plugin)"
Flag = Annotated[str, msgspec.Meta(pattern=rf"^(?!{LOADS_CODE})-{PLAIN}+$")]
Plain = Annotated[str, msgspec.Meta(pattern=rf"^{PLAIN}*$")]
# What llamabuild itself asks of llama-bench is not the variant's to change.
BenchArgument = Annotated[
    str, msgspec.Meta(pattern=r"^(?!-(?:m|-model|o|-output|r|-repetitions|p|n|pg|hf.*)$)\S+$")
]
EnvironmentName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]

CMAKE_ALLOWED = re.compile(
    r"(GGML|LLAMA|BLAS)_[A-Z0-9_]+|BUILD_SHARED_LIBS"
    r"|CMAKE_(BUILD_TYPE|INTERPROCEDURAL_OPTIMIZATION|UNITY_BUILD|POSITION_INDEPENDENT_CODE)"
)
"""CMake variables that a file may set; what loads code or moves files is not among them."""


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A TOML table; the attribute names are the keys."""


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


class RequiresTable(Table, frozen=True, kw_only=True):
    """``[requires]``: added to what the parent requires."""

    architecture: Literal["x86_64", "aarch64"] | None = None
    cpu: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()


class RuntimeTable(Table, frozen=True, kw_only=True):
    """``[runtime]``: ``environment`` is merged by name, ``bench`` replaces the parent's."""

    environment: dict[EnvironmentName, str] = {}
    bench: tuple[BenchArgument, ...] | None = None


class ExpectTable(Table, frozen=True, kw_only=True):
    """``[[expect]]``: a list in a file replaces the parent's list."""

    binary: str
    function: str = "*"
    require: tuple[str, ...] = ()
    forbid: tuple[str, ...] = ()


class VariantFile(Table, frozen=True, kw_only=True):
    """A whole file."""

    extends: str | None = None
    description: str
    source: str | None = None
    toolchain: ToolchainTable = ToolchainTable()
    cmake: dict[str, bool | int | Plain] = {}
    flags: FlagsTable = FlagsTable()
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
    raw = _read_toml(path)
    _refuse_unknown(path, raw, VariantFile, "")
    try:
        file = msgspec.convert(raw, VariantFile)
    except msgspec.ValidationError as error:
        message = f"{path}: {_in_words(error)}"
        raise BadInput(message) from error
    for variable in file.cmake:
        if not CMAKE_ALLOWED.fullmatch(variable):
            message = f"{path}: cmake.{variable} is not a variable that a variant may set"
            remedy = "allowed are GGML_*, LLAMA_*, BLAS_*, BUILD_SHARED_LIBS and a few CMAKE_*"
            if variable.endswith("_FLAGS"):
                remedy = "compiler flags go into [flags]"
            raise BadInput(message, remedy)
    return file


def _read_toml(path: Path) -> dict[str, Any]:
    """Read a small TOML file; every way in which it can be none has its words."""
    try:
        if not path.is_file() or path.stat().st_size > MAX_BYTES:
            message = f"{path}: not a file of at most {MAX_BYTES >> 20} MiB"
            raise BadInput(message)
        text = path.read_text("utf-8")
        raw = tomllib.loads(text)
    except OSError as error:
        message = f"{path}: {error.strerror}"
        raise BadInput(message) from error
    except RecursionError as error:
        message = f"{path}: nested too deeply to be a variant"
        raise BadInput(message) from error
    except UnicodeDecodeError as error:
        message = f"{path}: not UTF-8 text (byte {error.start})"
        raise BadInput(message) from error
    except tomllib.TOMLDecodeError as error:
        where = str(error).replace("end of document", f"line {text.count(chr(10)) + 1}, the end")
        message = f"{path}: not valid TOML: {where}"
        raise BadInput(message) from error
    return raw


def _refuse_unknown(path: Path, raw: dict[str, Any], kind: type[Table], prefix: str) -> None:
    """Name an unknown key and the key that was probably meant, at every level."""
    known = {field.name: field.type for field in msgspec.structs.fields(kind)}
    for key, value in raw.items():
        if key not in known:
            message = f"{path}: unknown key '{prefix}{key}'"
            raise BadInput(message, did_you_mean(key, known) or f"known: {', '.join(known)}")
        table = _table_of(known[key])
        for item in value if isinstance(value, list) else [value]:
            if table is not None and isinstance(item, dict):
                _refuse_unknown(path, item, table, f"{prefix}{key}.")


def _table_of(annotation: object) -> type[Table] | None:
    """The table class inside an annotation such as ``tuple[ExpectTable, ...] | None``."""
    if isinstance(annotation, type) and issubclass(annotation, Table):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        if (found := _table_of(argument)) is not None:
            return found
    return None


def _in_words(error: msgspec.ValidationError) -> str:
    """``cmake.X: Expected ...`` from msgspec's ``Expected ... - at `$.cmake.X```."""
    what, _, where = str(error).partition(" - at ")
    key = where.strip("`").removeprefix("$").removeprefix(".")
    return f"{key}: {what}" if key else what
