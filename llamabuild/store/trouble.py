"""What the operating system refuses, in words: what, where, and what can be done about it."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

from llamabuild.errors import EnvironmentLacks

from .paths import CACHE, STATE, roots

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


def refused(error: OSError, place: Path | None = None) -> EnvironmentLacks:
    """Return an error that a person can act on.

    Args:
        error: What was caught.
        place: The file or folder, where the error itself does not name it.
    """
    named = error.filename
    if place is None and isinstance(named, str | bytes) and named:
        place = Path(os.fsdecode(named))
    what = error.strerror or str(error) or type(error).__name__
    message = f"{place}: {what}" if place else what
    return EnvironmentLacks(message, _remedy(error.errno, place))


def replace_file(path: Path, data: bytes) -> None:
    """Write a file anew; whoever reads it meanwhile sees the old one or the new one, whole.

    Raises:
        EnvironmentLacks: The disk is full or read-only, or the folder is not ours.
    """
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        fresh.write_bytes(data)
        fresh.replace(path)
    except OSError as error:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise refused(error, path) from error


def _remedy(number: int | None, place: Path | None) -> str:
    variable = _variable_of(place)
    if number in FULL:
        cache = roots()[CACHE]
        clean = f"'python -m llamabuild cache gc' cleans the cache in {cache}"
        return f"free some space ({clean}), or set {variable or CACHE} to a folder on another disk"
    if number not in FORBIDDEN:
        return ""
    if variable:
        return f"set {variable} to a folder that you can write"
    if place is None:
        return f"set {CACHE} and {STATE} to folders that you can write"
    return "change its permissions, or name another place"


def _variable_of(place: Path | None) -> str:
    """Return the environment variable that moves a place elsewhere; empty if none does."""
    if place is None:
        return ""
    inside = (v for v, root in roots().items() if place.absolute().is_relative_to(root))
    return next(inside, "")
