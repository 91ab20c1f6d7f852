"""The report's section on the roofline, and the whole report of a kernel run."""

from __future__ import annotations

import csv
import io
import json
import re

import jsonschema
import msgspec
import pytest
from click.testing import CliRunner

from llamabuild.cli import cli
from llamabuild.errors import EnvironmentLacks
from llamabuild.pipeline import roofline as pipeline
from llamabuild.pipeline.kernels_observer import KernelObserver
from llamabuild.report.html import render_html, render_kernels_html
from llamabuild.report.kernel_answer import format_sentences, kernel_answer
from llamabuild.report.kernel_material import prepare_kernels
from llamabuild.report.kernel_write import kernels_csv, probes_csv, write_kernels_report
from llamabuild.report.markdown import render_markdown
from llamabuild.report.material import prepare
from llamabuild.report.plots.figure import as_bytes
from llamabuild.report.plots.inline import inline_svg
from llamabuild.report.plots.kernel_plots import KERNEL_PLOTS, KERNELS
from llamabuild.report.schema import ROOFLINE, json_schema, shipped
from llamabuild.report.text import render_text
from llamabuild.report.write import render_json
from llamabuild.store.results import Results
from tests import report_fixture as fixture
from tests.kernel_report_fixture import KERNEL_RUN_ID, TRAFFIC, kernel_run
from tests.kernel_runs import make_result
from tests.unit.test_report_html import HOSTILE, QUOTED, Page

MODEL = msgspec.structs.replace(fixture.run().model, traffic=TRAFFIC)
RUN = msgspec.structs.replace(fixture.run(), model=MODEL)


def made(run=RUN, kernels=None):
    return prepare(run, fixture.trials(), fixture.comparison_set(), "", kernels)


@pytest.fixture(scope="module")
def material():
    return made(kernels=kernel_run())


@pytest.fixture(scope="module")
def kernels(material):
    return prepare_kernels(kernel_run(), fixture.RUN_ID, material.document.roofline)


@pytest.fixture(scope="module")
def page(kernels):
    return render_kernels_html(kernels)


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("LLAMABUILD_STATE", str(tmp_path / "state"))
    with Results.open() as results:
        results.save_kernel_run(kernel_run())
        results.save_run(RUN)
        for trial in fixture.trials():
            results.add_trial(RUN.id, trial)
    return tmp_path


def test_every_measured_build_gets_its_share_in_every_format(material):
    shares = material.document.roofline.shares
    assert {share.variant for share in shares} == {
        "generic", "sse42", "avx2", "avx512", "avx512-vnni", "native",
    }  # fmt: skip
    bound = material.document.roofline.bounds[1]
    native = next(s for s in shares if (s.variant, s.workload) == ("native", "tg16"))
    assert native.share == pytest.approx(native.tokens_per_second / bound.tokens_per_second)
    section = render_html(material).split('id="roofline"')[1].split("</section>")[0]
    assert section.count("<tr>") == 1 + 2 + 1 + len(shares)
    assert "Neither memory nor arithmetic is kept busy" in section
    assert "| native | tg16 | 14" in render_markdown(material.document)
    assert "bound of tg16: " in render_text(material.document)


def test_without_probes_the_report_says_how_to_get_them():
    material = made()
    for text in (
        render_html(material), render_markdown(material.document), render_text(material.document),
    ):  # fmt: skip
        plain = re.sub(r"\s+", " ", text.replace("\\", "").replace("&#39;", "'"))
        assert "python -m llamabuild kernels --only-probes" in plain


def test_the_thread_count_is_what_llama_bench_printed():
    changed = [
        msgspec.structs.replace(trial, output={**trial.output, "n_threads": 1})
        if trial.arm == "native" and trial.output
        else trial
        for trial in fixture.trials()
    ]
    found = prepare(RUN, tuple(changed), fixture.comparison_set(), "", kernel_run())
    threads = {s.variant: s.threads for s in found.document.roofline.shares}
    assert (threads["native"], threads["avx2"]) == (1, 2)


def test_the_answer_compares_the_fastest_of_each(kernels):
    assert kernel_answer(kernels) == (
        "Our fastest kernels for 6 formats are 0.97× to 2.90× as fast as ggml's best in cache "
        "and 0.99× to 1.78× as fast from memory with 2 threads."
    )
    sentences = format_sentences(kernels)
    assert len(sentences) == 6
    assert "`q4_K`: in L1 with 1 thread 2.90× [2.81, 2.99] (gemv in avx512vnni, 16" in sentences[2]


def test_a_run_of_probes_alone_has_an_answer_too():
    found = prepare_kernels(kernel_run(kernels=()))
    assert "reads memory at up to" in kernel_answer(found)
    page = render_kernels_html(found)
    assert 'id="bandwidth"' in page
    assert 'id="kernels"' not in page


def test_a_run_without_anything_is_still_a_page():
    found = prepare_kernels(kernel_run(kernels=(), probes=(), notes=()))
    page = Page(render_kernels_html(found))
    assert page.open == []
    assert {"answer", "machine", "repeat"} <= set(page.ids)
    assert [plot.figure(found) for plot in KERNEL_PLOTS] == [None] * len(KERNEL_PLOTS)


