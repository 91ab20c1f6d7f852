"""Does a build compute what the baseline computes? Asked before anything is timed.

llama-perplexity of the baseline writes the log-probabilities of every token of a fixed text;
llama-perplexity of the variant computes the Kullback–Leibler divergence of its own from them,
mean(sum over the vocabulary of p_base * ln(p_base / p_variant)), and how often both name the
same most probable token. Once in whole batches, as a prompt is computed, and once token by token,
as text is generated.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from llamabuild.errors import BuildFailed
from llamabuild.process import run
from llamabuild.store.remembered import keep, recall
from llamabuild.types.run import Equivalence

from .arguments import perplexity_arguments
from .scored import scored_positions

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from llamabuild.process import Finished
    from llamabuild.types.variant import Runtime

TEXT = Path(__file__).with_name("equivalence.txt")
MEMORY = "equivalence"
"""Folder of the cache in which verdicts are kept."""
NUMBER = r"\s*:\s*(-?[\d.]+|-?nan|-?inf)"
FIELDS = {
    "mean": re.compile("Mean +KLD" + NUMBER),
    "max": re.compile("Maximum KLD" + NUMBER),
    "top": re.compile("Same top p" + NUMBER),
}


class Pass(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way to compute the text."""

    name: str
    chunks: int
    ubatch: int
    """Tokens at once; 0 is what the variant has."""


class Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``equivalence.toml``."""

    context: int
    max_mean_kl_divergence: float
    min_top_token_agreement: float
    ties_below_kl_divergence: float
    timeout_seconds: float
    refusals: tuple[str, ...]
    passes: tuple[Pass, ...]


@cache
def facts() -> Facts:
    """Return the shipped thresholds."""
    data = Path(__file__).with_name("equivalence.toml").read_bytes()
    return msgspec.toml.decode(data, type=Facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What both sides of a comparison share."""

    model: Path
    references: Path
    """Folder of the baseline's log-probabilities, 16 bits each; a file for each pass."""
    threads: int
    """Of a variant that asks for no other count."""
    random_weights: bool = False
    """Of the model: its favourites are as good as tied, so that agreement says nothing."""


def write_reference(program: Path, runtime: Runtime, setting: Setting) -> None:
    """Let the baseline write its log-probabilities, unless they are there.

    Raises:
        BuildFailed: The baseline itself cannot do it; nothing can be compared then.
    """
    for each in facts().passes:
        if _reference(setting, each).is_file():
            continue
        finished = _perplexity(program, runtime, setting, each)
        if not finished.ok or not _reference(setting, each).is_file():
            message = f"the baseline cannot compute reference output: {finished.failure()}"
            raise BuildFailed(message, "try another --baseline or --model")


def check_equivalence(
    program: Path, runtime: Runtime, setting: Setting, *, other_tree: bool = False
) -> Equivalence:
    """Compare a variant's output with the reference; never raises for a broken variant.

    The reference holds the tokens too, so that two trees need not agree on how text becomes
    tokens. One whose llama-perplexity refuses arguments, model or reference is ``not checked``.
    The first pass that differs ends it.
    """
    found: list[Equivalence] = []
    for each in facts().passes:
        finished = _perplexity(program, runtime, setting, each, "--kl-divergence")
        if other_tree and (refusal := _refusal(finished)):
            return Equivalence(
                verdict="not checked", reason=f"its llama-perplexity said: {refusal}"
            )
        if not finished.ok:
            return Equivalence(verdict="different", reason=finished.failure())
        tokens = scored_positions(each.chunks, facts().context)
        text = finished.stdout + finished.stderr
        judged = judge(text, tokens, ties=setting.random_weights)
        found.append(judged)
        if judged.verdict != "same":
            reason = f"{each.name}: {judged.reason}" if judged.tokens else judged.reason
            found[-1] = msgspec.structs.replace(judged, reason=reason)
            break
    return worst(found)


def worst(passes: Sequence[Equivalence]) -> Equivalence:
    """Return what holds for all passes: the farthest of each statistic, and the last verdict."""
    statistics = [p for p in passes if p.mean_kl_divergence is not None]
    last = passes[-1]
    if not statistics or last.mean_kl_divergence is None:
        return last
    return msgspec.structs.replace(
        last,
        mean_kl_divergence=max(p.mean_kl_divergence or 0.0 for p in statistics),
        max_kl_divergence=max(p.max_kl_divergence or 0.0 for p in statistics),
        top_token_agreement=min(p.top_token_agreement or 0.0 for p in statistics),
        tokens=sum(p.tokens for p in statistics),
    )


