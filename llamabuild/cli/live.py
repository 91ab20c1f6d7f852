"""What a person sees while the main job works: a live display, or plain lines off a terminal."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from llamabuild.pipeline.observer import Observer

from .live_table import ratio_line, ratio_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from llamabuild.build import BuildEstimate
    from llamabuild.types.comparison import ComparisonSet
    from llamabuild.types.run import Arm, Run, Trial

PLAIN_INTERVAL_SECONDS = 15.0


@contextmanager
def observer() -> Iterator[Narrator]:
    """Yield the observer that suits stderr."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield Narrator(console, None)
        return
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        yield Narrator(console, live)


class Narrator(Observer):
    """Tells the story: lines that stay, and below them what is going on right now."""

    def __init__(self, console: Console, live: Live | None) -> None:
        self._console = console
        self._live = live
        self._doing = ""
        self._started = self._stage_started = self._began = time.monotonic()
        self._step = self._first_step = 0
        self._last_plain = 0.0
        self._remaining_seconds = 0.0
        self._estimate_seconds = 0.0
        self._table: RenderableType = Text("")
        self._looks: tuple[int, ...] = ()
        self._counted = 0
        self._measured_blocks = 0
        self._measured_seconds = 0.0
        self._trials_of_block = 0

    def begin_anew(self) -> None:
        """Forget the blocks of the run before: another one begins."""
        self._table, self._looks = Text(""), ()
        self._counted = self._measured_blocks = self._trials_of_block = 0
        self._measured_seconds = 0.0

    def note(self, message: str) -> None:
        """Print a line that stays."""
        line = Text(f"[{clock(time.monotonic() - self._began)}] {message}")
        self._console.print(line, soft_wrap=True)

    def planned(self, estimates: Sequence[BuildEstimate]) -> None:
        """Say how much there is to build."""
        todo = [e for e in estimates if e.seconds]
        self._remaining_seconds = sum(e.seconds for e in todo)
        if todo:
            about = clock(self._remaining_seconds)
            table = sum(e.basis == "table" for e in todo)
            basis = "by earlier builds here" if not table else "by a table, not by builds here"
            if 0 < table < len(todo):
                basis = f"by earlier builds here, {table} of them by a table"
            self.note(f"{len(todo)} of {len(estimates)} variants to build, about {about} ({basis})")

    def build_started(self, number: int, total: int, estimate: BuildEstimate) -> None:
        """Show which build this is."""
        self._doing = f"build {number}/{total}: {estimate.plan.variant} ({estimate.compiles})"
        self._started = self._stage_started = time.monotonic()
        self._step = self._first_step = 0
        self._remaining_seconds -= estimate.seconds
        self._estimate_seconds = estimate.seconds
        self.note(self._doing)

    def build_step(self, done: int, total: int) -> None:
        """Show the compiler's progress and when all builds will be done."""
        now = time.monotonic()
        if done < self._step:  # what was instrumented and trained is compiled again, with a profile
            self._stage_started, self._first_step = now, done
        self._step = done
        elapsed = now - self._started
        left = max(self._estimate_seconds - elapsed, 0.0)
        if done > self._first_step + 3:  # before, a step is too long or too short
            pace = (now - self._stage_started) / (done - self._first_step)
            left = pace * (total - done)
        self._show(
            f"{self._doing}: step {done}/{total}, {clock(elapsed)} elapsed, "
            f"about {clock(left + max(self._remaining_seconds, 0))} left for all builds"
        )

    def build_finished(self, arm: Arm) -> None:
        """Say how it ended."""
        if arm.build is None:
            self.note(f"{arm.name}: {arm.reason}")
        elif not arm.build_cached:
            compiled = arm.build.compiled - max(arm.build.cache_hits, 0)
            size = arm.build.size_bytes / 1e6
            self.note(
                f"{arm.name}: built in {clock(arm.build.seconds)}, "
                f"{compiled} files compiled, {size:.1f} MB"
            )

    def inspected(self, arm: Arm) -> None:
        """Say what the machine code holds."""
        highest = ", ".join(sorted({i.highest for i in arm.inspections}))
        broken = [e.reason for e in arm.expectations if not e.passed]
        verdict = f"NOT as promised: {broken[0]}" if broken else "as promised"
        self.note(f"{arm.name}: highest SIMD {highest}, {verdict if arm.expectations else 'read'}")

    def checked(self, arm: Arm) -> None:
        """Say whether it computes the same."""
        found = arm.equivalence
        if found.mean_kl_divergence is not None and found.verdict == "same":
            self.note(
                f"{arm.name}: same output (KL divergence {found.mean_kl_divergence:.1e}, "
                f"top token {found.top_token_agreement or 0:.1%})"
            )
        elif found.verdict != "baseline":
            self.note(f"{arm.name}: {arm.reason or found.reason}")

    def measuring(self, run: Run, stored: int) -> None:
        """Say how the measurement is laid out."""
        self._started = time.monotonic()
        self._looks = run.schedule.looks
        names = ", ".join(w.name for w in run.workloads)
        looks = " or ".join(str(look) for look in run.schedule.looks)
        more = f", {stored} trials are stored already" if stored else ""
        self.note(
            f"measuring {names} with {run.threads} threads: {looks} blocks in random order, "
            f"seed {run.schedule.seed}{more}"
        )

    def trial(self, trial: Trial, number: int, total: int) -> None:
        """Show the progress inside the block."""
        self._trials_of_block += 1
        if trial.status != "ok":
            self.note(f"{trial.arm} {trial.workload}: {trial.status}: {trial.error}")
        self._show(
            f"block {trial.block + 1}, trial {number}/{total}, "
            f"{clock(time.monotonic() - self._started)} elapsed{self._eta()}"
        )

    def block(self, comparisons: ComparisonSet, block: int, discarded: str) -> None:
        """Show ratios and intervals as they stand; off a terminal in one line a block."""
        measured, self._trials_of_block = self._trials_of_block > 0, 0
        self._counted = comparisons.blocks
        if measured:
            self._measured_blocks += 1
            self._measured_seconds = time.monotonic() - self._started
        if discarded:
            self.note(f"block {block + 1} does not count: {discarded}")
        self._table = ratio_table(comparisons)
        if self._live is not None:
            self._show(f"block {block + 1} is complete{self._eta()}")
        # A resumed run passes through its stored blocks again: they were told before.
        elif comparisons.blocks and measured:
            so_far = ratio_line(comparisons)
            line = f"block {block + 1}, {self._counted} counted{self._eta()}"
            self.note(f"{line}: {so_far}" if so_far else line)

    def stopping(self) -> None:
        """Confirm the first Ctrl-C."""
        self.note("stopping when this step is done; Ctrl-C again stops now")

    def finished(self, run: Run) -> None:
        """Say that it is over."""
        self.note(f"run {run.id} is {run.status}")

    def _eta(self) -> str:
        """Time until the next look, from the blocks so far."""
        if not self._measured_blocks:
            return ""
        each = self._measured_seconds / self._measured_blocks
        ahead = [look - self._counted for look in self._looks]
        left = next((n for n in ahead if n > 0), 0)
        return f", about {clock(each * left)} to the next look" if left else ""

    def _show(self, status: str) -> None:
        if self._live is not None:
            self._live.update(Group(self._table, Text(status)))
        elif time.monotonic() - self._last_plain > PLAIN_INTERVAL_SECONDS:
            self._last_plain = time.monotonic()
            self.note(status)
            sys.stderr.flush()


def clock(seconds: float) -> str:
    """Format a duration as minutes and seconds."""
    minutes, rest = divmod(round(max(seconds, 0)), 60)
    return f"{minutes}:{rest:02d}"
