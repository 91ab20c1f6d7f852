"""What a sweep over formats says: sizes, quality, the front, and what the headers tell."""

import csv
import io
import json

import jsonschema
import pytest

from llamabuild.report.csv import sweep_csv
from llamabuild.report.html import render_html
from llamabuild.report.markdown import render_markdown
from llamabuild.report.plots import FORMATS as FORMATS_PLOT
from llamabuild.report.plots import SHARES
from llamabuild.report.plots.figure import as_bytes
from llamabuild.report.schema import shipped
from llamabuild.report.text import render_text
from llamabuild.report.write import render_json
from tests.sweep_fixture import FORMATS, formats_material


@pytest.fixture(scope="module")
def real():
    return formats_material()


@pytest.fixture(scope="module")
def synthetic():
    return formats_material(synthetic=True, missing=("Q5_K_M",))


@pytest.fixture(scope="module")
def quantized():
    return formats_material(quantized=True)


def said(material):
    return " ".join(material.document.sweep.sentences)


def test_each_format_has_its_size_and_quality(real):
    points = real.document.sweep.points
    assert [point.format.name for point in points] == list(FORMATS)
    assert [point.format.bytes for point in points] == [size for size, _, _ in FORMATS.values()]
    assert points[0].format.bits_per_weight == pytest.approx(8 * 270e6 / 134_515_008)
    assert points[3].format.mean_kl_divergence == 0.08
    assert points[3].format.perplexity == pytest.approx(20.8)
    assert list(points[3].format.stored_as) == ["Q4_0", "IQ4_NL", "F32"]
    assert sum(points[3].format.stored_as.values()) == pytest.approx(1)


def test_the_front_is_what_no_other_beats_in_speed_and_divergence(real):
    formats = real.document.sweep.formats
    assert (formats.cost, formats.workload) == ("divergence", "tg16")
    assert formats.front == ("F16", "Q8_0", "Q4_0", "Q2_K")
    assert "Beaten by no other in both tg16 and KL divergence" in said(real)
    assert "F16, Q8_0, Q4_0 and Q2_K." in said(real)


def test_the_best_within_the_limit_is_named(real):
    assert "Within 0.1 nats a token Q4_0 is the fastest at tg16" in said(real)
    assert "0.08 nats." in said(real)
    assert "4,080 tokens of the documentation of pypi:llama-cpp-python==0.3.36" in said(real)
    assert "abababababab" in said(real)


def test_which_is_fastest_comes_with_its_interval(real):
    answer = real.document.answer
    assert "Token generation is fastest, by its median, with quantization Q2_K: 2." in answer
    assert "of the speed with F16" in answer


def test_random_weights_have_no_quality_and_the_size_is_the_cost(synthetic):
    info = synthetic.document.sweep
    assert info.formats.cost == "size"
    assert info.formats.front == ("Q2_K",)
    assert "Quality is left out: what random weights say means nothing." in said(synthetic)
    assert "Q2_K is the smallest with 88.0 MB, 33" in said(synthetic)
    assert "nats" not in said(synthetic)
    assert "perplexity" not in render_text(synthetic.document)


def test_a_format_that_failed_is_a_row_without_a_size(synthetic):
    point = next(p for p in synthetic.document.sweep.points if p.values == ("Q5_K_M",))
    assert point.format is None
    assert "no such thing here" in render_text(synthetic.document, 160)
    assert "no such thing here" in render_html(synthetic)
    [row, _] = [r for r in rows_of(synthetic) if r["quantization"] == "Q5_K_M"]
    assert (row["status"], row["model_bytes"]) == ("unsupported", "")


def test_what_is_quantized_already_is_said(quantized):
    assert "all formats are made from Q4_1 and compared with it" in said(quantized)
    assert "Q8_0 and Q5_K_M cannot gain anything over it" in said(quantized)


def test_what_a_header_holds_instead_of_k_blocks_is_said(quantized, real):
    assert "Rows of 576 weights are no whole blocks of 256" in said(quantized)
    assert "Q5_K_M is 67" in said(quantized)
    assert "Q8_0 is" not in said(quantized)
    assert "Rows of" not in said(real)


def rows_of(material):
    return list(csv.DictReader(io.StringIO(sweep_csv(material))))


def test_all_formats_of_the_report_show_it(real):
    text, markdown = render_text(real.document), render_markdown(real.document)
    page = render_html(real)
    for shown in (text, markdown):
        assert "0.0800 ± 0.0040" in shown
        assert "20.80 ± 0.50" in shown
        assert "KL" in shown
    assert "Q4_0 ★" in text
    assert "0.0800 ± 0.0040" in page
    assert "Each format by its speed and what it costs" in page
    assert "As Q8_0" in page
    first = rows_of(real)[0]
    assert float(first["kl_divergence_nats"]) == 0.0
    assert first["on_pareto_front"] == "true"
    document = json.loads(render_json(real.document))
    jsonschema.validate(document, shipped())
    assert document["sweep"]["points"][1]["format"]["name"] == "Q8_0"


def test_another_format_is_no_copy_of_the_baseline(real):
    assert not any(variant.copy_of for variant in real.document.variants)


def test_the_picture_names_all_formats(real, synthetic):
    picture = as_bytes(FORMATS_PLOT.figure(real), "svg").decode()
    assert all(name in picture for name in FORMATS)
    assert "KL divergence from F16" in picture
    assert "size of the file" in as_bytes(FORMATS_PLOT.figure(synthetic), "svg").decode()
    assert SHARES.figure(real) is None
