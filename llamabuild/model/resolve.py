"""The main story: from a name to a described model file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from llamabuild.errors import BadInput
from llamabuild.source import resolve_source
from llamabuild.source.progress import silent
from llamabuild.types.inputs import Model

from .hub import hub_model
from .known import known_file
from .presets import load_presets, load_quantizations
from .spec import DefaultModel, FileModel, HubModel, SyntheticModel, parse_model
from .synthetic import VOCABULARY_TOKENS, is_made, synthetic_model
from .synthetic_file import f16_bytes
from .wheel import default_model

if TYPE_CHECKING:
    from llamabuild.source.progress import Progress

    from .spec import ModelSpec
    from .synthetic import Quantize


F16_BITS = 16


def resolve_model(
    spec: str | None = None,
    *,
    quantize: Quantize | None = None,
    vocabulary_tree: Path | None = None,
    on_progress: Progress | None = None,
) -> Model:
    """Return a model file, fetched or made if need be, with its hash and description.

    Args:
        spec: ``default`` (also None), a path, ``hf:REPO/FILE[@REVISION]`` or
            ``synthetic:PRESET[:QUANT]``.
        quantize: Makes a quantized file from an F16 one; needed for synthetic models other than
            F16, and called only when the result is not cached.
        vocabulary_tree: The llama.cpp tree whose vocabulary synthetic models take; the default
            source's if None.
        on_progress: Receives a line for each thing that takes time.

    Raises:
        BadInput: The name is wrong, or the file is not a whole and honest GGUF model.
        EnvironmentLacks: The network, a package or disk space is missing.
    """
    parsed = parse_model(spec)
    tell = on_progress or silent
    return described(_file_of(parsed, quantize, vocabulary_tree, tell), str(parsed), tell)


def expected_model(
    spec: str | None = None,
    *,
    vocabulary_tree: Path | None = None,
    on_progress: Progress | None = None,
) -> Model:
    """Return a model without making it: a synthetic one that isn't there is told by its shape.

    Path and hash are empty then, and the size is an upper estimate. Arguments are those of
    :func:`resolve_model`.

    Raises:
        BadInput: As :func:`resolve_model`.
        EnvironmentLacks: As :func:`resolve_model`.
    """
    parsed, tell = parse_model(spec), on_progress or silent
    if not isinstance(parsed, SyntheticModel):
        return resolve_model(spec, on_progress=tell)
    tree = vocabulary_tree or Path(resolve_source(on_progress=tell).tree)
    if is_made(parsed, tree):
        return resolve_model(spec, vocabulary_tree=tree, on_progress=tell)
    preset = load_presets()[parsed.preset]
    full = f16_bytes(preset, VOCABULARY_TOKENS)
    bits = load_quantizations().get(parsed.quantization, F16_BITS)
    return Model(
        spec=str(parsed),
        path="",
        sha256="",
        size_bytes=int(full * bits / F16_BITS),
        architecture="llama",
        name=f"synthetic {parsed.preset}",
        quantization=parsed.quantization,
        parameters=8 * full // F16_BITS,
        layers=preset.layers,
        embedding_length=preset.width,
        context_length=preset.context,
        vocabulary=VOCABULARY_TOKENS,
        synthetic=True,
    )


def described(path: Path, spec: str, on_progress: Progress) -> Model:
    """Return a model file with its hash and description.

    Args:
        path: The file.
        spec: How the user would name it.
        on_progress: Told when hashing takes time.

    Raises:
        BadInput: It is not a whole and honest GGUF model.
    """
    known = known_file(path, on_progress)
    metadata = known.metadata
    if metadata.parts > 1:
        message = f"model '{path}' is one of {metadata.parts} parts"
        raise BadInput(message, "join them first: llama-gguf-split --merge FIRST-PART OUTPUT")
    if not metadata.tensors:
        message = f"model '{path}' holds no weights, only a vocabulary"
        raise BadInput(message, "name a GGUF file with a model in it")
    return Model(
        spec=spec,
        path=str(path.absolute()),
        sha256=known.sha256,
        size_bytes=known.identity.size_bytes,
        architecture=metadata.architecture,
        name=metadata.name,
        quantization=metadata.quantization,
        parameters=metadata.parameters,
        layers=metadata.layers,
        embedding_length=metadata.embedding_length,
        context_length=metadata.context_length,
        vocabulary=metadata.vocabulary,
        synthetic=metadata.synthetic,
        traffic=metadata.traffic,
        tensor_bytes=metadata.tensor_bytes,
    )


def _file_of(
    parsed: ModelSpec, quantize: Quantize | None, tree: Path | None, tell: Progress
) -> Path:
    match parsed:
        case DefaultModel():
            return default_model(tell)
        case FileModel():
            return Path(parsed.path).expanduser()
        case HubModel():
            return hub_model(parsed, tell)
        case SyntheticModel():
            tree = tree or Path(resolve_source(on_progress=tell).tree)
            return synthetic_model(parsed, tree, quantize, tell)
