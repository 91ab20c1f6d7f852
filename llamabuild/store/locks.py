"""Locks: one build of an id, one measurement on a machine at a time; who uses the cache."""

from __future__ import annotations

import fcntl
import socket
import struct
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from llamabuild.errors import MeasurementRunning

from .paths import cache_dir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MEASUREMENT_NAME = "\0llamabuild-measurement"
"""In Linux's abstract socket namespace: seen by all users, no file, gone with its process."""
PATIENCE_SECONDS = 0.2
IN_USE = "cache-in-use"


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
def free_locks(prefixes: Iterable[str]) -> Iterator[bool]:
    """Hold all locks whose names begin so; yield False, holding none, if someone has one."""
    with ExitStack() as held:
        for prefix in prefixes:
            for path in sorted(cache_dir("locks").glob(f"{prefix}*.lock")):
                try:
                    held.enter_context(FileLock(path).acquire(timeout=0))
                except Timeout:
                    held.close()
                    yield False
                    return
        yield True


@contextmanager
def cache_in_use(on_wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Keep what lies in the cache from being cleaned away; any number of processes may."""
    with (cache_dir("locks") / IN_USE).open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            if on_wait is not None:
                on_wait()
            fcntl.flock(file, fcntl.LOCK_SH)
        yield


@contextmanager
def cache_alone() -> Iterator[None]:
    """Have the cache for oneself, to clean it.

    Raises:
        MeasurementRunning: A build or a measurement uses it.
    """
    with (cache_dir("locks") / IN_USE).open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            message = "the cache is in use: a build or a measurement is running"
            raise MeasurementRunning(message, "wait for it to finish, then try again") from error
        yield


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
