"""Recommendations for production, each derived by a stated rule from a stored measurement."""

from __future__ import annotations

import statistics
from functools import cache
from importlib.resources import files
from math import sqrt
from typing import TYPE_CHECKING

import msgspec

from llamabuild.report import numbers
from llamabuild.report.baseline import baseline_document
from llamabuild.report.formats import facts as format_facts
from llamabuild.report.lab.document import Recommendation
from llamabuild.report.lab.doubt import probe_doubt
from llamabuild.report.optimize_document import ratio_text
from llamabuild.report.portable import clean
from llamabuild.report.sweep_threads import SERVER, count_for
from llamabuild.types.base import Data
from llamabuild.types.comparison import FASTER, SLOWER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llamabuild.report.lab.material import LabMaterial
    from llamabuild.report.material import Material
    from llamabuild.report.optimize_document import OptimizeDocument

THREADS, MEMORY, QUANTIZATION = "threads", "memory", "quantization"
HARDWARE, MONITORING, CONFIGURATION = "hardware", "monitoring", "configuration"
LEAST_RUNS = 4
"""Of the baseline in a lab, whose medians say more of the machine than the trials of one run."""
HUGE = ("hugealloc", "glibc-hugepages", "mimalloc", "jemalloc")


class _Facts(Data, frozen=True, kw_only=True, forbid_unknown_fields=True):
    spare_memory: float
    alarm_share: float
    alarm_confidence: float
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
        text = f"Stay with `{document.base}` and its defaults: the challenge accepted nothing."
        yield _made(CONFIGURATION, "configuration", text, document.answer, run)
        yield from _candidates(lab)
        return
    text = (
        f"Run `{document.final}`: its build commands, command lines, systemd unit and Dockerfile "
        f"are in the folder `challenge/deploy` of this report, and `llamabuild report {run} "
        "--output FOLDER/` writes them again."
    )
    yield _made(
        CONFIGURATION, "configuration", text, f"{_reached(document)} of `{document.base}`", run
    )
    if any(name in document.final for name in HUGE):
        text = (
            "Watch the share of the weights on huge pages after each start: "
            "`grep AnonHugePages /proc/PID/smaps_rollup`."
        )
        yield _made(MONITORING, "huge-pages", text, f"`{document.final}` rests on them", run)


def _reached(document: OptimizeDocument) -> str:
    return numbers.listing([f"{ratio_text(r.effect)} at {r.workload}" for r in document.reached])


def _candidates(lab: LabMaterial) -> Iterator[Recommendation]:
    """Builds that the lab's comparison has as faster on one workload and slower on none."""
    material = lab.runs.get("builds")
    if material is None or not material.document.usable:
        return
    found = [
        (variant.name, result)
        for variant in material.document.variants
        if all(each.verdict != SLOWER for each in variant.workloads)
        for result in variant.workloads
        if result.verdict == FASTER
    ]
    if found:
        names = numbers.listing([f"`{name}`" for name in dict.fromkeys(name for name, _ in found)])
        model = clean(lab.record.models[0].spec)
        text = f"Try {names} with more time: `llamabuild optimize --budget 1h --model {model}`."
        shown = [
            f"{name} {numbers.with_interval(each.ratio, each.low, each.high)} at {each.name}"
            for name, each in found
        ]
        yield _made(CONFIGURATION, "candidates", text, "; ".join(shown), material.run.id)


def _sets(lab: LabMaterial, setting: str) -> bool:
    """Tell whether the challenge's result has a setting, which then stands instead of a sweep's."""
    challenge = lab.challenge
    parts = challenge.final.split("+") if challenge and challenge.accepted else []
    return any(setting in part.partition("=")[0] for part in parts if "=" in part)


def _threads(lab: LabMaterial) -> Iterator[Recommendation]:
    if _sets(lab, "threads"):
        return  # with what is recommended
    material = lab.runs.get("threads")
    info = material.document.sweep if material else None
    if material is None or info is None:
        return
    words, evidence = [], []
    loads = material.document.run.workloads if material.document.usable else ()
    for place, load in enumerate(loads):
        chosen = count_for(info, place)
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


def _pinning(lab: LabMaterial) -> Iterator[Recommendation]:
    if _sets(lab, "cpu"):
        return
    material = lab.runs.get("affinity")
    info = material.document.sweep if material else None
    if material is None or info is None or not material.document.usable:
        return
    measured = [p for p in info.points[1:] if any(r.median is not None for r in p.workloads)]
    if not measured:
        return
    shown = [
        point
        for point in measured
        if any(r.verdict == FASTER for r in point.workloads)
        and not any(r.verdict == SLOWER for r in point.workloads)
    ]
    text = "Leave threads where the system puts them."
    if shown:
        best = max(shown, key=lambda p: sum(r.ratio or 0.0 for r in p.workloads))
        text = f"Bind threads: `{best.label}`, which is `{best.variant}` here."
    yield _made(THREADS, "pinning", text, info.answer, material.run.id)


