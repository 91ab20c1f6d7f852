"""What a user may name as a model."""

from __future__ import annotations

import re
from pathlib import Path

from llamabuild.errors import BadInput, did_you_mean
from llamabuild.types.base import Data

from .presets import DEFAULT_QUANTIZATION, load_presets, load_quantizations

DEFAULT = "default"
HUB = re.compile(
    r"(?P<repo>[\w.-]+/[\w.-]+)/(?P<file>[\w.+-][\w./+-]*)(?:@(?P<revision>[\w./+-]+))?"
)
HUB_EXAMPLE = "hf:ggml-org/gemma-3-1b-it-GGUF/gemma-3-1b-it-Q4_K_M.gguf"
SYNTHETIC_EXAMPLE = "synthetic:tinyllama-1.1b:Q4_K_M"


class DefaultModel(Data, frozen=True):
    """The pinned real model."""

    def __str__(self) -> str:
        return DEFAULT


class FileModel(Data, frozen=True):
    """A file of the user's."""

    path: str

    def __str__(self) -> str:
        return self.path


class HubModel(Data, frozen=True):
    """A file of the Hugging Face hub."""

    repo: str
    file: str
    revision: str = ""
    """Branch, tag or commit; empty is the repository's main branch."""

    def __str__(self) -> str:
        return f"hf:{self.repo}/{self.file}" + (f"@{self.revision}" if self.revision else "")


class SyntheticModel(Data, frozen=True):
    """Random weights in a real architecture's shape."""

    preset: str
    quantization: str

    def __str__(self) -> str:
        return f"synthetic:{self.preset}:{self.quantization}"


ModelSpec = DefaultModel | FileModel | HubModel | SyntheticModel


def parse_model(spec: str | None) -> ModelSpec:
    """Read a model as the user named it; nothing is looked up.

    Raises:
        BadInput: A form, preset or quantization that there is not.
    """
    if spec is None or spec == DEFAULT:
        return DefaultModel()
    kind, colon, rest = spec.partition(":")
    if colon and kind == "hf":
        return _hub(spec, rest)
    if colon and kind == "synthetic":
        return _synthetic(spec, rest)
    if not spec or "\0" in spec:
        message = "the model's name is empty or holds a zero byte"
        raise BadInput(message, "name a GGUF file")
    path = Path(spec).expanduser()
    if not path.exists():
        message = f"there is no model file '{spec}'"
        hint = did_you_mean(kind, ("hf", "synthetic")) if colon else did_you_mean(spec, (DEFAULT,))
        forms = f"name a GGUF file, '{DEFAULT}', {HUB_EXAMPLE} or {SYNTHETIC_EXAMPLE}"
        raise BadInput(message, hint or forms)
    return FileModel(path=spec)


def _hub(spec: str, rest: str) -> HubModel:
    found = HUB.fullmatch(rest)
    if not found or ".." in rest:
        message = f"model '{spec}' does not name a repository and a file in it"
        raise BadInput(message, f"write it like {HUB_EXAMPLE}, with @REVISION if you like")
    return HubModel(repo=found["repo"], file=found["file"], revision=found["revision"] or "")


def _synthetic(spec: str, rest: str) -> SyntheticModel:
    preset, _, quantization = rest.partition(":")
    presets = {name.lower(): name for name in load_presets()}
    quantizations = load_quantizations()
    if preset.lower() not in presets:
        message = f"model '{spec}': there is no preset '{preset}'"
        known = presets.values()
        raise BadInput(message, did_you_mean(preset, known) or f"presets are {', '.join(known)}")
    wanted = quantization.upper() or DEFAULT_QUANTIZATION
    if wanted not in quantizations:
        message = f"model '{spec}': there is no quantization '{quantization}'"
        names = f"quantizations are {', '.join(quantizations)}"
        raise BadInput(message, did_you_mean(wanted, quantizations) or names)
    return SyntheticModel(preset=presets[preset.lower()], quantization=wanted)
