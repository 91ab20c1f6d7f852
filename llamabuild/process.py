"""The one way to run another program: argv, no shell, and the whole process group ends with us."""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING

from .errors import EnvironmentLacks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from resource import struct_rusage

READ_SIZE = 1 << 16
GRACE_SECONDS = 2.0
PROBE_SECONDS = 10.0
FIRST_LOOK_SECONDS = 0.002
LOOK_SHARE, LOOK_SECONDS = 0.1, 0.25
"""Looks at a running program get rare, not to disturb it: after a tenth of its time so far."""
PROC = Path("/proc")
KEPT_VARIABLES = ("PATH", "HOME", "TMPDIR", "USER")  # ccache hashes LANG: not it


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A program that ran to its end, or was ended."""

    argv: tuple[str, ...]
    returncode: int
    """As :mod:`subprocess` has it: negative is the signal that ended it."""
    stdout: str
    stderr: str
    truncated: bool
    """Output went past the limit and the rest was dropped."""
    timed_out: bool
    wall_seconds: float
    usage: struct_rusage
    """Its ``ru_maxrss`` alone is no measure of the program: Linux counts into it what the process
    was before it became the program, which with vfork is us."""
    peak_rss_bytes: int | None = None
    """Most memory that the program had resident; None if it ended before anyone could look. Of a
    program that had less than this process had, growth in the last tenth of its time, a quarter of
    a second at most, may be missing."""
    stopped: bool = False
    """``until`` asked for its end."""

    @property
    def ok(self) -> bool:
        """The program exited with 0 in time."""
        return self.returncode == 0 and not self.timed_out

    def failure(self) -> str:
        """Say in one clause how it ended, with the last line that it wrote."""
        if self.timed_out:
            how = f"did not finish within {self.wall_seconds:.0f} s"
        elif self.returncode < 0:
            how = f"was ended by {_signal_name(-self.returncode)}"
        else:
            how = f"exited with {self.returncode}"
        tail = (self.stderr.strip() or self.stdout.strip()).splitlines()
        return f"{how}: {tail[-1].strip()}" if tail else how


def _signal_name(number: int) -> str:
    """Name a signal; most real-time ones (35 to 63 on Linux) have none in :mod:`signal`."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