def _refusal(finished: Finished) -> str:
    """Return the first line that says that nothing was computed, or the empty string."""
    pattern = re.compile("|".join(facts().refusals))
    lines = (finished.stderr + finished.stdout).splitlines()
    return next((line.strip()[:300] for line in lines if pattern.search(line)), "")


def judge(text: str, tokens: int, *, ties: bool = False) -> Equivalence:
    """Read llama-perplexity's statistics and say whether both builds compute the same.

    Args:
        text: What it printed.
        tokens: How many were compared.
        ties: Several tokens are always as good as the favourite: agreement is not asked for.
    """
    values: dict[str, float] = {}
    for name, pattern in FIELDS.items():
        if match := pattern.search(text):
            values[name] = float(match[1])
    if odd := [name for name, value in values.items() if not isfinite(value)]:
        # It did compute all tokens, unlike a program that crashed or printed nothing.
        reason = f"statistics that are not finite: {', '.join(odd)}"
        return Equivalence(verdict="different", tokens=tokens, reason=reason)
    if set(values) != set(FIELDS):
        return Equivalence(verdict="different", reason="printed no statistics")
    # The reference is rounded to 16 bits, which can make a divergence of zero slightly negative.
    mean, agreement = max(values["mean"], 0.0), values["top"] / 100
    reasons = []
    if mean > facts().max_mean_kl_divergence:
        reasons.append(f"mean KL divergence {mean:.4f} > {facts().max_mean_kl_divergence}")
    tied = ties or mean < facts().ties_below_kl_divergence
    if agreement < facts().min_top_token_agreement and not tied:
        limit = facts().min_top_token_agreement
        reasons.append(f"same top token at {agreement:.1%} of positions, below {limit:.0%}")
    return Equivalence(
        verdict="different" if reasons else "same",
        mean_kl_divergence=mean,
        max_kl_divergence=max(values["max"], 0.0),
        top_token_agreement=agreement,
        tokens=tokens,
        reason="; ".join(reasons),
    )


def with_unchecked(equivalence: Equivalence, runtimes: Iterable[Runtime]) -> Equivalence:
    """Add to the reason which arguments the comparison had to do without."""
    left_out = dict.fromkeys(
        argument
        for runtime in runtimes
        for argument in perplexity_arguments(runtime.bench).untranslated
    )
    if not left_out:
        return equivalence
    reason = f"compared without what llama-perplexity is not known to take: {', '.join(left_out)}"
    return msgspec.structs.replace(
        equivalence, reason="; ".join(filter(None, [equivalence.reason, reason]))
    )


def remembered(key: str) -> Equivalence | None:
    """Return the verdict that was reached earlier for the same two builds, model and text."""
    return recall(MEMORY, key, Equivalence)


def remember(key: str, equivalence: Equivalence) -> None:
    """Keep a verdict that rests on statistics; a crash or a time-out may not come again."""
    if equivalence.mean_kl_divergence is not None:
        keep(MEMORY, key, equivalence)


def memory_key(
    *,
    build: str,
    baseline: str,
    model_sha256: str,
    threads: int,
    runtimes: Iterable[Runtime],
) -> str:
    """Return the key of a verdict: everything that the output depends on.

    ``runtimes`` are the baseline's and the variant's.
    """
    variables = [
        (sorted(runtime.environment.items()), perplexity_arguments(runtime.bench).arguments)
        for runtime in runtimes
    ]
    settings = (threads, variables, facts(), TEXT.read_text("utf-8"))
    parts = (build, baseline, model_sha256, *map(repr, settings))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _reference(setting: Setting, each: Pass) -> Path:
    return setting.references / each.name.replace(" ", "-")


def _perplexity(
    program: Path, runtime: Runtime, setting: Setting, each: Pass, *more: str
) -> Finished:
    argv = [str(program), *_arguments(runtime, setting, each), *more]
    limit = facts().timeout_seconds
    return run(argv, environment=runtime.environment, closed=True, timeout_seconds=limit)


def _arguments(runtime: Runtime, setting: Setting, each: Pass) -> list[str]:
    """A thread count or batch size of the variant's own replaces what all others get."""
    own = perplexity_arguments(runtime.bench).arguments
    context = str(facts().context)
    common = {"--threads": str(setting.threads), "--batch-size": context}
    return [
        *("-m", str(setting.model), "-f", str(TEXT)),
        *(word for name, value in common.items() if name not in own for word in (name, value)),
        *("-c", context, "--chunks", str(each.chunks)),
        *("--kl-divergence-base", str(_reference(setting, each))),
        *own,
        *(("--ubatch-size", str(each.ubatch)) if each.ubatch else ()),  # the last one counts
    ]
