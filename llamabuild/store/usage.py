"""When something in the cache was last used, by stamps of its own.

Access times do not say it: many file systems do not keep them, and backups and virus scanners
read everything. What is used gets a stamp, an empty file whose time counts.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from .paths import cache_dir

if TYPE_CHECKING:
    from pathlib import Path

ENTRY_DEPTH = 2
"""An entry of the cache lies in a folder of its kind: ``builds/ID``, ``models/FILE``."""


def mark_used(path: Path) -> None:
    """Stamp the entry that a path belongs to; a path outside the cache is none of ours.

    A stamp that cannot be written (a full disk) costs nothing but an entry's place in the queue.
    """
    if (stamp := _stamp(path)) is not None:
        with suppress(OSError):
            stamp.touch()


def last_used(path: Path) -> datetime:
    """Return when an entry was last used, or made if it was not used since."""
    times = [path.lstat().st_mtime]
    stamp = _stamp(path)
    if stamp is not None and stamp.exists():
        times.append(stamp.stat().st_mtime)
    return datetime.fromtimestamp(max(times), UTC)


def forget_use(path: Path) -> None:
    """Drop the stamp of an entry that is gone."""
    if (stamp := _stamp(path)) is not None:
        stamp.unlink(missing_ok=True)


def _stamp(path: Path) -> Path | None:
    try:
        parts = path.absolute().relative_to(cache_dir()).parts
    except ValueError:
        return None
    if len(parts) < ENTRY_DEPTH:
        return None
    return cache_dir("used") / "--".join(parts[:ENTRY_DEPTH])
