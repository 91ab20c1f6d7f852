"""Recommendations for production, each derived by a stated rule from a stored measurement."""

from __future__ import annotations

import statistics
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import msgspec

from llamabuild.report import numbers
from llamabuild.report.baseline import baseline_document
from llamabuild.report.lab.document import Recommendation
from llamabuild.report.optimize_document import ratio_text
from llamabuild.types.base import Data
from llamabuild.types.comparison import FASTER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llamabuild.report.lab.material import LabMaterial
    from llamabuild.report.material import Material
    from llamabuild.report.sweep_document import SweepInfo, SweepPoint

THREADS, MEMORY, QUANTIZATION = "threads", "memory", "quantization"
HARDWARE, MONITORING, CONFIGURATION = "hardware", "monitoring", "configuration"
SERVER = {"tg": "--threads", "pp": "--threads-batch"}
"""Options of llama-server."""
DEFAULT = "default"
HUGE = ("hugealloc", "glibc-hugepages", "mimalloc", "jemalloc")


class _Facts(Data, frozen=True, kw_only=True, forbid_unknown_fields=True):
    spare_memory: float
    alarm_deviations: float
    rules: dict[str, str]


@cache
def facts() -> _Facts:
    """Return ``rules.toml``."""
    text = files(__package__).joinpath("rules.toml").read_text(encoding="utf-8")
    return msgspec.toml.decode(text, type=_Facts)


def recommendations(lab: LabMaterial) -> tuple[Recommendation, ...]:
    """Return those that the lab's measurements support."""
    ways = (_configuration, _threads, _pinning, _memory, _quantization, _hardware, _monitoring)
    return tuple(each for way in ways for each in way(lab))


def _made(topic: str, rule: str, text: str, evidence: str, run: str) -> Recommendation:
    return Recommendation(
        topic=topic, text=text, rule=facts().rules[rule], evidence=evidence, run=run
    )


def _configuration(lab: LabMaterial) -> Iterator[Recommendation]:
    document = lab.challenge
    if document is None or document.run.status != "done":
        return
    run = document.run.id
    if not document.accepted:
        text = f"Stay with `{document.base}` and its defaults: nothing was shown to be faster."
        yield _made(CONFIGURATION, "configuration", text, document.answer, run)
        return
    reached = numbers.listing([f"{ratio_text(r.effect)} at {r.workload}" for r in document.reached])
    text = (
        f"Run `{document.final}`: `python -m llamabuild optimize` has its build commands, command "
        "lines, systemd unit and Dockerfile in the folder `deploy` of its report."
    )
    yield _made(CONFIGURATION, "configuration", text, f"{reached} of `{document.base}`", run)
    if any(name in document.final for name in HUGE):
        text = (
            "Watch the share of the weights on huge pages after each start: "
            "`grep AnonHugePages /proc/PID/smaps_rollup`."
        )
        yield _made(MONITORING, "huge-pages", text, f"`{document.final}` rests on them", run)


def _threads(lab: LabMaterial) -> Iterator[Recommendation]:
    material = lab.runs.get("threads")
    info = material.document.sweep if material else None
    if material is None or info is None:
        return
    words, evidence = [], []
    for place, load in enumerate(material.document.run.workloads):
        chosen = smallest_as_good(info, place)
        if chosen is None or load.kind not in SERVER:
            continue
        words.append(f"`{SERVER[load.kind]} {chosen.label}`")
        speed = numbers.throughput(chosen.workloads[place].median)
        evidence.append(f"{load.name} {speed} tokens/s with {chosen.label}")
    if words:
        text = f"Start llama-server with {numbers.listing(words)}."
        yield _made(THREADS, "threads", text, "; ".join(evidence), material.run.id)
    quota = lab.record.machine.quota_cpus
    if quota is not None:
        text = f"Keep threads within the quota of {quota:g} CPUs; watch `nr_throttled` in cpu.stat."
        yield _made(MONITORING, "quota", text, f"a quota of {quota:g} CPUs", material.run.id)


