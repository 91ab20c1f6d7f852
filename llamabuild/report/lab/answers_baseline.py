"""Where one stands: trials, machine, limits, counters, and what holds the baseline back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabuild.report import numbers
from llamabuild.report.baseline import (
    baseline_document,
    trial_cells,
    trial_headers,
    trials_summary,
)
from llamabuild.report.lab.document import Figure, Found
from llamabuild.report.lab.doubt import probe_doubt
from llamabuild.report.profile_words import (
    all_rates,
    hot_sentence,
    miss_rows,
    rate_title,
    rate_value,
    simulation_sentence,
    top_functions,
)
from llamabuild.report.sections.machine import facts

if TYPE_CHECKING:
    from llamabuild.report.lab.material import LabMaterial
    from llamabuild.types.profile import Rate, WorkloadProfile

MOST_ROWS = 6
MISSES = "misses"
"""The part that simulates caches, on a model that this can be waited for."""
SIMULATED = "simulated"


def trials(lab: LabMaterial, part: str) -> Found:
    """Return the table of trials."""
    document = baseline_document(lab.runs[part])
    if all(workload.mean_tokens_per_second is None for workload in document.workloads):
        return Found(reason="no trial of it counts")
    said = "; ".join(f"`{w.name}`{trials_summary(w)[len(w.name) :]}" for w in document.workloads)
    peaks = [w.peak_rss_bytes for w in document.workloads if w.peak_rss_bytes]
    memory = f" Peak memory: {numbers.size(max(peaks))}." if peaks else ""
    figures = tuple(
        Figure(
            label=workload.name,
            value=workload.mean_tokens_per_second,
            low=workload.low,
            high=workload.high,
            unit="tokens/s",
        )
        for workload in document.workloads
        if workload.mean_tokens_per_second is not None
    )
    return Found(
        text=f"`{document.variant}` with {numbers.count(document.threads, 'thread')}: "
        f"{said}.{memory}",
        headers=trial_headers(document),
        rows=tuple(trial_cells(document)),
        figures=figures,
        plots=("trials",),
    )


def system(lab: LabMaterial, _part: str) -> Found:
    """Return the table of the machine."""
    machine = lab.record.machine
    return Found(
        text=f"{machine.cpu.brand}, {numbers.count(machine.usable_threads, 'usable thread')}, "
        f"{numbers.binary_size(machine.memory_bytes)} of memory.",
        headers=("what", "value"),
        rows=tuple(facts(machine)),
    )


def roofline(lab: LabMaterial, part: str) -> Found:
    """Return each workload's share of its bound."""
    document = lab.runs[part].document
    own = [share for share in document.roofline.shares if share.variant == document.baseline]
    if not own:
        return Found(reason=document.roofline.missing or "no bound is known of this model")
    words = [
        f"`{share.workload}` reaches {numbers.part(share.share)} of its bound ({share.verdict})"
        for share in own
    ]
    doubt = probe_doubt(lab)
    advice = dict.fromkeys(share.advice for share in own if share.advice)
    return Found(
        text=numbers.sentence(" and ".join(words)),
        notes=(doubt,) if doubt else tuple(advice),
        figures=tuple(
            Figure(label=share.workload, value=share.share, unit="of the bound") for share in own
        ),
        plots=("roofline",),
    )


def rates(lab: LabMaterial, part: str) -> Found:
    """Return IPC and miss rates, counted where that can be done, else simulated."""
    found = _profiled(lab, part)
    rows = [
        (model, _simulated_workload(each, rate), rate_title(rate), rate_value(rate), rate.basis)
        for model, each in found
        for rate in all_rates(each)
    ]
    reasons = [reason for _, each in found for reason in (each.counters.reason, each.reason)]
    missing = dict.fromkeys(filter(None, reasons))
    if not rows:
        return Found(reason=numbers.sentence("; ".join(missing) or "nothing was counted"))
    counted = any(each.rates for _, each in found)
    how = "Counted by the CPU" if counted else "Misses are simulated by valgrind"
    ipc = next((row for row in rows if "instructions per cycle" in row[2].casefold()), None)
    first = (
        f"{ipc[2]} {ipc[3]} at {ipc[1]}"
        if ipc
        else "instructions per cycle can't be measured here: their counters can't be read"
    )
    simulated = [f"{model}: {simulation_sentence(each.simulation)}" for model, each in found
                 if each.simulation and each.simulation.tool]  # fmt: skip
    notes = [*missing, *dict.fromkeys(simulated)]
    return Found(
        text=f"{how}; {first}.",
        headers=("model", "workload", "rate", "value", "from"),
        rows=tuple(rows),
        notes=tuple(map(numbers.sentence, notes)),
    )


