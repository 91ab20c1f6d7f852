"""The first stage: every lever by itself, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.types.optimization import SCREEN

from .evidence import Evidence
from .facts import layout

if TYPE_CHECKING:
    from .journal import Journal


def screen(journal: Journal) -> Evidence:
    """Measure every choice alone against the baseline.

    Raises:
        LlamabuildError: As :meth:`~.journal.Journal.measure`.
    """
    record, shares, counts = journal.record, layout().shares, layout().counts
    base = record.build_seconds.get("", 0.0)
    measurement = journal.measure(
        SCREEN,
        [(part,) for lever in record.levers for part in lever.choices],
        kinds=tuple(journal.weights),
        blocks=(counts.screen_least, counts.screen_most),
        until=base + shares.screen * (record.budget_seconds - base),
    )
    evidence = Evidence(journal.weights, record.workloads)
    evidence.add(measurement)
    return evidence
