"""Short files of the kernel, which may be missing, empty or unreadable."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def read_text(path: Path) -> str:
    """Return a file's text without surrounding space, or the empty string."""
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:  # sysfs answers ENXIO, EINVAL and more for what the hardware doesn't have
        return ""


def read_int(path: Path) -> int | None:
    """Return the number that a file holds, or None."""
    try:
        return int(read_text(path))
    except ValueError:
        return None


def read_table(path: Path) -> dict[str, str]:
    """Return the lines ``key value...`` or ``key: value`` of a file, the first of each key."""
    table: dict[str, str] = {}
    for line in read_text(path).splitlines():
        key, _, value = line.replace(":", " ", 1).partition(" ")
        table.setdefault(key, value.strip())
    return table
