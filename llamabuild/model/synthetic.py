"""Synthetic models: made once, quantized with llama.cpp's own tool, kept in the cache.

Speed depends on shapes and storage alone, so random weights measure like trained ones; what such
a model says means nothing.
"""

from __future__ import annotations

import errno
import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from llamabuild.errors import BadInput, EnvironmentLacks
from llamabuild.source.digest import file_sha256
from llamabuild.store.locks import named_lock
from llamabuild.store.paths import cache_dir, scratch_dir

from .known import forget, undamaged
from .presets import DEFAULT_QUANTIZATION, load_presets, load_quantizations
from .synthetic_file import f16_bytes, write_synthetic

if TYPE_CHECKING:
    from llamabuild.source.progress import Progress

    from .spec import SyntheticModel

Quantize = Callable[[Path, Path, str], None]
"""Makes the second file, of the quantization named, from the first."""

SEED = 1
FORMAT = 1
"""Counted up when the same seed would give another file."""
VOCABULARY = Path("models", "ggml-vocab-llama-spm.gguf")
VOCABULARY_TOKENS = 32000
SPARE_BYTES = 256 << 20


def synthetic_model(
    model: SyntheticModel,
    tree: Path,
    quantize: Quantize | None,
    on_progress: Progress,
    *,
    seed: int = SEED,
) -> Path:
    """Return the file of a synthetic model, made if the cache does not have it.

    Args:
        model: Preset and quantization.
        tree: A llama.cpp tree, for the vocabulary.
        quantize: Only called when the quantized file is not cached.
        on_progress: Told about making.
        seed: Of the weights.

    Raises:
        BadInput: The tree has no such vocabulary, or nothing can quantize.
        EnvironmentLacks: There is not enough disk space.
    """
    vocabulary = tree / VOCABULARY
    if not vocabulary.is_file():
        message = f"the source tree {tree} has no {VOCABULARY.name}"
        raise BadInput(message, "take another source for synthetic models")
    stem = _stem(model, vocabulary, seed)
    final = _file(stem, model.quantization)
    full = _file(stem, DEFAULT_QUANTIZATION)
    if undamaged(final, on_progress):
        return final
    with named_lock(stem, lambda: on_progress(f"waiting for another process that makes {model}")):
        if undamaged(final, on_progress):
            return final
        _check_space(model, have_full=full.exists())
        if not undamaged(full, on_progress):
            _make_full(full, model, vocabulary, seed, on_progress)
        if final != full:
            _make_quantized(full, final, model, quantize)
    return final


def is_made(model: SyntheticModel, tree: Path, *, seed: int = SEED) -> bool:
    """Whether :func:`synthetic_model` would find the file in the cache."""
    vocabulary = tree / VOCABULARY
    if not vocabulary.is_file():
        return False
    return _file(_stem(model, vocabulary, seed), model.quantization).is_file()


def _stem(model: SyntheticModel, vocabulary: Path, seed: int) -> str:
    return f"synthetic-{model.preset}-{_key(model.preset, vocabulary, seed)}"


def _file(stem: str, quantization: str) -> Path:
    return cache_dir("models") / f"{stem}-{quantization}.gguf"


def _make_full(
    full: Path, model: SyntheticModel, vocabulary: Path, seed: int, on_progress: Progress
) -> None:
    told = -1

    def tell(fraction: float) -> None:
        nonlocal told
        if (tenths := int(fraction * 10)) > told:
            told = tenths
            on_progress(f"writing random weights of {model.preset}: {tenths * 10} %")

    with scratch_dir("synthetic-") as scratch:
        fresh = Path(scratch) / "fresh.gguf"
        try:
            write_synthetic(
                fresh,
                f"synthetic {model.preset}",
                load_presets()[model.preset],
                vocabulary,
                seed=seed,
                on_fraction=tell,
            )
        except OSError as error:
            if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
                raise
            message = f"the disk is full after part of {model.preset}"
            raise EnvironmentLacks(message, "free some space, then try again") from error
        forget(full)
        fresh.replace(full)


def _make_quantized(
    full: Path, final: Path, model: SyntheticModel, quantize: Quantize | None
) -> None:
    if quantize is None:
        message = f"{model} needs a build's llama-quantize, and there is none here"
        raise BadInput(message, f"take synthetic:{model.preset}:{DEFAULT_QUANTIZATION}")
    with scratch_dir("quantize-") as scratch:
        fresh = Path(scratch) / "fresh.gguf"
        quantize(full, fresh, model.quantization)
        if not fresh.is_file():
            message = f"llama-quantize made no {model.quantization} file of {model.preset}"
            raise EnvironmentLacks(message, "look at its output")
        forget(final)
        fresh.replace(final)


def _check_space(model: SyntheticModel, *, have_full: bool) -> None:
    """Ask for the room that both files take, before anything is written."""
    full = f16_bytes(load_presets()[model.preset], VOCABULARY_TOKENS)
    needed = SPARE_BYTES + (0 if have_full else full)
    if model.quantization != DEFAULT_QUANTIZATION:
        needed += int(full * load_quantizations()[model.quantization] / 16)
    folder = cache_dir("models")
    free = shutil.disk_usage(folder).free
    if free < needed:
        message = f"{model} needs {needed / 1e9:.1f} GB in {folder}, and {free / 1e9:.1f} are free"
        raise EnvironmentLacks(message, "free some space, or set LLAMABUILD_CACHE to another disk")


def _key(preset: str, vocabulary: Path, seed: int) -> str:
    """Identity of the weights: shape, vocabulary, seed and the way they are made."""
    shape = msgspec.json.encode(load_presets()[preset])
    fields = (str(FORMAT).encode(), shape, file_sha256(vocabulary).encode(), str(seed).encode())
    return hashlib.sha256(b"\0".join(fields)).hexdigest()[:12]
