"""What a person sees while a lab works: which part this is, and what is left of the budget."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live

from .live import clock
from .live_kernels import KernelNarrator
from .live_optimize import OptimizeNarrator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llamabuild.types.lab import LabPart


@contextmanager
def lab_observers() -> Iterator[tuple[LabNarrator, KernelNarrator]]:
    """Yield the observers of variants and of kernels that suit stderr."""
    console = Console(stderr=True, highlight=False)
    # A terminal has room for one live display: kernels tell of themselves in lines.
    kernels = KernelNarrator(console, None)
    if not console.is_terminal:
        yield LabNarrator(console, None), kernels
        return
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        yield LabNarrator(console, live), kernels


class LabNarrator(OptimizeNarrator):
    """Tells the parts, and within them what each command tells."""

    def part_started(self, title: str, number: int, total: int, seconds: float) -> None:
        """Say which part begins and how long it may take."""
        self.begin_anew()
        self.note(f"part {number} of {total}: {title}, at most about {clock(seconds)}")

    def part_finished(self, title: str, part: LabPart, left_seconds: float) -> None:
        """Say how it ended."""
        why = f" ({part.reason})" if part.reason else ""
        self.note(
            f"{title}: {part.status} in {clock(part.seconds)}{why}; "
            f"{clock(left_seconds)} of the budget left"
        )
