"""Answers of earlier runs that a new one would only find again, one small file each."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

import msgspec

from .paths import cache_dir

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T")


def key_of(*parts: object) -> str:
    """Return a hash of all that an answer depends on, by how it is written."""
    return hashlib.sha256("\0".join(map(repr, parts)).encode()).hexdigest()


def recall(kind: str, key: str, answer: type[T]) -> T | None:
    """Return the answer that was kept, or None where there is none that can be read."""
    try:
        return msgspec.json.decode(_path(kind, key).read_bytes(), type=answer)
    except (OSError, msgspec.DecodeError):
        return None


def keep(kind: str, key: str, answer: object) -> None:
    """Keep an answer; where that fails it is only work lost."""
    path = _path(kind, key)
    fresh = path.with_suffix(".new")
    with suppress(OSError):
        fresh.write_bytes(msgspec.json.encode(answer))
        fresh.rename(path)


def _path(kind: str, key: str) -> Path:
    return cache_dir(kind) / f"{key}.json"