@cache
def parent_death_prefix() -> tuple[str, ...]:
    """Return what lets the kernel end a child when we are killed outright; empty if nothing does.

    util-linux has it from 2.33 on; other programs of that name may not.
    """
    path = shutil.which("setpriv")
    if path is None:
        return ()
    prefix = (path, "--pdeathsig", "TERM", "--")
    try:
        tried = subprocess.run(
            (*prefix, path, "--version"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PROBE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return prefix if tried.returncode == 0 else ()


def tool_path(name: str, remedy: str) -> str:
    """Return the path of a program on PATH.

    Raises:
        EnvironmentLacks: It is not there; ``remedy`` says what to install.
    """
    path = shutil.which(name)
    if path is None:
        message = f"'{name}' was not found on PATH"
        raise EnvironmentLacks(message, remedy)
    return path


def closed_environment() -> dict[str, str]:
    """Return the few variables that builds and measurements take over from the user.

    Nothing else may reach them: ``LD_LIBRARY_PATH`` or ``CC`` would put another library or
    compiler under a variant's name, ``OMP_NUM_THREADS`` would time something else.
    """
    return {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}


def run(
    argv: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    closed: bool = False,
    timeout_seconds: float | None = None,
    output_limit: int = 16 << 20,
    on_line: Callable[[str], None] | None = None,
    log: IO[bytes] | None = None,
    until: Callable[[int], bool] | None = None,
) -> Finished:
    """Run a program to its end.

    Args:
        argv: Program and arguments; never interpreted by a shell.
        cwd: Working directory.
        environment: Added to the present environment.
        closed: Add it to :func:`closed_environment` instead.
        timeout_seconds: After this the whole process group is ended.
        output_limit: Bytes kept of each stream; the rest is read and dropped.
        on_line: Called with each line of stdout as it comes, without the line end.
        log: Receives both streams as they come.
        until: Asked with the process id a few times a second while the program writes or may
            write; True ends the process group.

    Raises:
        EnvironmentLacks: The program cannot be started.

    Whatever ends this call early (an exception in ``on_line``, Ctrl-C) ends the process group.
    """
    begun = time.monotonic()
    deadline = None if timeout_seconds is None else begun + timeout_seconds
    with started(argv, cwd=cwd, environment=environment, closed=closed) as child:
        watch = _Watch(child.pid, until)
        inherited = _peak_rss_bytes(os.getpid()) or 0
        streams = _Streams(child, output_limit, on_line, log)
        in_time = streams.pump(deadline, watch)
        if watch.stopped or not in_time:
            end_group(child.pid)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    return Finished(
        argv=tuple(os.fspath(a) for a in argv),
        returncode=child.returncode,
        stdout=streams.text(0),
        stderr=streams.text(1),
        truncated=streams.truncated,
        timed_out=not in_time,
        wall_seconds=time.monotonic() - begun,
        usage=usage,
        peak_rss_bytes=_peak(watch.peak_rss_bytes, usage.ru_maxrss * 1024, inherited),
        stopped=watch.stopped,
    )


@contextlib.contextmanager
def started(
    argv: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    closed: bool = False,
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program and yield it, both its streams as pipes, for readers with their own loop.

    On leaving, whatever is still running of its process group is ended.

    Raises:
        EnvironmentLacks: The program cannot be started.
    """
    command = (*parent_death_prefix(), *(os.fspath(a) for a in argv))
    try:
        child = subprocess.Popen(
            command,
            cwd=cwd,
            env={**(closed_environment() if closed else os.environ), **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        message = f"cannot start '{command[0]}'"
        raise EnvironmentLacks(message, error.strerror or str(error)) from error
    try:
        yield child
    finally:
        if child.returncode is None:
            end_group(child.pid)
            child.wait()
        for pipe in (child.stdout, child.stderr):
            if pipe is not None:
                pipe.close()


def end_group(pid: int) -> None:
    """End a process group that we started: politely, then for good.

    The leader stays unreaped meanwhile, so its id cannot have passed to anyone else.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        while time.monotonic() < deadline:
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                break
            time.sleep(0.02)
        os.killpg(pid, signal.SIGKILL)


class _Watch:
    """Looks at a running child every so often."""

    def __init__(self, pid: int, until: Callable[[int], bool] | None) -> None:
        self._pid = pid
        self._until = until
        self._pause = FIRST_LOOK_SECONDS
        self._begun = time.monotonic()
        self._next = self._begun + self._pause
        self.peak_rss_bytes: int | None = None
        self.stopped = False

    def look(self) -> float:
        """Look if it is time to; return the seconds until the next look."""
        now = time.monotonic()
        if now >= self._next:
            peak = _peak_rss_bytes(self._pid)
            if peak is not None:
                self.peak_rss_bytes = max(peak, self.peak_rss_bytes or 0)
            self.stopped = self._until is not None and self._until(self._pid)
            often = LOOK_SHARE * (now - self._begun)
            self._pause = min(2 * self._pause, max(often, FIRST_LOOK_SECONDS), LOOK_SECONDS)
            self._next = now + self._pause
        return max(self._next - now, 0.0)


def _peak(seen: int | None, reported: int, inherited: int) -> int | None:
    """Return the most memory that a child had, in bytes; None where nobody knows.

    The kernel's own figure for a child that ended is exact but begins with what its parent had
    at most when it was started: below that only what was seen counts.
    """
    if reported > inherited:
        return max(reported, seen or 0)
    return seen


def _peak_rss_bytes(pid: int) -> int | None:
    """Return what the kernel has as a process's peak; None once it has given up its memory."""
    try:
        status = (PROC / str(pid) / "status").read_bytes()
    except OSError:
        return None
    _, found, rest = status.partition(b"VmHWM:")
    return int(rest.split(maxsplit=1)[0]) * 1024 if found else None


class _Streams:
    """Reads both pipes of a child until they close, keeping a bounded part of each."""

    def __init__(
        self,
        child: subprocess.Popen[bytes],
        limit: int,
        on_line: Callable[[str], None] | None,
        log: IO[bytes] | None,
    ) -> None:
        self._kept = (bytearray(), bytearray())
        self._limit = limit
        self._on_line = on_line
        self._log = log
        self._partial = b""
        self._pid = child.pid
        self.truncated = False
        self._selector = selectors.DefaultSelector()
        for index, pipe in enumerate((child.stdout, child.stderr)):
            assert pipe is not None
            self._selector.register(pipe, selectors.EVENT_READ, index)

    def pump(self, deadline: float | None, watch: _Watch) -> bool:
        """Read until both pipes are closed and the child has ended; False at the deadline.

        Returns early when the watch wants to stop.
        """
        with self._selector as selector:
            while selector.get_map():
                wait = watch.look()
                if watch.stopped:
                    return True
                if deadline is not None:
                    wait = min(wait, deadline - time.monotonic())
                if wait < 0:
                    return False
                for key, _ in selector.select(wait):
                    data = os.read(key.fd, READ_SIZE)
                    if data:
                        self._take(key.data, data)
                    else:
                        selector.unregister(key.fileobj)
        self._lines(b"\n" if self._partial else b"")
        return _wait_for_exit(self._pid, deadline)

    def text(self, index: int) -> str:
        return self._kept[index].decode("utf-8", "replace")

    def _take(self, index: int, data: bytes) -> None:
        if self._log is not None:
            self._log.write(data)
        room = self._limit - len(self._kept[index])
        self.truncated |= len(data) > room
        self._kept[index].extend(data[: max(room, 0)])
        if index == 0:
            self._lines(data)

    def _lines(self, data: bytes) -> None:
        if self._on_line is None:
            return
        *lines, self._partial = (self._partial + data).split(b"\n")
        self._partial = self._partial[-READ_SIZE:]
        for line in lines:
            self._on_line(line.decode("utf-8", "replace"))


def _wait_for_exit(pid: int, deadline: float | None) -> bool:
    """Wait until the child has ended, without reaping it; False at the deadline."""
    if deadline is None:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        return True
    while not os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.01)
    return True
