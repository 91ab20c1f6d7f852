"""What a person sees while kernels are measured: lines off a terminal, a status line on one."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.status import Status
from rich.text import Text

from llamabuild.pipeline.kernels_observer import KernelObserver
from llamabuild.types.kernels import OURS

from .live import clock as minutes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from llamabuild.types.kernels import Clock, KernelResult, KernelRun, Probe

PLAIN_INTERVAL_SECONDS = 15.0


@contextmanager
def kernel_observer() -> Iterator[KernelNarrator]:
    """Yield the observer that suits stderr."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield KernelNarrator(console, None)
        return
    with Status("", console=console) as status:
        yield KernelNarrator(console, status)


class KernelNarrator(KernelObserver):
    """Tells which step this is, what has passed, and what is left."""

    def __init__(self, console: Console, status: Status | None) -> None:
        self._console = console
        self._status = status
        self._began = time.monotonic()
        self._last_plain = 0.0
        self._end = 0.0
        self._probes = 0
        self._groups = 0

    def note(self, message: str) -> None:
        """Print a line that stays."""
        line = Text(f"[{minutes(time.monotonic() - self._began)}] {message}")
        self._console.print(line, soft_wrap=True)

    def started(self, run: KernelRun, probes: int, groups: int, seconds: float) -> None:
        """Say how much there is to do."""
        self._end = time.monotonic() + seconds
        self._probes, self._groups = probes, groups
        for line in run.notes:
            self.note(line)
        self.note(
            f"{probes} probes and {groups} groups of kernels with {run.rounds} rounds in random "
            f"order, seed {run.seed}: about {minutes(seconds)}"
        )

    def clock(self, clock: Clock) -> None:
        """Tell the clock."""
        self.note(f"core clock {clock.hz / 1e9:.2f} GHz")

    def probe(self, probe: Probe, number: int, total: int) -> None:
        """Show the progress."""
        where = f" in {probe.residence}" if probe.residence else ""
        self._show(
            f"step {number} of {total + self._groups}: probe {probe.name}{where}, "
            f"{probe.threads} thread{'s' if probe.threads > 1 else ''}",
            self._end - time.monotonic(),
        )

    def group_started(self, title: str, number: int, total: int, left_seconds: float) -> None:
        """Show the progress."""
        self._show(f"step {self._probes + number} of {self._probes + total}: {title}", left_seconds)

    def group(self, rows: Sequence[KernelResult]) -> None:
        """Tell of kernels that were not timed."""
        for row in rows:
            if row.status != "ok":
                mine = "" if row.by == OURS else f"{row.by} "
                self.note(f"{mine}{row.function}: {row.status}: {row.reason}")

    def stopping(self) -> None:
        """Confirm the first Ctrl-C."""
        self.note("stopping after this round; Ctrl-C again stops now")

    def finished(self, run: KernelRun) -> None:
        """Say that it is over."""
        again = f"python -m llamabuild kernels --show {run.id}"
        self.note(f"kernel run {run.id} is {run.status}; '{again}' prints it again")

    def _show(self, what: str, left_seconds: float) -> None:
        elapsed = minutes(time.monotonic() - self._began)
        left = f"about {minutes(left_seconds)} left"
        if self._status is not None:
            self._status.update(Text(f"{what}, {elapsed} elapsed, {left}"))
        elif time.monotonic() - self._last_plain > PLAIN_INTERVAL_SECONDS:
            self._last_plain = time.monotonic()
            self.note(f"{what}, {left}")
