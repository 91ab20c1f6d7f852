"""The report of a lab: every question answered or its reason given, in every form."""

import json

import jsonschema
import msgspec
import pytest

from llamabuild.report.lab.answers import ANSWERS
from llamabuild.report.lab.assemble import lab_document
from llamabuild.report.lab.html import render_lab_html
from llamabuild.report.lab.insights import insights
from llamabuild.report.lab.markdown import render_lab_markdown
from llamabuild.report.lab.questions import question_sections
from llamabuild.report.lab.recommend import recommendations, smallest_as_good
from llamabuild.report.lab.text import render_lab_text, render_recommendations
from llamabuild.report.lab.write import FORMATS, write_lab
from llamabuild.report.schema import shipped
from llamabuild.report.write import render_json
from tests.lab_fixture import (
    LAB_ID,
    NO_TOOL,
    lab_material,
    lab_record,
    optimized,
    threads,
    waiting,
)
from tests.unit.test_report_html import HOSTILE, Page


@pytest.fixture(scope="module")
def lab():
    return lab_material()


@pytest.fixture(scope="module")
def document(lab):
    return lab_document(lab)


def answers(document):
    return {each.name: each for section in document.sections for each in section.answers}


def test_every_question_has_an_answer_or_a_reason(document):
    found = answers(document)
    assert len(found) == sum(len(section.question) for section in question_sections())
    for each in found.values():
        assert bool(each.found.text) != bool(each.found.reason), each.name


def test_every_answer_function_is_asked(document):
    used = {q.answer for section in question_sections() for q in section.question}
    assert used == set(ANSWERS)


def test_what_was_not_measured_says_why(document):
    batching = answers(document)["batching"]
    assert batching.found.reason == NO_TOOL
    assert batching.run == ""


def test_the_system_is_told_even_without_a_baseline():
    record = lab_record(parts=())
    document = lab_document(lab_material(record=record, runs={}, profiles={}, optimizations={}))
    found = answers(document)
    assert found["system"].found.rows
    assert "did not get there" in found["trials"].found.reason
    assert document.answer.startswith("The challenge was not done.")


def test_scaling_tells_best_count_half_point_and_reason(document):
    scaling, why = answers(document)["scaling"].found, answers(document)["why"].found
    assert "fastest, by its median, with threads 2" in scaling.text
    assert "below half" in scaling.text
    assert "only 2 CPUs may be used" in why.text
    assert scaling.plots == ("sweep",)
    assert any("efficiency" in header for header in scaling.headers)


def test_the_challenge_is_told_with_intervals(document):
    found = answers(document)
    assert "target of 1.3×" in found["target"].found.text
    [figure, *_] = found["target"].found.figures
    assert figure.low < figure.value < figure.high
    assert found["before-after"].found.rows[-1] == ("peak memory", "700 MB", "750 MB")
    assert "`hugealloc` brought most" in found["log"].found.text


def test_nothing_accepted_is_an_answer(lab):
    changed = lab_material(optimizations={"challenge": optimized()})
    found = answers(lab_document(changed))
    assert "Nothing beat" in found["target"].found.text
    assert found["log"].found.text.startswith("No change was accepted")
    criteria = {c.text: c for c in lab_document(changed).criteria}
    assert not criteria["The target reached"].met


def test_the_checklist_follows_the_answers(document):
    criteria = {each.text: each for each in document.criteria}
    assert criteria["Thread scaling measured, best count named and explained"].met
    assert criteria["The target reached"].met
    assert not criteria["Batching measured"].met
    assert criteria["Batching measured"].detail == NO_TOOL


def test_a_result_against_the_usual_advice_is_a_surprise(lab):
    told = [each.text for each in insights(lab) if each.topic == "surprise"]
    assert any("busy waiting" in text and "0.80" in text for text in told)
    # What agrees with it, or is not shown, is none.
    for speed in (1.2, 1.0):
        agreeing = lab_material(runs={"waiting": waiting(speed)})
        assert not [each for each in insights(agreeing) if "busy waiting" in each.text]


def test_the_most_effective_change_is_named(lab):
    [best] = [each for each in insights(lab) if each.topic == "most effective"]
    assert "`hugealloc`" in best.text


def test_threads_are_recommended_by_the_smallest_count_as_good(lab):
    found = {(each.topic, each.run): each for each in recommendations(lab)}
    run = lab.runs["threads"].run.id
    assert "`--threads-batch 2`" in found["threads", run].text
    assert "`--threads 2`" in found["threads", run].text
    # Four threads as fast as two, within noise: two are recommended.
    alike = threads(t4=1.801).document.sweep
    assert smallest_as_good(alike, 0).label == "2"
    faster = threads(t4=2.9).document.sweep
    assert smallest_as_good(faster, 0).label == "4"
    one = threads(t2=0.5, t4=0.4, t8=0.3).document.sweep
    assert smallest_as_good(one, 0).label == "1"


def test_each_recommendation_has_rule_evidence_and_run(lab):
    found = recommendations(lab)
    assert {"configuration", "threads", "memory", "monitoring"} <= {r.topic for r in found}
    for each in found:
        assert each.text
        assert each.rule
        assert each.evidence
        assert each.run
    text = render_recommendations(found)
    assert text.count("rule: ") == text.count("measured: ") == len(found)


def test_no_measurement_no_recommendation():
    empty = lab_material(runs={}, profiles={}, kernels={}, optimizations={})
    assert recommendations(empty) == ()
    assert "nothing was measured" in render_recommendations(())


def test_json_is_whole_and_names_no_folder(document):
    text = render_json(document)
    jsonschema.validate(json.loads(text), shipped("lab"))
    assert "/secret/place" not in text


def test_text_and_markdown_tell_the_same(document):
    text, markdown = render_lab_text(document), render_lab_markdown(document)
    for each in answers(document).values():
        assert each.asks in text.replace("\n", " ") or len(each.asks) > 100
        assert f"### {each.asks}" in markdown
    assert "Not measurable here: " in text
    assert "Not measurable here: " in markdown
    assert "[x] System recorded" in text
    assert "- [x] System recorded" in markdown


def test_the_page_is_complete_and_deaf(lab, document):
    hostile = msgspec.structs.replace(document, answer=HOSTILE, models=(HOSTILE,))
    page = Page(render_lab_html(lab, hostile))
    assert not page.open
    assert page.tags.count("script") == 1
    assert len(page.ids) == len(set(page.ids))
    assert {f"questions-{section.name}" for section in question_sections()} <= set(page.ids)
    assert page.tags.count("svg") >= 3  # threads, waiting, builds, challenge


def test_the_folder_has_every_form_and_the_parts(lab, document, tmp_path):
    page = write_lab(
        lab_material(runs={"threads": threads()}, optimizations={}), document, tmp_path / LAB_ID
    )
    assert page.read_text("utf-8").startswith("<!doctype html>")
    assert {path.name for path in page.parent.iterdir() if path.is_file()} == {
        "report.html", *FORMATS,
    }  # fmt: skip
    for part in ("threads", "profile", "kernels"):
        assert f"{part}/" in page.read_text("utf-8")
        assert list((page.parent / part).glob("*.html")), part
