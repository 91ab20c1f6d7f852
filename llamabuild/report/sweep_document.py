"""What the document of a run says about a sweep."""

from __future__ import annotations

from llamabuild.report.formats_document import FormatInfo, FormatsInfo
from llamabuild.types.base import Data


class AxisInfo(Data, frozen=True, kw_only=True):
    """One setting that was varied."""

    name: str
    what: str
    values: tuple[str, ...]


class SweepResult(Data, frozen=True, kw_only=True):
    """One point on one workload."""

    name: str
    unit: str
    median: float | None
    ratio: float | None
    """Of the throughput to that of the first point; None for the first one itself."""
    low: float | None
    high: float | None
    verdict: str
    detectable: float | None
    """Smallest difference (fraction) that this run had an 80 % chance to show."""
    efficiency: float | None
    """Of threads and sequences: speedup over the first point by how many times more there are."""
    peak_rss_bytes: float | None
    first_token_ms: float | None = None
    """Time to the first token, where that is the workload; ``median`` is its inverse, prompt tokens
    a second."""
    acceptance: float | None = None
    """Share of the guessed tokens that the model accepted; None where nothing was guessed."""
    drafted_tokens: float | None = None
    """Tokens that were guessed in one trial, on average."""


class SweepPoint(Data, frozen=True, kw_only=True):
    """One combination of values."""

    variant: str
    values: tuple[str, ...]
    """On each axis; empty is the default."""
    label: str
    status: str
    reason: str
    kv_cache_bytes: int | None
    """Computed from the model's header; None where no axis changes it or it is not known."""
    more_memory_bytes: float | None
    """Peak resident memory beyond the first point's, over all workloads; measured."""
    format: FormatInfo | None = None
    """The model's, where the axis is the format of the weights."""
    workloads: tuple[SweepResult, ...]


class SweepInfo(Data, frozen=True, kw_only=True):
    """A whole sweep."""

    base: str
    """The variant that was run in several ways."""
    axes: tuple[AxisInfo, ...]
    points: tuple[SweepPoint, ...]
    formats: FormatsInfo | None = None
    """Where an axis is the format of the weights."""
    answer: str
    """Which value is best, in a sentence a workload."""
    reasons: tuple[str, ...] = ()
    """Why more threads bring nothing, a sentence a workload; they are among the sentences."""
    sentences: tuple[str, ...]
    """What else it says, such as where threads stop to pay and why."""
