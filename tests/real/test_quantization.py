"""Formats of one model made by the real llama-quantize, measured and read beside each other."""

import json
from pathlib import Path

import jsonschema
import pytest

from llamabuild.model.metadata import read_metadata
from llamabuild.report.schema import shipped
from llamabuild.store.paths import cache_dir


def points_of(result):
    assert result.returncode in {0, 3}, result.stderr  # 3: A′ may differ on a noisy machine
    document = json.loads(result.stdout)
    jsonschema.validate(document, shipped())
    return document, {point["values"][0]: point for point in document["sweep"]["points"]}


def test_formats_of_random_weights_have_sizes_and_no_quality(built, llamabuild, tmp_path):
    asked = ("sweep", "quantization", "Q2_K", "F16", "Q4_K_M", "--model", "synthetic:tiny")
    document, points = points_of(llamabuild(*asked, "--quick", "--json", cwd=tmp_path))
    assert list(points) == ["F16", "Q4_K_M", "Q2_K"]
    assert all(point["status"] == "ready" for point in points.values())
    sizes = [point["format"]["bytes"] for point in points.values()]
    assert sizes == sorted(sizes, reverse=True)
    assert "Q2_K" in points["Q2_K"]["format"]["stored_as"]
    assert points["F16"]["format"]["bits_per_weight"] == pytest.approx(16, rel=0.2)
    assert document["sweep"]["formats"]["cost"] == "size"
    assert any("random weights" in text for text in document["sweep"]["sentences"])
    assert all(point["format"]["perplexity"] is None for point in points.values())
    assert len({variant["build"]["id"] for variant in document["variants"]}) == 1
    [picture] = tmp_path.rglob("formats.svg")
    assert "Q4_K_M" in picture.read_text()


def test_formats_of_the_real_model_lose_what_they_lose(built, llamabuild, tmp_path):
    asked = ("sweep", "quantization", "Q8_0", "Q2_K", "--quick", "--json", "--workloads", "tg")
    document, points = points_of(llamabuild(*asked, cwd=tmp_path))
    high, low = points["Q8_0"]["format"], points["Q2_K"]["format"]
    assert high["mean_kl_divergence"] < 0.02 < low["mean_kl_divergence"]
    assert high["perplexity"] < low["perplexity"]
    assert 0 < low["perplexity_error"] < low["perplexity"] / 5
    formats = document["sweep"]["formats"]
    assert formats["reference"] == "Q4_1"
    assert formats["tokens"] == 12 * 255
    assert len(formats["text_sha256"]) == 64
    told = " ".join(document["sweep"]["sentences"])
    assert "quantized already" in told
    assert "Rows of 576 weights" in told
    assert "Q2_K" not in low["stored_as"] or low["stored_as"]["Q2_K"] < 0.9
    [file] = Path(cache_dir("models")).glob("quantized-*-Q2_K.gguf")
    assert read_metadata(file).quantization == "Q2_K"


def test_an_unknown_format_is_one_line(llamabuild, tmp_path):
    result = llamabuild("sweep", "quantization", "Q7_K", cwd=tmp_path)
    assert result.returncode == 2
    assert "'quantization=Q7_K' is not a value" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
