"""The threads of a probe with their memory, made ready, and given back whatever happens."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from llamabuild.errors import EnvironmentLacks
from llamabuild.machine.cgroups import PROC
from llamabuild.machine.extension import load_extension
from llamabuild.machine.smaps import read_mappings
from llamabuild.store.paths import cache_dir

from .residence import GRAIN_BYTES
from .spec import CHASE, FILE_PAGES, HUGE_PAGES, SMALL_PAGES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from llamabuild._native import ProbeTeam

    from .spec import ProbeSpec

WRITE_BYTES = 4 << 20
MOSTLY, HARDLY = 0.9, 0.1
"""Parts of the memory in huge pages from which on it counts as huge, and up to which as small."""


class StoppedError(Exception):
    """Someone asked to stop while memory was made ready."""


@contextmanager
def open_team(
    spec: ProbeSpec, cpus: Sequence[int], should_stop: Callable[[], bool]
) -> Iterator[ProbeTeam]:
    """Give threads on these CPUs, with the memory that a probe wants, touched by each thread.

    A file is one without a name, so that not even a killed process leaves it behind.

    Raises:
        EnvironmentLacks: Too little memory or disk space, or too many threads.
        StoppedError: Someone asked to stop.
    """
    native = load_extension()
    size = max(spec.bytes_per_thread, GRAIN_BYTES)
    with ExitStack() as stack:
        try:
            file = -1
            if spec.pages == FILE_PAGES:
                whole = len(cpus) * (size + native.PROBE_SLACK_BYTES)
                file = stack.enter_context(_warm_file(whole, should_stop))
            team: ProbeTeam = native.ProbeTeam(
                cpus=list(cpus),
                size_bytes=size,
                pages=spec.pages or SMALL_PAGES,
                file=file,
                node=-1 if spec.node is None else spec.node,
            )
            while not team.prepare(spec.loop.name == CHASE):
                if should_stop():
                    raise StoppedError
        except (OSError, MemoryError) as error:
            mib = size * len(cpus) >> 20
            message = f"no {mib} MiB of {spec.pages or 'memory'} for a probe ({error})"
            raise EnvironmentLacks(message) from error
        yield team


@contextmanager
def _warm_file(size: int, should_stop: Callable[[], bool]) -> Iterator[int]:
    """Give a file without a name in the cache folder, just written, so that its pages are cached.

    Raises:
        OSError: It can't be written.
        EnvironmentLacks: There is too little space.
        StoppedError: Someone asked to stop.
    """
    folder = cache_dir("scratch")
    free = shutil.disk_usage(folder).free
    if free < 2 * size:
        message = (
            f"a mapped file of {size >> 20} MiB needs twice that free on disk, not {free >> 20}"
        )
        raise EnvironmentLacks(message)
    with tempfile.TemporaryFile(dir=folder) as file:
        block = bytes(range(1, 129)) * (WRITE_BYTES // 128)
        for written in range(0, size, WRITE_BYTES):
            if should_stop():
                raise StoppedError
            file.write(block[: size - written])
        file.flush()
        yield file.fileno()


def pages_had(
    wanted: str, extents: Sequence[tuple[int, int]], proc: Path = PROC
) -> tuple[str, str]:
    """Return the kind of pages that memory has, and a note where it is not the wanted kind.

    Args:
        wanted: ``4K``, ``huge`` or ``file``.
        extents: Address and bytes of each part, after it was touched.
        proc: Where procfs is.
    """
    if wanted != HUGE_PAGES:
        return wanted, ""
    part = huge_part(extents, proc)
    if part is None:
        return wanted, "not known whether there were huge pages: smaps can't be read"
    if part >= MOSTLY:
        return wanted, ""
    if part <= HARDLY:
        return SMALL_PAGES, "asked for huge pages, got none"
    return wanted, f"only {part:.0%} in huge pages"


def huge_part(extents: Sequence[tuple[int, int]], proc: Path = PROC) -> float | None:
    """Return the part of memory that is in huge pages, 0 to 1; None where /proc doesn't say."""
    try:
        mappings = read_mappings("self", proc)
    except OSError:
        return None
    inside = [
        each
        for each in mappings
        if any(at < each.end and each.start < at + size for at, size in extents)
    ]
    whole = sum(size for _, size in extents)
    huge = sum(each.huge_bytes for each in inside)
    return min(1.0, huge / whole) if inside and whole else None
