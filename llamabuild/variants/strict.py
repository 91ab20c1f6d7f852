"""TOML files of a fixed shape: what is wrong with one is said in one clear line."""

from __future__ import annotations

import functools
import tomllib
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from llamabuild.errors import BadInput, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MAX_BYTES = 1 << 20


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A TOML table; the attribute names are the keys."""


T = TypeVar("T", bound=Table)


def read_strict(path: Path, kind: type[T], what: str) -> T:
    """Read a file that must be one table of this kind.

    Args:
        path: The file.
        kind: Its shape.
        what: What the file would be, for messages, such as ``a variant``.

    Raises:
        BadInput: One line with the file, the line or key, and what is wrong with it.
    """
    raw = _read_toml(path, what)
    _refuse_unknown(path, raw, kind, "")
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        message = f"{path}: {_in_words(error)}"
        raise BadInput(message) from error


def _read_toml(path: Path, what: str) -> dict[str, Any]:
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
        message = f"{path}: nested too deeply to be {what}"
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
    known = _tables_by_key(kind)
    for key, value in raw.items():
        if key not in known:
            message = f"{path}: unknown key '{prefix}{key}'"
            raise BadInput(message, did_you_mean(key, known) or f"known: {', '.join(known)}")
        table = known[key]
        for item in value if isinstance(value, list) else [value]:
            if table is not None and isinstance(item, dict):
                _refuse_unknown(path, item, table, f"{prefix}{key}.")


@functools.cache
def _tables_by_key(kind: type[Table]) -> Mapping[str, type[Table] | None]:
    """Each known key, with the table below it (evaluating annotations is slow)."""
    return {field.name: _table_of(field.type) for field in msgspec.structs.fields(kind)}


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
