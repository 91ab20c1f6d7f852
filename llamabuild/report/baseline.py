"""``baseline``: one build, trial by trial, and the machine that it ran on."""

from __future__ import annotations

import io
import math
import statistics
from typing import TYPE_CHECKING, NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from llamabuild.report import numbers
from llamabuild.report.material import left_out, tokens_per_second
from llamabuild.report.portable import clean
from llamabuild.report.sections.machine import facts
from llamabuild.types.base import Data
from llamabuild.types.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llamabuild.report.material import Material
    from llamabuild.types.run import Trial, Workload

SCHEMA = "llamabuild.baseline/1"
LEVEL = 0.95
WIDTH = 100


class TrialRow(Data, frozen=True, kw_only=True):
    """One process of llama-bench; without figures where it failed."""

    trial: int
    """From 1; the same number on all workloads is the same block."""
    status: str
    """``ok``, or as llama-bench failed."""
    milliseconds: float | None
    """For all tokens of the workload: median over the process's repetitions."""
    tokens_per_second: float | None
    peak_rss_bytes: int | None


class BaselineWorkload(Data, frozen=True, kw_only=True):
    """All trials of one workload, and what they have in common.

    ``low`` and ``high`` bound the mean of such trials with 95 % confidence (Student's t); they and
    the standard deviations between trials are None with fewer than two trials.
    """

    name: str
    kind: str
    tokens: int
    trials: tuple[TrialRow, ...]
    mean_milliseconds: float | None
    deviation_milliseconds: float | None
    low_milliseconds: float | None
    high_milliseconds: float | None
    mean_tokens_per_second: float | None
    deviation_tokens_per_second: float | None
    low: float | None
    high: float | None
    peak_rss_bytes: int | None


class BaselineDocument(Data, frozen=True, kw_only=True):
    """How fast one build is here."""

    schema: str
    run: str
    variant: str
    model: str
    threads: int
    discarded: int
    """Blocks that do not count, because other programs disturbed them."""
    machine: Machine
    workloads: tuple[BaselineWorkload, ...]


def baseline_document(material: Material) -> BaselineDocument:
    """Return the trials of a run's baseline; warm-up, discarded blocks and A′ are left out."""
    run = material.run
    skipped = left_out(run)
    own = [t for t in material.trials if t.arm == run.baseline and t.block not in skipped]
    blocks = {block: n for n, block in enumerate(sorted({t.block for t in own}), 1)}
    printed = [n for t in own if isinstance(n := t.output.get("n_threads"), int)]
    return BaselineDocument(
        schema=SCHEMA,
        run=run.id,
        variant=clean(run.baseline),
        model=f"{clean(run.model.name)} {clean(run.model.quantization)}".strip(),
        threads=printed[0] if printed else run.threads,  # a variant may have a count of its own
        discarded=len(run.discarded),
        machine=run.machine,
        workloads=tuple(
            _workload(workload, [t for t in own if t.workload == workload.name], blocks)
            for workload in run.workloads
        ),
    )


def _workload(
    workload: Workload, trials: Sequence[Trial], blocks: Mapping[int, int]
) -> BaselineWorkload:
    rows = tuple(_row(blocks[trial.block], trial) for trial in trials)
    times = [row.milliseconds for row in rows if row.milliseconds is not None]
    speeds = [row.tokens_per_second for row in rows if row.tokens_per_second is not None]
    time, speed = _spread(times), _spread(speeds)
    peaks = [row.peak_rss_bytes for row in rows if row.peak_rss_bytes is not None]
    return BaselineWorkload(
        name=workload.name,
        kind=workload.kind,
        tokens=workload.tokens,
        trials=rows,
        mean_milliseconds=time.mean,
        deviation_milliseconds=time.deviation,
        low_milliseconds=time.low,
        high_milliseconds=time.high,
        mean_tokens_per_second=speed.mean,
        deviation_tokens_per_second=speed.deviation,
        low=speed.low,
        high=speed.high,
        peak_rss_bytes=max(peaks, default=None),
    )


