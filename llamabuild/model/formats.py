"""One model in several formats: made once by llama.cpp's own tool, kept in the cache.

All are made from the best that there is: a synthetic model's F16 file, else the file that the user
named. What is quantized already can be put into another format too, but gains no precision by it.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from llamabuild.errors import EnvironmentLacks
from llamabuild.store.locks import named_lock
from llamabuild.store.paths import cache_dir, scratch_dir

from .known import forget, undamaged
from .presets import load_quantizations
from .resolve import described, resolve_model
from .spec import SyntheticModel, parse_model
from .synthetic import SPARE_BYTES

if TYPE_CHECKING:
    from llamabuild.source.progress import Progress
    from llamabuild.types.inputs import Model, Source

    from .synthetic import Quantize


def in_format(
    model: Model, quantization: str, source: Source, quantize: Quantize, on_progress: Progress
) -> Model:
    """Return the model in a format; itself if it has that format.

    Args:
        model: What it is made from, unless it is synthetic.
        quantization: A name of ``quantizations.toml``.
        source: Whose llama-quantize makes it and whose vocabulary a synthetic one has.
        quantize: Only called when the file is not cached.
        on_progress: Told about making.

    Raises:
        BadInput: What was made is no model.
        EnvironmentLacks: There is not enough disk space, or llama-quantize made nothing.
        LlamabuildError: As ``quantize``.
    """
    if model.quantization == quantization:
        return model
    if model.synthetic and model.spec.startswith("synthetic:"):
        parsed = parse_model(model.spec)
        assert isinstance(parsed, SyntheticModel)
        wanted = str(SyntheticModel(preset=parsed.preset, quantization=quantization))
        tree = Path(source.tree)
        return resolve_model(
            wanted, quantize=quantize, vocabulary_tree=tree, on_progress=on_progress
        )
    # Other versions of llama-quantize may mix types in another way.
    key = hashlib.sha256(f"{model.sha256} {source.digest}".encode()).hexdigest()[:12]
    stem = f"quantized-{Path(model.path).stem[:60]}-{key}-{quantization}"
    final = cache_dir("models") / f"{stem}.gguf"
    spec = f"{model.spec} as {quantization}"
    if not undamaged(final, on_progress):
        waiting = f"waiting for another process that makes {spec}"
        with named_lock(stem, lambda: on_progress(waiting)):
            if not undamaged(final, on_progress):
                _make(final, model, quantization, quantize)
    return described(final, spec, on_progress)


def _make(final: Path, model: Model, quantization: str, quantize: Quantize) -> None:
    _check_space(model, quantization)
    with scratch_dir("quantize-") as scratch:
        fresh = Path(scratch) / "fresh.gguf"
        quantize(Path(model.path), fresh, quantization)
        if not fresh.is_file():
            message = f"llama-quantize made no {quantization} file of {model.name}"
            raise EnvironmentLacks(message, "look at its output")
        forget(final)
        fresh.replace(final)


def _check_space(model: Model, quantization: str) -> None:
    """Ask for the room that the file takes, before anything is written."""
    needed = SPARE_BYTES + int(model.parameters * load_quantizations()[quantization] / 8)
    folder = cache_dir("models")
    free = shutil.disk_usage(folder).free
    if free < needed:
        message = f"{model.name} as {quantization} needs {needed / 1e9:.1f} GB in {folder}"
        msg = f"{message}, and {free / 1e9:.1f} are free"
        raise EnvironmentLacks(msg, "free some space, or set LLAMABUILD_CACHE to another disk")
