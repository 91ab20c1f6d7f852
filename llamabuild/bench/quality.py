"""What a model loses in another format: KL divergence and perplexity on a fixed text.

llama-perplexity of the baseline writes the log-probabilities of the model that all formats are made
from; for each format llama-perplexity computes mean(sum over the vocabulary of
p_reference * ln(p_reference / p_format)), and the perplexity exp(mean(-ln p(token))), each with its
standard error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from llamabuild.process import run
from llamabuild.store.remembered import keep, key_of, recall
from llamabuild.types.run import Quality

from .arguments import perplexity_arguments
from .scored import scored_positions

if TYPE_CHECKING:
    from llamabuild.process import Finished
    from llamabuild.types.variant import Runtime

MEMORY = "quality"
"""Folder of the cache in which answers are kept."""
DOCUMENTATION = "docs"
VALUE = r"\s*:\s*(-?[\d.]+|-?nan|-?inf)"
WITH_ERROR = VALUE + r"\s*±\s*(-?[\d.]+|-?nan|-?inf)"
PERPLEXITY = re.compile(r"Mean PPL\(Q\)" + WITH_ERROR)
REFERENCE = re.compile(r"Mean PPL\(base\)" + WITH_ERROR)
DIVERGENCE = re.compile(r"Mean +KLD" + WITH_ERROR)
TOP = re.compile(r"Same top p" + VALUE)
CHUNKS = re.compile(r"computing over (\d+) chunks, n_ctx=(\d+)")
WROTE = "Final estimate: PPL"


class Size(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Contexts for models up to a size."""

    parameters_up_to: int
    chunks: int


class Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``quality.toml``."""

    context: int
    max_text_bytes: int
    timeout_seconds: float
    sizes: tuple[Size, ...]


@cache
def facts() -> Facts:
    """Return the shipped facts."""
    data = Path(__file__).with_name("quality.toml").read_bytes()
    return msgspec.toml.decode(data, type=Facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What all formats of a model are asked."""

    text: Path
    text_sha256: str
    chunks: int
    reference: Path
    """File of the log-probabilities of the model that they are made from."""
    reference_name: str
    """That model's format."""
    threads: int
    """Of a variant that asks for no other count."""


def documentation(tree: Path) -> bytes:
    """Return the ``*.md`` files below ``docs/`` of a tree, joined in order of their paths.

    Cut at ``max_text_bytes``; empty where there are none.
    """
    folder = tree / DOCUMENTATION
    found = [path for path in folder.rglob("*.md") if path.is_file() and not path.is_symlink()]
    text = b""
    for path in sorted(found, key=lambda each: each.relative_to(folder).as_posix()):
        if len(text) < facts().max_text_bytes:
            text += path.read_bytes()
    return text[: facts().max_text_bytes].decode("utf-8", "ignore").encode()


def chunks_for(parameters: int) -> int:
    """Return how many contexts a model of a size computes."""
    return next(size.chunks for size in facts().sizes if parameters <= size.parameters_up_to)


def reference_bytes(chunks: int, vocabulary: int) -> int:
    """Return what the reference's log-probabilities take: 16 bits for each token and word.

    As ``process_logits`` of tools/perplexity/perplexity.cpp writes them.
    """
    compared = facts().context - 1 - facts().context // 2
    return 2 * chunks * compared * (vocabulary + 5)


def write_reference(program: Path, runtime: Runtime, model: Path, sample: Sample) -> str:
    """Write the log-probabilities of the model that all are made from.

    Returns:
        Why that was not possible; empty if it was.
    """
    finished = _perplexity(program, runtime, model, sample)
    if not finished.ok:
        return finished.failure()
    text = finished.stdout + finished.stderr
    if WROTE not in text:
        lines = text.strip().splitlines()
        return f"llama-perplexity computed nothing: {lines[-1].strip()}" if lines else "no output"
    return ""


def measure_quality(program: Path, runtime: Runtime, model: Path, sample: Sample) -> Quality:
    """Compare a model with the reference; one that computes nothing has the reason."""
    finished = _perplexity(program, runtime, model, sample, "--kl-divergence")
    if not finished.ok:
        return unknown(sample.reference_name, finished.failure())
    return read_quality(finished.stdout + finished.stderr, sample)


def read_quality(text: str, sample: Sample) -> Quality:
    """Read llama-perplexity's statistics."""
    patterns = (DIVERGENCE, PERPLEXITY, REFERENCE, TOP)
    divergence, perplexity, reference, top = (pattern.search(text) for pattern in patterns)
    if not (divergence and perplexity and reference and top):
        return unknown(sample.reference_name, "llama-perplexity printed no statistics")
    numbers = [
        float(n) for found in (divergence, perplexity, reference, top) for n in found.groups()
    ]
    if not all(map(isfinite, numbers)):
        return unknown(sample.reference_name, "its statistics are not finite")
    done = CHUNKS.search(text)
    chunks, context = map(int, done.groups()) if done else (sample.chunks, facts().context)
    kl, kl_error, ppl, ppl_error, reference_ppl, _, agreement = numbers
    return Quality(
        reference=sample.reference_name,
        text_sha256=sample.text_sha256,
        tokens=scored_positions(chunks, context),
        # The reference is rounded to 16 bits, which can make a divergence of zero negative.
        mean_kl_divergence=max(0.0, kl),
        kl_divergence_error=kl_error,
        perplexity=ppl,
        perplexity_error=ppl_error,
        reference_perplexity=reference_ppl,
        top_token_agreement=agreement / 100,
    )


def unknown(reference: str, reason: str) -> Quality:
    """Return the quality that is not known, with the reason."""
    return Quality(reference=reference, reason=reason)


def memory_key(*parts: object, runtimes: tuple[Runtime, Runtime], sample: Sample) -> str:
    """Return the key of an answer: builds, models and all else that it depends on.

    ``runtimes`` are the baseline's and the variant's.
    """
    words = [
        (sorted(runtime.environment.items()), perplexity_arguments(runtime.bench).arguments)
        for runtime in runtimes
    ]
    return key_of(*parts, words, sample.threads, sample.text_sha256, sample.chunks, facts().context)


def remembered(key: str) -> Quality | None:
    """Return what was measured earlier."""
    return recall(MEMORY, key, Quality)


def remember(key: str, quality: Quality) -> None:
    """Keep statistics; a failure may not come again."""
    if not quality.reason:
        keep(MEMORY, key, quality)


def _perplexity(
    program: Path, runtime: Runtime, model: Path, sample: Sample, *more: str
) -> Finished:
    """A thread count or batch size of the variant's own replaces what all others get."""
    own = perplexity_arguments(runtime.bench).arguments
    context = str(facts().context)
    common = {"--threads": str(sample.threads), "--batch-size": context}
    argv = [
        *(str(program), "-m", str(model), "-f", str(sample.text)),
        *(word for name, value in common.items() if name not in own for word in (name, value)),
        *("-c", context, "--chunks", str(sample.chunks)),
        *("--kl-divergence-base", str(sample.reference)),
        *own,
        *more,
    ]
    limit = facts().timeout_seconds
    return run(argv, environment=runtime.environment, closed=True, timeout_seconds=limit)