def _row(number: int, trial: Trial) -> TrialRow:
    speed = tokens_per_second(trial)
    return TrialRow(
        trial=number,
        status=trial.status,
        milliseconds=None if speed is None else trial.tokens / speed * 1e3,
        tokens_per_second=speed,
        peak_rss_bytes=trial.state.peak_rss_bytes if trial.state else None,
    )


class _Spread(NamedTuple):
    mean: float | None = None
    deviation: float | None = None
    low: float | None = None
    high: float | None = None


def _spread(values: Sequence[float]) -> _Spread:
    """Return mean, standard deviation, and the mean's interval by Student's t."""
    if len(values) < 2:  # noqa: PLR2004 - no deviation of one value
        return _Spread(*values)
    from scipy.stats import t  # noqa: PLC0415 - slow to load

    mean, deviation = statistics.fmean(values), statistics.stdev(values)
    reach = float(t.ppf((1 + LEVEL) / 2, len(values) - 1)) * deviation / math.sqrt(len(values))
    return _Spread(mean, deviation, mean - reach, mean + reach)


def render_baseline(document: BaselineDocument) -> str:
    """Return the trials and the system as plain text."""
    console = Console(file=io.StringIO(), width=WIDTH, color_system=None)
    threads = numbers.count(document.threads, "thread")
    with console.capture() as captured:
        console.print(Text(f"{document.variant}: {document.model}, {threads}"))
        console.print(_trials_table(document))
        for workload in document.workloads:
            console.print(Text(trials_summary(workload)))
        if document.discarded:
            blocks = numbers.count(document.discarded, "block")
            console.print(Text(f"{blocks} left out: other programs used the machine meanwhile"))
        console.print()
        grid = Table.grid(padding=(0, 2))
        for name, value in facts(document.machine):
            grid.add_row(Text(name, style="bold"), Text(value))
        console.print(grid)
    return "\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n"


def _trials_table(document: BaselineDocument) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for header in trial_headers(document):
        table.add_column(header, justify="right")
    for cells in trial_cells(document):
        table.add_row(*map(Text, cells))
    return table


def trial_headers(document: BaselineDocument) -> tuple[str, ...]:
    """Return the heads of the table of trials."""
    heads = ["trial"]
    for workload in document.workloads:
        heads += [f"{workload.name} (ms)", "tokens/s", "peak memory"]
    return tuple(heads)


def trial_cells(document: BaselineDocument) -> list[tuple[str, ...]]:
    """Return one row a trial, all workloads beside each other."""
    rows = []
    for number in range(1, max((len(w.trials) for w in document.workloads), default=0) + 1):
        cells = [str(number)]
        for workload in document.workloads:
            row = next((row for row in workload.trials if row.trial == number), None)
            cells += _cells(row)
        rows.append(tuple(cells))
    return rows


def _cells(row: TrialRow | None) -> list[str]:
    if row is None or row.milliseconds is None:
        return [row.status if row else numbers.MISSING, numbers.MISSING, numbers.MISSING]
    speed = numbers.throughput(row.tokens_per_second)
    return [f"{row.milliseconds:,.1f}", speed, numbers.size(row.peak_rss_bytes)]


def trials_summary(workload: BaselineWorkload) -> str:
    """Say what the trials of a workload have in common."""
    if workload.mean_tokens_per_second is None:
        return f"{workload.name}: no trial could be measured"
    mean = numbers.throughput(workload.mean_tokens_per_second)
    time = f"{workload.mean_milliseconds:,.1f}"
    if workload.low is None or workload.high is None:
        return f"{workload.name}: {mean} tokens/s, {time} ms; one trial: no interval"
    span = f"[{numbers.throughput(workload.low)}, {numbers.throughput(workload.high)}]"
    deviation = numbers.throughput(workload.deviation_tokens_per_second)
    times = f"[{workload.low_milliseconds:,.1f}, {workload.high_milliseconds:,.1f}]"
    return (
        f"{workload.name}: on average {mean} tokens/s {span} and {time} ms {times} (95 % intervals "
        f"of the means); standard deviation {deviation} and {workload.deviation_milliseconds:,.1f}"
    )
