"""Does a build compute what the baseline computes? Asked before anything is timed.

llama-perplexity of the baseline writes the log-probabilities of every token of a fixed text;
llama-perplexity of the variant computes the Kullback–Leibler divergence of its own from them,
mean(sum over the vocabulary of p_base * ln(p_base / p_variant)), and how often both name the
same most probable token.
"""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from llamabuild.errors import BuildFailed
from llamabuild.process import run
from llamabuild.store.paths import cache_dir
from llamabuild.types.run import Equivalence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llamabuild.process import Finished

TEXT = Path(__file__).with_name("equivalence.txt")
NUMBER = r"\s*:\s*(-?[\d.]+|-?nan|-?inf)"
FIELDS = {
    "mean": re.compile("Mean +KLD" + NUMBER),
    "max": re.compile("Maximum KLD" + NUMBER),
    "top": re.compile("Same top p" + NUMBER),
}


class Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``equivalence.toml``."""

    context: int
    chunks: int
    max_mean_kl_divergence: float
    min_top_token_agreement: float
    ties_below_kl_divergence: float
    timeout_seconds: float


@cache
def facts() -> Facts:
    """Return the shipped thresholds."""
    data = Path(__file__).with_name("equivalence.toml").read_bytes()
    return msgspec.toml.decode(data, type=Facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What both sides of a comparison share."""

    model: Path
    reference: Path
    """The baseline's log-probabilities, 16 bits each."""
    threads: int


def write_reference(program: Path, environment: Mapping[str, str], setting: Setting) -> None:
    """Let the baseline write its log-probabilities.

    Raises:
        BuildFailed: The baseline itself cannot do it; nothing can be compared then.
    """
    finished = _perplexity(program, environment, setting)
    if not finished.ok or not setting.reference.is_file():
        message = f"the baseline cannot compute reference output: {finished.failure()}"
        raise BuildFailed(message, "try another --baseline or --model")


def check_equivalence(
    program: Path, environment: Mapping[str, str], setting: Setting
) -> Equivalence:
    """Compare a variant's output with the reference; never raises for a broken variant."""
    finished = _perplexity(program, environment, setting, "--kl-divergence")
    if not finished.ok:
        return Equivalence(verdict="different", reason=finished.failure())
    return judge(finished.stdout + finished.stderr, facts().chunks * facts().context // 2)


def judge(text: str, tokens: int) -> Equivalence:
    """Read llama-perplexity's statistics and say whether both builds compute the same."""
    values: dict[str, float] = {}
    for name, pattern in FIELDS.items():
        if match := pattern.search(text):
            values[name] = float(match[1])
    if set(values) != set(FIELDS) or not all(abs(v) < float("inf") for v in values.values()):
        return Equivalence(verdict="different", reason="no finite statistics were printed")
    # The reference is rounded to 16 bits, which can make a divergence of zero slightly negative.
    mean, agreement = max(values["mean"], 0.0), values["top"] / 100
    reasons = []
    if mean > facts().max_mean_kl_divergence:
        reasons.append(f"mean KL divergence {mean:.4f} > {facts().max_mean_kl_divergence}")
    tied = mean < facts().ties_below_kl_divergence
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


def remembered(key: str) -> Equivalence | None:
    """Return the verdict that was reached earlier for the same two builds, model and text."""
    try:
        return msgspec.json.decode(_memory(key).read_bytes(), type=Equivalence)
    except (OSError, msgspec.DecodeError):
        return None


def remember(key: str, equivalence: Equivalence) -> None:
    """Keep a verdict that rests on statistics; a crash or a time-out may not come again."""
    if equivalence.mean_kl_divergence is None:
        return
    path = _memory(key)
    fresh = path.with_suffix(".new")
    with suppress(OSError):  # it is only work saved
        fresh.write_bytes(msgspec.json.encode(equivalence))
        fresh.rename(path)


def memory_key(
    *,
    build: str,
    baseline: str,
    model_sha256: str,
    threads: int,
    environments: Sequence[Mapping[str, str]],
) -> str:
    """Return the key of a verdict: everything that the output depends on."""
    variables = [sorted(environment.items()) for environment in environments]
    settings = (threads, variables, facts(), TEXT.read_text("utf-8"))
    parts = (build, baseline, model_sha256, *map(repr, settings))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _memory(key: str) -> Path:
    return cache_dir("equivalence") / f"{key}.json"


def _perplexity(
    program: Path, environment: Mapping[str, str], setting: Setting, *more: str
) -> Finished:
    context = str(facts().context)
    argv = [
        str(program),
        *("-m", str(setting.model), "-f", str(TEXT), "-t", str(setting.threads)),
        *("-c", context, "-b", context, "--chunks", str(facts().chunks)),
        *("--kl-divergence-base", str(setting.reference)),
        *more,
    ]
    return run(argv, environment=environment, closed=True, timeout_seconds=facts().timeout_seconds)
