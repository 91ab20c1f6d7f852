"""The report of an optimization: from the store alone, in every form, deaf to hostile text."""

import json
from types import SimpleNamespace

import jsonschema
import msgspec
import pytest

from llamabuild.cli.durations import Duration
from llamabuild.errors import BadInput
from llamabuild.optimize.engine import run_stages
from llamabuild.report.html import render_optimize_html
from llamabuild.report.kind import kind_of
from llamabuild.report.optimize_document import optimize_document
from llamabuild.report.optimize_material import OptimizeMaterial, _bounds, _speeds
from llamabuild.report.optimize_write import FORMATS, render_optimization, write_optimization
from llamabuild.report.plots.waterfall import draw_waterfall
from llamabuild.report.schema import shipped
from llamabuild.roofline.records import Share
from llamabuild.store.results import Results
from tests.optimize_lab import PAIR, SimulatedLab, surveyed_record
from tests.unit.test_optimize_deploy import deployed
from tests.unit.test_report_html import HOSTILE, Page

EFFECTS = {"pgo": 1.15, "hugealloc": 1.22, **dict.fromkeys(PAIR, 0.95)}


@pytest.fixture(scope="module")
def record():
    lab = SimulatedLab(3, EFFECTS, {frozenset(PAIR): 1.1}, refused={"clang": HOSTILE})
    done = run_stages(surveyed_record(lab), lab, lambda _: None)
    return msgspec.structs.replace(
        done,
        status="done",
        finished="2026-11-22T12:30:00+00:00",
        peak_bytes={"base": 700_000_000, "native+hugealloc": 750_000_000},
        deployment=deployed("native+hugealloc"),
    )


@pytest.fixture(scope="module")
def material(record):
    return OptimizeMaterial(optimize_document(record))


def share(variant, threads, speed, of_bound, verdict):
    return Share(
        variant=variant,
        workload="tg16",
        threads=threads,
        tokens_per_second=speed,
        share=of_bound,
        bandwidth_share=of_bound,
        compute_share=0.1,
        verdict=verdict,
        advice=f"advice for {verdict}",
    )


def measured(name, speed):
    result = SimpleNamespace(name="tg16", median=speed)
    return SimpleNamespace(name=name, workloads=(result,))


@pytest.mark.parametrize(
    ("own", "verdict"),
    [
        (share("final", 1, 44.0, 0.95, "memory-bound"), "neither"),  # of one thread's lower bound
        (share("final", 2, 44.0, 0.55, "memory-bound"), "memory-bound"),
        (None, "neither"),  # that number of threads was not probed
    ],
)
def test_a_result_stands_beside_the_baseline_s_bound(record, own, verdict):
    shares = [share("base", 2, 40.0, 0.5, "neither"), own]
    newest = SimpleNamespace(
        roofline=SimpleNamespace(shares=tuple(filter(None, shares))),
        variants=(measured("base", 40.0), measured("final", 44.0)),
    )
    deployment = msgspec.structs.replace(record.deployment, variant="final")
    told = msgspec.structs.replace(record, deployment=deployment)
    [bound] = _bounds(told, newest)
    assert (bound.before, bound.verdict, bound.advice) == (0.5, verdict, f"advice for {verdict}")
    assert bound.after == pytest.approx(0.55)
    [speed] = [each for each in _speeds(told, newest) if each.before]
    assert (speed.before, speed.after) == (40.0, 44.0)


def test_the_answer_names_result_ratio_and_target(material):
    answer = material.document.answer
    assert answer.startswith("Against `base`, `native+hugealloc` runs at ")
    assert "target of 1.3×" in answer
    assert "reached at tg16" in answer


def test_text_has_log_rejected_interaction_memory_and_files(material):
    text = FORMATS["text"](material)
    for words in (
        "+ hugealloc",
        "+ pgo",
        "Not in the result",
        "poll=100",
        "Interaction: repack=0 + no-tiled",
        "700 MB before, 750 MB after",
        "llama-server.service",
        "ENTRYPOINT",
    ):
        assert words in text, words
    assert text.index("+ hugealloc") < text.index("+ pgo")


def test_json_holds_the_same_and_is_whole(material):
    document = json.loads(FORMATS["json"](material))
    jsonschema.validate(document, shipped("optimize"))
    assert {part for change in document["accepted"] for part in change["change"]} == {
        "hugealloc", "pgo", *PAIR,
    }  # fmt: skip
    first = document["accepted"][0]
    assert first["impact"]["low"] < first["impact"]["ratio"] < first["impact"]["high"]
    assert document["files"]["build.sh"].startswith("#!/bin/sh")


def test_the_page_is_complete_and_deaf(material):
    html = render_optimize_html(material)
    page = Page(html)
    assert page.open == []
    assert {"answer", "log", "deploy", "rejected", "stages", "machine"} <= set(page.ids)
    assert HOSTILE not in html
    assert html.count("<script>") == 1
    assert "waterfall" in html


def test_the_waterfall_has_a_panel_for_each_workload(material):
    figure = draw_waterfall(material)
    assert len(figure.axes) == 2
    names = {text.get_text() for axes in figure.axes for text in axes.texts}
    assert {"pp64", "tg16", "hugealloc", "pgo", "target"} <= names


def test_nothing_accepted_is_said_and_has_no_picture():
    lab = SimulatedLab(1)
    record = msgspec.structs.replace(
        run_stages(surveyed_record(lab), lab, lambda _: None), status="done"
    )
    material = OptimizeMaterial(optimize_document(record))
    assert "Nothing beat `base`" in material.document.answer
    assert draw_waterfall(material) is None
    assert Page(render_optimize_html(material)).open == []
    assert FORMATS["md"](material).startswith("Nothing beat")


def test_one_that_is_under_way_can_be_shown():
    lab = SimulatedLab(1)
    material = OptimizeMaterial(optimize_document(surveyed_record(lab)))
    assert "so far nothing is confirmed" in material.document.answer
    assert FORMATS["text"](material)


def test_it_is_found_in_the_store_by_the_start_of_its_id(record, tmp_path):
    with Results.open() as results:
        results.save_optimization(record)
        assert results.optimization("latest") == record
        assert results.optimizations() == (record,)
    assert kind_of("o1") == "optimization"
    assert kind_of("latest") == "variants"
    with pytest.raises(BadInput, match="optimization 'o9' is not in the store"):
        kind_of("o9")
    page = write_optimization("o1", tmp_path)
    names = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert {
        page.name,
        "results.json",
        "waterfall.svg",
        "llama-server.service",
        "Dockerfile",
    } <= names
    with pytest.raises(BadInput, match="no format 'csv'"):
        render_optimization("o1", "csv")


@pytest.mark.parametrize(
    ("text", "seconds"), [("30m", 1800), ("90s", 90), ("1h30m", 5400), ("2h", 7200)]
)
def test_durations(text, seconds):
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "30", "m", "0m", "-5m", "1.5h", "5m3h"])
def test_what_is_no_duration(text):
    with pytest.raises(Exception, match="not a duration"):
        Duration().convert(text, None, None)
