"""What a person sees while an optimization works: the stage, the best so far, the time left."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live

from llamabuild.optimize.evidence import Evidence
from llamabuild.optimize.facts import layout
from llamabuild.optimize.values import effect_of
from llamabuild.report.optimize_document import ratio_text

from .live import Narrator, clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llamabuild.types.optimization import Optimization


@contextmanager
def optimize_observer() -> Iterator[OptimizeNarrator]:
    """Yield the observer that suits stderr."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield OptimizeNarrator(console, None)
        return
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        yield OptimizeNarrator(console, live)


class OptimizeNarrator(Narrator):
    """Tells the stages, and between them what each run tells."""

    def stage(self, record: Optimization) -> None:
        """Say what is known after a stage, or what begins."""
        left = max(0.0, record.budget_seconds - record.spent_seconds)
        if not record.stages:
            choices = sum(len(lever.choices) for lever in record.levers)
            self.note(
                f"optimization {record.id}: {choices} choices of {len(record.levers)} levers, "
                f"goal '{record.goal}', {clock(left)} left"
            )
            return
        done = record.stages[-1]
        self.note(f"stage '{done.name}' is done: best so far {_best(record)}; {clock(left)} left")


def _best(record: Optimization) -> str:
    """The configuration with the best estimate of the last stage, with its interval."""
    weights = layout().goals[record.goal]
    evidence = Evidence(weights, record.workloads)
    evidence.add(record.stages[-1].measurement)
    best = max(evidence.values, key=evidence.estimate, default=())
    if not best or evidence.estimate(best) <= 0:
        return f"{record.base}, the baseline"
    effect = effect_of(evidence.values[best], layout().statistics.alpha)
    return f"{'+'.join([record.base, *best])} {ratio_text(effect)}"
