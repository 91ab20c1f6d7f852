"""A run of ``kernels`` as Markdown, for pasting into an issue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.report import numbers
from llamabuild.report.kernel_answer import kernel_answer
from llamabuild.report.kernel_sections.tables import probe_value
from llamabuild.report.markdown import escape, row_line

if TYPE_CHECKING:
    from llamabuild.report.kernel_material import Duel, KernelMaterial
    from llamabuild.types.kernels import Probe

HEADER = ("format", "in", "threads", "ours", "ns / 256", "GB/s", "of the bound", "against ggml")
PROBES = ("probe", "in", "threads", "loop", "best")


def render_kernels_markdown(material: KernelMaterial) -> str:
    """Return the answer, the fastest kernels, the best probes and how to repeat the run."""
    run = material.run
    lines = [escape(kernel_answer(material).replace("`", "")), ""]
    duels = [duel for duel in material.duels if duel.ours]
    if duels:
        lines += _table(HEADER, [_cells(duel) for duel in duels])
    if run.probes:
        lines += _table(PROBES, [_probe(probe) for probe in best_probes(run.probes)])
    lines += [f"- {escape(note)}" for note in run.notes]
    parts = (
        run.machine.cpu.brand,
        f"llamabuild {run.version}, kernel run {run.id}, seed {run.seed}",
        " ".join(run.command),
    )
    return "\n".join([*lines, "", f"{'; '.join(escape(part) for part in parts)}."]) + "\n"


def best_probes(probes: tuple[Probe, ...]) -> list[Probe]:
    """Return the best of each kind, place and thread count, in their order."""
    best: dict[tuple[str, str, int], Probe] = {}
    for probe in probes:
        key = (probe.name, probe.residence, probe.threads)
        known = best.get(key)
        better = known is None or (
            probe.value < known.value if probe.kind == "latency" else probe.value > known.value
        )
        if better:
            best[key] = probe
    return list(best.values())


def _table(header: tuple[str, ...], rows: list[list[str]]) -> list[str]:
    lines = [row_line(list(header)), row_line(["---"] * len(header))]
    return [*lines, *(row_line([escape(cell) for cell in row]) for row in rows), ""]


def _cells(duel: Duel) -> list[str]:
    row = duel.ours
    assert row is not None
    name = duel.format if duel.columns == 1 else f"{duel.format} × {duel.columns}"
    span = numbers.interval(row.ratio, row.low, row.high)
    speed = numbers.size(row.bytes_per_second)
    return [
        name,
        duel.residence,
        str(duel.threads),
        f"{row.isa} {row.shape}",
        numbers.throughput(row.ns_per_256),
        f"{speed}/s" if row.bytes_per_second else speed,
        f"{numbers.part(row.share_of_bound)} {row.bound}".strip(),
        f"{numbers.ratio(row.ratio, row.low, row.high)} {span}".strip(),
    ]


def _probe(probe: Probe) -> list[str]:
    loop = f"{probe.isa} × {probe.streams}"
    return [probe.name, probe.residence, str(probe.threads), loop, probe_value(probe)]
