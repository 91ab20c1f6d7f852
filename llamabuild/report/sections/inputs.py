"""What was built and what was run, with digests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llamabuild.report import numbers
from llamabuild.report.sections.section import Section

if TYPE_CHECKING:
    from llamabuild.report.document import ModelInfo, VariantResult
    from llamabuild.report.material import Material

Facts = list[tuple[str, str]]


def _context(material: Material) -> dict[str, Any]:
    source, model = material.document.source, material.document.model
    source_facts: Facts = [
        ("Source", source.spec),
        ("Version", source.version),
        ("ggml", source.ggml_version),
        ("SHA-256 of the tree", source.digest),
        ("SHA-256 of the archive", source.archive_sha256),
    ]
    shape = f"{model.architecture}, {model.layers} layers, {model.embedding_length} wide"
    model_facts: Facts = [
        ("Model", model.name),
        ("From", model.spec),
        ("Shape", f"{shape}, {model.parameters / 1e6:,.0f} M parameters"),
        ("Quantization", f"{model.quantization}, {numbers.size(model.bytes)}"),
        ("SHA-256", model.sha256),
        ("Weights", "random: right for speed, meaningless for quality" if model.synthetic else ""),
    ]
    models = {v.model.sha256: v.model for v in material.document.variants if v.model is not None}
    others = {v.source.digest: v for v in material.document.variants if v.source is not None}
    return {
        "others": [_other(variant) for variant in others.values()],
        "source_facts": [pair for pair in source_facts if pair[1]],
        "model_facts": [pair for pair in model_facts if pair[1]],
        "other_models": [_other_model(model) for model in models.values()],
    }


def _other(variant: VariantResult) -> tuple[str, str]:
    source = variant.source
    if source is None:
        return variant.name, ""
    return f"Source of {variant.name}", f"{source.spec}, version {source.version}, {source.digest}"


def _other_model(model: ModelInfo) -> tuple[str, str]:
    size = f"{numbers.size(model.bytes)}, {model.bits_per_weight:.2f} bits a weight"
    return f"As {model.quantization}", f"{size}, SHA-256 {model.sha256}"


INPUTS = Section("inputs", "Source and model", _context)
