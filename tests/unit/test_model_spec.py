from __future__ import annotations

import gguf
import pytest

from llamabuild.errors import BadInput
from llamabuild.model.ggml_types import file_types, tensor_types
from llamabuild.model.presets import load_presets, load_quantizations
from llamabuild.model.spec import DefaultModel, FileModel, HubModel, SyntheticModel, parse_model
from llamabuild.model.weights import tensor_shapes


def test_the_default_needs_no_name():
    assert parse_model(None) == parse_model("default") == DefaultModel()


def test_a_file_is_kept_as_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.gguf").touch()
    (tmp_path / "hf:odd.gguf").touch()
    assert parse_model("a.gguf") == FileModel(path="a.gguf")
    assert parse_model("./hf:odd.gguf") == FileModel(path="./hf:odd.gguf")


@pytest.mark.parametrize(
    ("spec", "repo", "file", "revision"),
    [
        ("hf:a/b/c.gguf", "a/b", "c.gguf", ""),
        ("hf:a/b-GGUF/sub/c-00001.gguf@main", "a/b-GGUF", "sub/c-00001.gguf", "main"),
    ],
)
def test_a_file_of_the_hub(spec, repo, file, revision):
    parsed = parse_model(spec)
    assert parsed == HubModel(repo=repo, file=file, revision=revision)
    assert str(parsed) == spec


@pytest.mark.parametrize("spec", ["hf:", "hf:a/b", "hf:a/b/../c", "hf:a/b/c@", "hf:/b/c"])
def test_an_incomplete_hub_name_is_refused(spec):
    with pytest.raises(BadInput, match="repository and a file"):
        parse_model(spec)


def test_a_synthetic_model_is_normalised():
    assert parse_model("synthetic:135m:q4_k_m") == SyntheticModel(
        preset="135M", quantization="Q4_K_M"
    )
    assert parse_model("synthetic:tinyllama-1.1b").quantization == "F16"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("synthetic:tinylama-1.1b", "did you mean 'tinyllama-1.1b'"),
        ("synthetic:135M:Q4_K_N", "did you mean 'Q4_K_"),
        ("synthetic:xyz", "presets are tiny"),
        ("synthetic:135M:zzz", "quantizations are F16"),
        ("synthetc:135M", "did you mean 'synthetic'"),
        ("defualt", "did you mean 'default'"),
        ("nowhere.gguf", "no model file 'nowhere.gguf'"),
        ("", "empty"),
        ("a\0b", "zero byte"),
    ],
)
def test_a_wrong_name_says_what_to_write(spec, said):
    with pytest.raises(BadInput, match=said):
        parse_model(spec)


@pytest.mark.parametrize(
    ("preset", "millions"),
    [("135M", 125), ("tinyllama-1.1b", 1100), ("llama-3.2-3b", 2917), ("llama-2-7b", 6738)],
)
def test_presets_have_the_size_of_what_they_are_named_after(preset, millions):
    """Known parameter counts, less what the smaller vocabulary takes away."""
    shapes = tensor_shapes(load_presets()[preset], 32000)
    total = 0
    for tensor in shapes:
        count = 1
        for length in tensor.shape:
            count *= length
        total += count
    assert total / 1e6 == pytest.approx(millions, rel=0.005)


def test_presets_divide_into_heads():
    for preset in load_presets().values():
        assert preset.width == preset.heads * preset.head_width
        assert preset.heads % preset.kv_heads == 0


def test_the_tables_agree_with_the_gguf_package():
    """Both tables may know more than the package, never something else."""
    for kind, (block, size) in gguf.GGML_QUANT_SIZES.items():
        assert tensor_types()[kind.value] == (kind.name, block, size)
    for kind in gguf.LlamaFileType:
        if kind is not gguf.LlamaFileType.GUESSED:
            assert file_types()[kind.value] == kind.name.split("_", 1)[1]
    assert set(load_quantizations()) <= set(file_types().values())