def _memory(lab: LabMaterial) -> Iterator[Recommendation]:
    """Of what is recommended, not of all that was tried: F16 files are in the lab, too."""
    document, material = lab.challenge, lab.runs.get("baseline")
    peak, run = 0, ""
    if document is not None:
        peak = document.peak_bytes.get(document.final or document.base) or 0
        run = document.run.id
    if not peak and material is not None:
        peak, run = _peak(material), material.run.id
    if not peak:
        return
    need = numbers.size(round(peak * facts().spare_memory))
    text = f"Give the process {need} of memory, and the KV cache of your contexts on top."
    evidence = f"{numbers.size(peak)} resident at most, with short prompts"
    yield _made(MEMORY, "memory", text, evidence, run)


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
    model = material.document.model
    text = (
        f"Start from {formats.best}: within {formats.kl_limit:g} nats a token it is the fastest of "
        f"{model.name} by its median."
    )
    if model.quantization not in format_facts().unquantized:
        text += (
            f" That file was {model.quantization} already, so nothing larger gains over it: decide "
            "on your own model's F16 file, `llamabuild sweep quantization --model FILE`."
        )
    evidence = f"{divergence} nats a token from {formats.reference}, on {formats.tokens:,} tokens"
    yield _made(QUANTIZATION, "quantization", text, evidence, material.run.id)


def _medians(lab: LabMaterial, baseline: Material, workload: str) -> list[float]:
    """Return the median speeds of the plain baseline in all runs with its model.

    Trials of one run are alike; from run to run a machine changes more.
    """
    return [
        result.median
        for material in lab.runs.values()
        if material.run.model.sha256 == baseline.run.model.sha256
        for variant in material.document.variants
        if variant.name == lab.record.base
        for result in variant.workloads
        if result.name == workload and result.median is not None
    ]


def tolerance_factor(trials: int, share: float, confidence: float) -> float:
    """Return how many standard deviations below their mean so many trials put a tolerance limit.

    Above it lies, with this confidence, at least this share of all further trials, if they are
    normally distributed (one-sided limit, by the noncentral t distribution: G. J. Hahn and W. Q.
    Meeker, *Statistical Intervals*, 1991).
    """
    from scipy.stats import nct, norm  # noqa: PLC0415 - slow to load

    root = sqrt(trials)
    return float(nct.ppf(confidence, trials - 1, norm.ppf(share) * root) / root)


def _hardware(lab: LabMaterial) -> Iterator[Recommendation]:
    """What would help the result, else the baseline."""
    challenge = lab.challenge
    if challenge is not None and challenge.accepted and challenge.bounds:
        for bound in () if probe_doubt(lab) else challenge.bounds:
            if bound.advice:
                yield _made(
                    HARDWARE,
                    f"hardware-{bound.verdict}",
                    f"{bound.workload}: {bound.advice}",
                    f"`{challenge.final}` reaches {numbers.part(bound.after)} of its bound at "
                    f"{bound.workload}",
                    challenge.run.id,
                )
        return
    material = lab.runs.get("builds") or lab.runs.get("baseline")
    if material is None:
        return
    document = material.document
    if probe_doubt(lab):
        return
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
    challenge = lab.challenge
    gains = {r.workload: r.effect for r in challenge.reached} if challenge else {}
    final = challenge.final if challenge and gains else lab.record.base
    words, evidence, measure = [], "", ""
    for load in baseline_document(material).workloads:
        speeds = _medians(lab, material, load.name)
        evidence = f"the medians of `{lab.record.base}` in {len(speeds)} runs of this lab"
        measure = "the median of a run like the lab's"
        if len(speeds) < LEAST_RUNS:
            measure = "a trial"
            speeds = [t.tokens_per_second for t in load.trials if t.tokens_per_second is not None]
            evidence = "the spread of the baseline's trials"
        if len(speeds) < 2:  # noqa: PLR2004 - no spread
            continue
        deviations = tolerance_factor(len(speeds), facts().alarm_share, facts().alarm_confidence)
        limit = statistics.fmean(speeds) - deviations * statistics.stdev(speeds)
        if gains:
            gain = gains.get(load.name)
            limit *= (gain.low or gain.ratio) if gain else 0.0
        if limit > 0:
            words.append(f"{load.name} {numbers.throughput(limit)} tokens/s")
    if words:
        text = (
            f"Alarm when {measure} of `{final}` with this model and machine falls below "
            f"{numbers.listing(words)}."
        )
        rule = "monitoring"
        if challenge and gains:
            rule = "monitoring-result"
            evidence += f"; {_reached(challenge)} of it"
        yield _made(MONITORING, rule, text, evidence, material.run.id)
    if lab.record.machine.cpu.hypervisor:
        text = "Record `steal` of /proc/stat beside tokens/s."
        evidence = f"this is a virtual machine ({lab.record.machine.cpu.hypervisor})"
        yield _made(MONITORING, "steal", text, evidence, material.run.id)