def smallest_as_good(info: SweepInfo, place: int) -> SweepPoint | None:
    """Return the smallest count of threads whose interval reaches that of the best by its median.

    The first point is what the others are compared with: its ratio is 1.
    """
    measured = [p for p in info.points if p.workloads and p.workloads[place].median is not None]
    if not measured:
        return None
    best = max(measured, key=lambda point: point.workloads[place].median or 0.0)
    floor = best.workloads[place].low if best is not info.points[0] else 1.0
    for point in measured:
        result = point.workloads[place]
        reach = 1.0 if point is info.points[0] else result.high
        if point is best or (floor is not None and reach is not None and reach >= floor):
            return point
    return best


def _pinning(lab: LabMaterial) -> Iterator[Recommendation]:
    material = lab.runs.get("affinity")
    info = material.document.sweep if material else None
    if material is None or info is None or len(info.points) < 2:  # noqa: PLR2004 - no choice
        return
    shown = [p for p in info.points[1:] if any(r.verdict == FASTER for r in p.workloads)]
    text = "Leave threads where the system puts them."
    if shown:
        best = max(shown, key=lambda p: sum(r.ratio or 0.0 for r in p.workloads))
        text = f"Bind threads: `{best.label}`."
    yield _made(THREADS, "pinning", text, info.answer, material.run.id)


def _memory(lab: LabMaterial) -> Iterator[Recommendation]:
    largest = {name: _peak(material) for name, material in lab.runs.items()}
    if not any(largest.values()):
        return
    where = max(largest, key=lambda name: largest[name])
    need = round(largest[where] * facts().spare_memory)
    text = f"Give the process {numbers.binary_size(need)} of memory."
    evidence = f"{numbers.size(largest[where])} resident at most, in part `{where}`"
    yield _made(MEMORY, "memory", text, evidence, lab.runs[where].run.id)


def _peak(material: Material) -> int:
    """Return the largest resident memory of any trial in bytes, 0 where none is known."""
    states = [trial.state for trial in material.trials if trial.state]
    return max((state.peak_rss_bytes or 0 for state in states), default=0)


def _quantization(lab: LabMaterial) -> Iterator[Recommendation]:
    material = lab.runs.get("quantization")
    info = material.document.sweep if material else None
    formats = info.formats if info else None
    if material is None or info is None or formats is None or not formats.best:
        return
    point = next(p for p in info.points if p.label == formats.best)
    divergence = numbers.small(point.format.mean_kl_divergence if point.format else None)
    text = f"Use {formats.best}: it is the fastest within {formats.kl_limit:g} nats a token."
    evidence = f"{divergence} nats a token from {formats.reference}, on {formats.tokens:,} tokens"
    yield _made(QUANTIZATION, "quantization", text, evidence, material.run.id)


def _hardware(lab: LabMaterial) -> Iterator[Recommendation]:
    material = lab.runs.get("builds") or lab.runs.get("baseline")
    if material is None:
        return
    document = material.document
    for share in document.roofline.shares:
        if share.variant != document.baseline:
            continue
        text = f"{share.workload}: {share.advice}" if share.advice else ""
        if not text:
            continue
        evidence = f"{share.workload} reaches {numbers.part(share.share)} of its bound"
        yield _made(HARDWARE, f"hardware-{share.verdict}", text, evidence, material.run.id)


def _monitoring(lab: LabMaterial) -> Iterator[Recommendation]:
    material = lab.runs.get("baseline")
    if material is None:
        return
    words = []
    for load in baseline_document(material).workloads:
        speeds = [t.tokens_per_second for t in load.trials if t.tokens_per_second is not None]
        if len(speeds) < 2:  # noqa: PLR2004 - no spread
            continue
        limit = statistics.fmean(speeds) - facts().alarm_deviations * statistics.stdev(speeds)
        words.append(f"{load.name} {numbers.throughput(max(limit, 0.0))} tokens/s")
    if words:
        text = f"Alarm below {numbers.listing(words)} of the same build, model and machine."
        evidence = "the spread of the baseline's trials"
        yield _made(MONITORING, "monitoring", text, evidence, material.run.id)
    if lab.record.machine.cpu.hypervisor:
        text = "Record `steal` of /proc/stat beside tokens/s."
        evidence = f"this is a virtual machine ({lab.record.machine.cpu.hypervisor})"
        yield _made(MONITORING, "steal", text, evidence, material.run.id)