def _profiled(lab: LabMaterial, part: str) -> list[tuple[str, WorkloadProfile]]:
    """Return what was profiled, by model: of the part, and of the one that simulates."""
    names = [name for name in dict.fromkeys((part, MISSES)) if name in lab.profiles]
    profiles = [lab.profiles[name] for name in names]
    return [(profile.model.name, each) for profile in profiles for each in profile.workloads]


def _simulated_workload(found: WorkloadProfile, rate: Rate) -> str:
    """A simulated workload is a shorter one than that which was counted and sampled."""
    if rate.origin == SIMULATED and found.simulation is not None:
        return found.simulation.workload
    return found.workload


def hot_functions(lab: LabMaterial, part: str) -> Found:
    """Return the functions in which the time goes."""
    rows = []
    said = []
    for each in lab.profiles[part].workloads:
        hot = each.hot[0] if each.hot else None
        if hot is None or not hot.samples:
            continue
        said.append(f"`{each.workload}`: {hot_sentence(hot)}")
        rows += [(each.workload, *row) for row in top_functions(hot)[:MOST_ROWS]]
    if not rows:
        return Found(reason="nothing was sampled")
    return Found(
        text=numbers.sentence(". ".join(said)),
        headers=("workload", "function", "share of the time", "library"),
        rows=tuple(rows),
        plots=("flame",),
    )


def bound(lab: LabMaterial, part: str) -> Found:
    """Return what the roofline, counters and simulation say, and whether they agree."""
    found = _profiled(lab, part)
    several = len({model for model, _ in found}) > 1
    rows = [
        (model, each.workload, opinion.source, opinion.verdict, opinion.rule)
        for model, each in found
        for opinion in each.verdict.opinions
    ]
    said = [
        f"`{each.workload}`{f' of {model}' if several else ''}: {each.verdict.sentence}"
        for model, each in found
        if each.verdict.sentence
    ]
    if not rows:
        return Found(reason=numbers.sentence("; ".join(said)) or "neither probes nor counters")
    return Found(
        text=" ".join(map(numbers.sentence, said)),
        headers=("model", "workload", "by", "verdict", "rule"),
        rows=tuple(rows),
    )


def worst_misses(lab: LabMaterial, part: str) -> Found:
    """Return the functions that miss the cache most, sampled where counters are, else simulated."""
    rows = []
    ways: list[str] = []
    for each in lab.profiles[part].workloads:
        way, found = miss_rows(each)
        ways += [way] if found else []
        simulated = each.simulation if SIMULATED in way else None
        name = simulated.workload if simulated else each.workload
        rows += [
            (name, row.function, numbers.percent(row.share), row.detail)
            for row in found[:MOST_ROWS]
        ]
    if not rows:
        return Found(reason=_why_no_misses(lab.profiles[part].workloads))
    how = [simulation_sentence(each.simulation) for each in lab.profiles[part].workloads
           if each.simulation and each.simulation.tool]  # fmt: skip
    return Found(
        text=f"{rows[0][1]} with {rows[0][2]} at {rows[0][0]} ({ways[0]}).",
        headers=("workload", "function", "share of the misses", "detail"),
        rows=tuple(rows),
        notes=tuple(map(numbers.sentence, dict.fromkeys(how))),
    )


def _why_no_misses(found: tuple[WorkloadProfile, ...]) -> str:
    reasons = [simulation_sentence(each.simulation) for each in found if each.simulation]
    return numbers.sentence("; ".join(dict.fromkeys(reasons))) or "nothing was counted or simulated"
