"""A run of ``kernels`` for people: a line for each format and place, one for the probes."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import click

from llamabuild.types.kernels import OURS

from .tables import print_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from llamabuild.types.kernels import KernelResult, KernelRun, Probe

HEADERS = (
    "format",
    "weights in",
    "threads",
    "columns",
    "fastest of ours",
    "fastest of ggml's",
    "times ggml's",
    "cycles/256",
    "GB/s",
    "of its bound",
)


def print_run(run: KernelRun) -> None:
    """Print what was measured."""
    rows = [_line(list(rows)) for _, rows in groupby(_timed(run), key=_group)]
    if rows:
        print_table(HEADERS, rows)
        click.echo(
            f"times ggml's: [{run.level:.0%} interval] of each by itself, {run.rounds} rounds"
        )
    if run.probes:
        click.echo(_probes(run.probes))
    if run.clock:
        click.echo(f"clock: {run.clock.hz / 1e9:.2f} GHz")
    for row in run.kernels:
        if row.status in {"wrong", "failed", "missing"}:
            click.echo(f"{row.status}: {row.by} {row.function or row.format}: {row.reason}")
    if lacking := sorted({row.isa for row in run.kernels if row.status == "unsupported"}):
        click.echo(f"not on this CPU: {', '.join(lacking)}")
    for note in run.notes:
        click.echo(f"note: {note}")


def _timed(run: KernelRun) -> list[KernelResult]:
    return sorted((r for r in run.kernels if r.ns_per_256 is not None), key=_group)


def _group(row: KernelResult) -> tuple[str, int, int, int]:
    places = ("L1", "L2", "L3", "memory")
    return row.format, row.columns, places.index(row.residence), row.threads


def _line(rows: Sequence[KernelResult]) -> list[str]:
    ours = _fastest(row for row in rows if row.by == OURS)
    theirs = _fastest(row for row in rows if row.by != OURS)
    row = ours or theirs
    assert row is not None
    return [
        row.format,
        row.residence,
        str(row.threads),
        str(row.columns),
        f"{ours.shape} {ours.isa}" if ours else "",
        f"{_path(theirs)} ({theirs.by.partition(':')[2]})" if theirs else "",
        _ratio(ours) if ours else "",
        f"{row.cycles_per_256:.1f}" if row.cycles_per_256 else "",
        f"{row.bytes_per_second / 1e9:.1f}" if row.bytes_per_second else "",
        f"{row.share_of_bound:.0%} {row.bound}" if row.share_of_bound else "",
    ]


def _fastest(rows: Iterable[KernelResult]) -> KernelResult | None:
    return min(rows, key=lambda row: row.ns_per_256 or 0.0, default=None)


def _path(row: KernelResult) -> str:
    return row.shape if row.function.startswith(f"ggml_{row.shape}_") else row.function


def _ratio(row: KernelResult) -> str:
    if row.ratio is None:
        return ""
    interval = f" [{row.low:.2f}, {row.high:.2f}]" if row.low and row.high else ""
    return f"{row.ratio:.2f}{interval}"


def _probes(probes: Sequence[Probe]) -> str:
    """Return the best of each kind in one line."""
    most = max(probe.threads for probe in probes)
    parts = []
    for place in ("L1", "L2", "L3", "memory"):
        read = [p.value for p in probes if p.name == "read" and p.residence == place]
        if read:
            parts.append(f"read {place} {max(read) / 1e9:.0f} GB/s")
    chase = [p for p in probes if p.kind == "latency" and p.residence == "memory"]
    if chase:
        parts.append(f"latency {min(p.value for p in chase):.0f} ns")
    for name in ("int8", "f32"):
        peak = [p.value for p in probes if p.name == name]
        if peak:
            parts.append(f"{name} {max(peak) / 1e9:.0f} Gop/s")
    return f"probes (up to {most} threads): {', '.join(parts)}"
