"""What the cache keeps, by kind, with sizes; and how one entry of it is removed."""

from __future__ import annotations

import os
import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from llamabuild.process import run
from llamabuild.types.base import Data

from .paths import cache_dir
from .usage import forget_use, last_used

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDERS = {
    "builds": ("builds",),
    "profiles": ("profiles",),
    "sources": ("sources", "git"),
    "models": ("models", "huggingface"),
    "ccache": ("ccache",),
    "left-overs": ("scratch", "work"),
}
"""The cache's folders by kind; each entry of such a folder is made and removed as a whole."""
LOCKS = {
    "builds": ("build-",),
    "profiles": ("profile-",),
    "sources": ("source-", "git-"),
    "models": ("model-", "synthetic-", "quantized-"),
    "ccache": (),
    "left-overs": (),
}
"""How the locks begin that are held while an entry of a kind is made."""
RECORDS = ("known", ".locks", "CACHEDIR.TAG")
"""Small records beside the entries."""
OLD_LEFT_OVER = timedelta(days=1)
"""Longer than any build: what is older belongs to no living process."""
CCACHE_NAME = re.compile(r"[0-9a-f]{8}")
"""The compiler cache of one kind of CPU; see :mod:`llamabuild.build.plan`."""


class Kept(Data, frozen=True, kw_only=True):
    """One entry of the cache."""

    kind: str
    name: str
    """Relative to the cache."""
    size_bytes: int
    used: datetime

    @property
    def path(self) -> Path:
        """Where it lies on this machine."""
        return cache_dir() / self.name


def kept(kind: str) -> Iterator[Kept]:
    """Yield the entries of a kind, in order of their names."""
    for folder in FOLDERS[kind]:
        for path in sorted(cache_dir(folder).iterdir()):
            if path.name in RECORDS:
                continue
            size_bytes, newest = _extent(path)
            used = newest if kind == "ccache" else last_used(path)
            name = f"{folder}/{path.name}"
            yield Kept(kind=kind, name=name, size_bytes=size_bytes, used=used)


def remove(entry: Kept) -> None:
    """Remove an entry: renamed away first, so that nobody sees half of it."""
    doomed = cache_dir("scratch") / f"discarded-{entry.path.name}-{os.getpid()}"
    entry.path.rename(doomed)
    forget_use(entry.path)
    if doomed.is_dir() and not doomed.is_symlink():
        shutil.rmtree(doomed, ignore_errors=True)
    else:
        doomed.unlink()


def stale_bytes(entry: Kept, before: datetime) -> int:
    """Return how much of a compiler cache was not used since; ccache stamps what it uses."""
    files = (path for path in entry.path.rglob("*") if path.is_file())
    stats = [path.stat() for path in files]
    return sum(s.st_size for s in stats if s.st_mtime < before.timestamp())


def evict(entry: Kept, before: datetime) -> bool:
    """Let ccache drop what was not used since; False when it cannot."""
    program = shutil.which("ccache")
    if program is None or not CCACHE_NAME.fullmatch(entry.path.name):
        return False
    age = max(int((datetime.now(UTC) - before).total_seconds()), 0)
    return run(
        [program, "--evict-older-than", f"{age}s"], environment={"CCACHE_DIR": str(entry.path)}
    ).ok


def _extent(path: Path) -> tuple[int, datetime]:
    """Return the bytes below a path, links not followed, and the newest file's time."""
    size_bytes, newest = 0, path.lstat().st_mtime
    if path.is_dir() and not path.is_symlink():
        newest = 0.0
        for folder, _, names in os.walk(path):
            for name in names:
                try:
                    status = (Path(folder) / name).lstat()
                except FileNotFoundError:  # someone works here
                    continue
                size_bytes += status.st_size
                newest = max(newest, status.st_mtime)
    else:
        size_bytes = path.lstat().st_size
    return size_bytes, datetime.fromtimestamp(newest, UTC)
