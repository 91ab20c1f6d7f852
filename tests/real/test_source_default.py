"""The pinned default source, through the user's pip and the network."""

from __future__ import annotations

from pathlib import Path

from llamabuild.source import resolve_source, verify_source
from llamabuild.source.pins import load_pins


def test_the_default_source_is_what_the_pin_says(monkeypatch):
    pin = load_pins().pypi[0]
    source = resolve_source()
    assert source.archive_sha256 == pin.sha256
    assert source.version == pin.version
    assert source.ggml_version == pin.ggml
    tree = Path(source.tree)
    for needed in ("tools/llama-bench", "tools/quantize", "tools/perplexity", "models"):
        assert (tree / needed).is_dir()
    assert not (tree / ".git").exists()
    verify_source(source)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    assert resolve_source() == source
