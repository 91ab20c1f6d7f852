"""The result of a run of ``kernels`` in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.report import numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamabuild.report.kernel_material import Duel, KernelMaterial

MEMORY = "memory"
MOST_NAMES = 4


def kernel_answer(material: KernelMaterial) -> str:
    """Return a sentence or two, names in backticks."""
    single = [duel for duel in material.duels if duel.columns == 1 and _ratio(duel)]
    if not single:
        return _limits(material)
    cached = _by_format([duel for duel in single if duel.residence != MEMORY])
    far = _by_format([duel for duel in single if duel.residence == MEMORY], most_threads=True)
    parts = []
    if cached:
        parts.append(f"{_span(cached)} as fast as ggml's best in cache")
    if far:
        threads = numbers.count(max(duel.threads for duel in far), "thread")
        rival = "" if cached else " as ggml's best"
        parts.append(f"{_span(far)} as fast{rival} from memory with {threads}")
    names = sorted({f"`{duel.format}`" for duel in single})
    what = numbers.listing(names) if len(names) <= MOST_NAMES else f"{len(names)} formats"
    return f"Our fastest kernels for {what} are {numbers.listing(parts)}."


def format_sentences(material: KernelMaterial) -> list[str]:
    """Return one sentence a format (and number of columns), names in backticks."""
    found = []
    for name, columns in dict.fromkeys((d.format, d.columns) for d in material.duels):
        mine = [d for d in material.duels if (d.format, d.columns) == (name, columns)]
        parts = [f"{_where(duel)} {_speed(duel)}" for duel in _places(mine) if duel.ours]
        if not parts:
            found.append(f"`{name}`: no kernel of ours ran.")
            continue
        shown = f" at {columns} columns" if columns > 1 else ""
        found.append(f"`{name}`{shown}: {', '.join(parts)}.")
    return found


def _places(duels: Sequence[Duel]) -> list[Duel]:
    """Return the first place in cache with one thread and memory with all of them."""
    cached = [d for d in duels if d.residence != MEMORY and d.ours]
    far = [d for d in duels if d.residence == MEMORY and d.ours]
    shown = [min(cached, key=lambda d: d.threads)] if cached else []
    return shown + ([max(far, key=lambda d: d.threads)] if far else [])


def _where(duel: Duel) -> str:
    place = "from memory" if duel.residence == MEMORY else f"in {duel.residence}"
    return f"{place} with {numbers.count(duel.threads, 'thread')}"


def _speed(duel: Duel) -> str:
    row = duel.ours
    assert row is not None
    details = [f"{row.shape} in {row.isa}"]
    if row.bound:
        details.append(f"{numbers.part(row.share_of_bound)} of the {row.bound} bound")
    span = numbers.interval(row.ratio, row.low, row.high)
    ratio = f"{numbers.ratio(row.ratio, row.low, row.high)} {span}".rstrip()
    return f"{ratio if row.ratio is not None else 'not compared'} ({', '.join(details)})"


def _by_format(duels: Sequence[Duel], *, most_threads: bool = False) -> list[Duel]:
    """Return one duel a format: the smallest place, with one thread or with the most."""
    chosen: dict[str, Duel] = {}
    for duel in duels:
        known = chosen.get(duel.format)
        if known is None or (most_threads and duel.threads > known.threads):
            chosen[duel.format] = duel
    return list(chosen.values())


def _span(duels: Sequence[Duel]) -> str:
    ratios = sorted(_ratio(duel) for duel in duels)
    low, high = numbers.ratio(ratios[0]), numbers.ratio(ratios[-1])
    return low if low == high else f"{low} to {high}"


def _ratio(duel: Duel) -> float:
    return (duel.ours.ratio or 0.0) if duel.ours else 0.0


def _limits(material: KernelMaterial) -> str:
    reads = [p for p in material.run.probes if p.name == "read" and p.residence == MEMORY]
    if not reads:
        return "No kernel of ours could be compared with one of ggml's in this run."
    best = max(reads, key=lambda probe: probe.value)
    threads = numbers.count(best.threads, "thread")
    speed = numbers.size(best.value)
    return f"This machine reads memory at up to {speed}/s with {threads}; no kernel was compared."