def test_the_page_is_whole_and_its_ids_are_unique(page):
    parsed = Page(page)
    assert parsed.open == []
    assert len(parsed.ids) == len(set(parsed.ids))
    assert parsed.tags.count("h1") == 1
    names = {"answer", "ratios", "roofline", "kernels", "bandwidth", "latency", "probes", "machine"}
    assert names <= set(parsed.ids)
    text = "".join(parsed.text)
    for expected in ("lb_gemv_q4_K_8_avx512vnni", "this CPU lacks avxvnni", fixture.RUN_ID, "95"):
        assert expected in text


def test_hostile_names_are_escaped():
    rows = (make_result(format=HOSTILE, function=QUOTED), make_result(by="ggml:" + HOSTILE))
    found = render_kernels_html(prepare_kernels(kernel_run(kernels=rows, notes=(QUOTED,))))
    assert "<script>alert" not in found
    assert "<img" not in found


@pytest.mark.parametrize("plot", KERNEL_PLOTS, ids=lambda plot: plot.name)
def test_plots_are_the_same_bytes_and_take_their_colours_from_the_page(plot, kernels):
    first = as_bytes(plot.figure(kernels), "svg")
    assert first == as_bytes(plot.figure(kernels), "svg")
    styles = inline_svg(plot.figure(kernels), plot.name, plot.title)
    assert not re.search(r"(?:fill|stroke): #", styles)
    assert "var(--muted)" in styles


def test_an_unfinished_comparison_is_no_ratio():
    rows = (make_result(ratio=None, low=None, high=None), make_result(by="ggml:native", isa=""))
    assert KERNELS.figure(prepare_kernels(kernel_run(kernels=rows))) is None


def test_csv_has_a_row_a_kernel_and_a_row_a_probe(kernels):
    rows = list(csv.DictReader(io.StringIO(kernels_csv(kernels))))
    assert len(rows) == len(kernels.run.kernels)
    assert rows[0]["ns_per_256"] == "4.1"
    assert float(rows[0]["ratio_low"]) == pytest.approx(2.6 * 0.97)
    probes = list(csv.DictReader(io.StringIO(probes_csv(kernels))))
    assert len(probes) == len(kernels.run.probes)
    assert probes[0]["spread_samples"] == "12"


def test_the_report_command_finds_out_the_kind_of_run(store):
    def run(*arguments):
        result = CliRunner().invoke(cli, ["report", *arguments], standalone_mode=False)
        if result.exception:
            raise result.exception
        return result.stdout

    found = json.loads(run(KERNEL_RUN_ID, "--format", "json"))
    assert found["schema"] == "llamabuild.kernels/1"
    assert json.loads(run("latest", "--format", "json"))["schema"] == "llamabuild.variants/1"
    assert json.loads(run(KERNEL_RUN_ID[:11], "--format", "json"))["run"]["id"] == KERNEL_RUN_ID
    assert "| q4_K | L1 | 1 |" in run(KERNEL_RUN_ID, "--format", "md").replace("\\", "")
    assert KERNEL_RUN_ID in run("--list")
    with pytest.raises(Exception, match="'nothing' is not in the store"):
        run("nothing")


def test_the_folder_holds_all_renderings_with_the_builds_of_the_newest_run(store):
    page = write_kernels_report(KERNEL_RUN_ID, store / "out")
    names = {str(path.relative_to(page.parent)) for path in page.parent.rglob("*.*")}
    plots = {f"plots/{p.name}.{kind}" for p in KERNEL_PLOTS for kind in ("svg", "png")}
    texts = {"report.html", "results.json", "results.md", "kernels.csv", "probes.csv"}
    assert names == texts | plots
    assert "Squares are the builds of run" in page.read_text()
    assert "/home/" not in "".join((page.parent / name).read_text() for name in texts)


@pytest.fixture
def answer(store, monkeypatch):
    monkeypatch.setattr(pipeline, "detect_machine", fixture.machine)

    def ask(**wishes):
        request = pipeline.RooflineRequest(**wishes)
        return pipeline.make_roofline(request, KernelObserver(), lambda _: None)

    return ask


def test_roofline_puts_model_probes_and_the_last_run_together(answer):
    found = answer()
    assert (found.run, found.roofline.kernel_run) == (RUN.id, KERNEL_RUN_ID)
    assert len(found.roofline.shares) == 12
    data = json.loads(render_json(found))
    jsonschema.Draft202012Validator(shipped(ROOFLINE)).validate(data)
    assert shipped(ROOFLINE) == json_schema(ROOFLINE)
    assert "/home/" not in json.dumps(data)


def test_roofline_at_another_thread_count_shows_what_was_measured_there(answer):
    found = answer(threads=1)
    assert [bound.threads for bound in found.roofline.bounds] == [1, 1]
    assert found.roofline.shares == ()


def test_roofline_without_probes_names_the_remedy(answer, monkeypatch):
    strange = msgspec.structs.replace(fixture.machine(), fingerprint="another")
    monkeypatch.setattr(pipeline, "detect_machine", lambda: strange)
    with pytest.raises(EnvironmentLacks, match=r"kernels --only-probes' makes them, or add"):
        answer()


def test_a_run_stored_before_the_header_was_read_says_so(store, answer):
    old = msgspec.structs.replace(
        RUN, id="20261123-000000-0000", started="2026-11-23T00:00:00Z", model=fixture.run().model
    )
    with Results.open() as results:
        results.save_run(old)
    assert "python -m llamabuild roofline" in answer().roofline.missing
