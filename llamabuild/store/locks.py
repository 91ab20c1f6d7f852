"""Locks: one build of an id at a time, one measurement on a machine at a time."""

from __future__ import annotations

import socket
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from llamabuild.errors import MeasurementRunning

from .paths import cache_dir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MEASUREMENT_NAME = "\0llamabuild-measurement"
"""In Linux's abstract socket namespace: seen by all users, no file, gone with its process."""
PATIENCE_SECONDS = 0.2


@contextmanager
def named_lock(name: str, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold a lock of the cache; wait for whoever holds it, after telling ``on_wait`` once.

    The operating system drops the lock when its process ends, however it ends.
    """
    lock = FileLock(cache_dir("locks") / f"{name}.lock")
    try:
        lock.acquire(timeout=PATIENCE_SECONDS)
    except Timeout:
        if on_wait is not None:
            on_wait()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def measurement_lock() -> Iterator[None]:
    """Hold this machine for one measurement.

    Containers with their own network namespace do not see each other's lock.

    Raises:
        MeasurementRunning: Another process of this machine measures now.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as held:
        try:
            held.bind(MEASUREMENT_NAME)
        except OSError as error:
            message = f"another measurement is running on this machine{_holder()}"
            raise MeasurementRunning(message, "wait for it to finish, then try again") from error
        held.listen()
        yield


def _holder() -> str:
    """Which process holds the machine, as far as the kernel tells us."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        try:
            asking.settimeout(1.0)
            asking.connect(MEASUREMENT_NAME)
            credentials = asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        except OSError:
            return ""
        pid, _, _ = struct.unpack("3i", credentials)
    return f" (process {pid})"
