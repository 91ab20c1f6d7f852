"""Where the files of this process's cgroup are, for version 1 and version 2.

A limit holds for a group and all below it, so every reader goes from the process's own group up.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .files import read_text

PROC = Path("/proc")
CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hierarchy:
    """The groups that a controller puts this process in."""

    version: int
    """1 or 2."""
    folders: tuple[Path, ...]
    """The process's own group first, the root last."""


def find_hierarchy(controller: str, proc: Path = PROC, root: Path = CGROUPS) -> Hierarchy | None:
    """Return the groups of one controller, such as ``cpu``; None without cgroups.

    Inside a container the path in ``/proc/self/cgroup`` may be the host's and not exist here;
    then only the root, which is the container's own group, can be read.
    """
    unified = None
    for line in read_text(proc / "self" / "cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            mount = root / controllers if (root / controllers).is_dir() else root / controller
            return Hierarchy(version=1, folders=_upwards(mount, path))
        if not controllers:
            unified = path
    if unified is None:
        return None
    mount = root if (root / "cgroup.controllers").exists() else root / "unified"
    return Hierarchy(version=2, folders=_upwards(mount, unified))


def _upwards(mount: Path, path: str) -> tuple[Path, ...]:
    parts = [part for part in path.split("/") if part not in {"", ".", ".."}]
    return tuple(mount.joinpath(*parts[:depth]) for depth in range(len(parts), -1, -1))
