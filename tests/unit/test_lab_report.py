"""The report of a lab: every question answered or its reason given, in every form."""

import dataclasses
import json
import re

import jsonschema
import msgspec
import pytest

from llamabuild.optimize.engine import run_stages
from llamabuild.report.lab.answers import ANSWERS
from llamabuild.report.lab.answers_challenge import of_lever
from llamabuild.report.lab.assemble import lab_document
from llamabuild.report.lab.doubt import probe_doubt
from llamabuild.report.lab.html import _pictures, render_lab_html
from llamabuild.report.lab.insights import insights
from llamabuild.report.lab.markdown import render_lab_markdown
from llamabuild.report.lab.questions import question_sections
from llamabuild.report.lab.recommend import facts, recommendations, tolerance_factor
from llamabuild.report.lab.text import render_lab_text, render_recommendations
from llamabuild.report.lab.write import FORMATS, write_lab
from llamabuild.report.material import prepare
from llamabuild.report.optimize_document import (
    Bounded,
    Speeds,
    optimize_document,
    own_impacts,
)
from llamabuild.report.optimize_material import OptimizeMaterial
from llamabuild.report.optimize_sections import OPTIMIZE_PLOTS
from llamabuild.report.plots import PLOTS
from llamabuild.report.plots.kernel_plots import KERNEL_PLOTS
from llamabuild.report.schema import shipped
from llamabuild.report.sweep_threads import count_for
from llamabuild.report.write import render_json
from llamabuild.roofline.records import Share
from llamabuild.types.lab import DONE, FAILED, LEFT_OUT, LabPart
from tests import report_fixture
from tests.lab_fixture import (
    LAB_ID,
    NO_TOOL,
    lab_material,
    lab_record,
    layers,
    optimized,
    pinning,
    threads,
    waiting,
)
from tests.optimize_lab import SimulatedLab, surveyed_record
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
    memory = found["before-after"].found.rows[-1]
    assert (memory[0], memory[1], memory[3]) == ("peak memory", "700 MB", "750 MB")
    assert "`hugealloc` brought most" in found["log"].found.text


def judged(lab, **changes):
    """The lab with a challenge of which more is known."""
    found = msgspec.structs.replace(lab.optimizations["challenge"].document, **changes)
    return dataclasses.replace(lab, optimizations={"challenge": OptimizeMaterial(found)})


BOUNDS = (
    Bounded(workload="pp64", before=0.28, after=0.4, verdict="neither", advice="try kernels"),
    Bounded(workload="tg16", before=0.7, after=0.8, verdict="memory-bound", advice="fewer bytes"),
)
SPEEDS = (
    Speeds(workload="pp64", before=100.0, after=150.0),
    Speeds(workload="tg16", before=40.0, after=44.0),
)


def test_before_and_after_are_told_in_tokens_per_second(lab):
    table = answers(lab_document(judged(lab, bounds=BOUNDS, speeds=SPEEDS)))["before-after"].found
    assert len({len(row) for row in (table.headers, *table.rows)}) == 1
    first = [cell.replace("\u00a0", " ") for cell in table.rows[0]]
    assert first[:4] == ["pp64", "100 tokens/s", "28 %", "150 tokens/s"]
    assert first[5] == "40 %"


def test_where_nothing_was_accepted_the_baseline_stands_beside_its_bound():
    stays = OptimizeMaterial(
        msgspec.structs.replace(optimized().document, bounds=BOUNDS, speeds=SPEEDS)
    )
    found = answers(lab_document(lab_material(optimizations={"challenge": stays})))
    table = found["before-after"].found
    assert table.text.startswith("Nothing was accepted")
    assert table.rows[1][1] == "40.0 tokens/s"
    assert table.rows[1][2].startswith("70")
    assert len({len(row) for row in (table.headers, *table.rows)}) == 1


def test_what_is_next_and_which_hardware_helps_follow_from_the_result(lab):
    changed = judged(lab, bounds=BOUNDS)
    [gap] = [each for each in insights(changed) if each.topic == "next"]
    assert "at pp64: `native+hugealloc`, the result, reaches 40" in gap.text
    assert gap.text.endswith("Try kernels.")
    hardware = [each for each in recommendations(changed) if each.topic == "hardware"]
    assert [each.text for each in hardware] == ["pp64: try kernels", "tg16: fewer bytes"]
    assert all("`native+hugealloc` reaches" in each.evidence for each in hardware)
    # Without a result it is the baseline, or the fastest build.
    stays = dataclasses.replace(lab, optimizations={})
    assert not any("the result" in each.text for each in insights(stays))


def alarms(lab):
    [text] = [each.text for each in recommendations(lab) if each.text.startswith("Alarm")]
    return [float(found) for found in re.findall(r"([0-9.]+) tokens/s", text)], text


def test_the_alarm_is_for_what_is_recommended(lab):
    of_base, base = alarms(dataclasses.replace(lab, optimizations={}))
    of_result, result = alarms(lab)
    assert "of `native` with" in base
    assert "of `native+hugealloc` with" in result
    gains = {r.workload: r.effect for r in lab.challenge.reached}
    for number, low in zip(of_result, [each.low for each in gains.values()], strict=True):
        assert any(number == pytest.approx(low * limit, rel=0.02) for limit in of_base)


def test_simulated_misses_are_told_beside_what_was_counted(document):
    found = answers(document)
    assert {row[0] for row in found["misses"].found.rows} == {"tg2"}, "what was simulated"
    models = [row[1] for row in found["bound"].found.rows]
    assert {"pp64", "tg16", "pp32"} <= set(models)
    assert {"pp64", "pp32"} <= {row[1] for row in found["rates"].found.rows}
    assert found["misses"].found.text.endswith(").")


def test_formats_are_told_with_quality_and_their_front(lab, document):
    found = answers(document)["quantization"].found
    assert found.plots == ("formats",)
    assert any("whose own perplexity is 20.00" in note for note in found.notes)
    [told] = [each for each in recommendations(lab) if each.topic == "quantization"]
    assert told.text.startswith("Start from Q4_0: within 0.1 nats")


@pytest.mark.parametrize(
    ("speed", "said"),
    [(1.2, "Bind threads: `0x3`"), (0.8, "Leave threads"), (1.0, "Leave threads")],
)
def test_threads_are_bound_only_where_that_was_shown_to_be_faster(lab, speed, said):
    changed = dataclasses.replace(lab, runs={**lab.runs, "affinity": pinning(speed)})
    rule = facts().rules["pinning"]
    [text] = [each.text for each in recommendations(changed) if each.rule == rule]
    assert text.startswith(said)


def test_a_quota_is_recommended_to_be_watched(lab):
    machine = msgspec.structs.replace(lab.record.machine, quota_cpus=1.5)
    record = msgspec.structs.replace(lab.record, machine=machine)
    texts = [each.text for each in recommendations(dataclasses.replace(lab, record=record))]
    assert any("quota of 1.5 CPUs" in text for text in texts)


def test_huge_pages_are_recommended_to_be_watched(lab):
    assert any("AnonHugePages" in each.text for each in recommendations(lab))
    stays = lab_material(optimizations={"challenge": optimized(("pgo", 1.35))})
    assert stays.challenge.accepted
    assert not any(
        "AnonHugePages" in each.text for each in recommendations(judged(stays, final="native+pgo"))
    )


def test_builds_that_look_better_are_candidates_where_nothing_was_accepted():
    stays = lab_material(optimizations={"challenge": optimized()})
    texts = [each.text for each in recommendations(stays) if each.topic == "configuration"]
    assert texts[0].startswith("Stay with `base`")
    assert any(text.startswith("Try `") for text in texts[1:])


@pytest.mark.parametrize(("measured", "answered"), [(("0",), False), (("0", "99"), True)])
def test_without_a_device_layers_on_it_are_not_measurable(measured, answered):
    done = LabPart(name="gpu", status=DONE, run="run-of-gpu", model="m")
    lab = lab_material(record=lab_record(parts=(done,)), runs={"gpu": layers(*measured)})
    found = answers(lab_document(lab))["gpu"].found
    assert bool(found.text) == answered
    if not answered:
        assert found.reason == "99: no such thing here."


PLAIN = {
    "system", "rates", "bound", "why", "misses", "native", "target", "before-after", "rejected",
    "training", "allocators",
}  # fmt: skip
"""Questions that a table or a sentence answers, or the picture of the question beside."""


def test_every_other_answer_has_a_picture(lab, document):
    known = {plot.name for plot in (*PLOTS, *KERNEL_PLOTS, *OPTIMIZE_PLOTS)} | {"flame"}
    for each in answers(document).values():
        if each.found.text and each.name not in PLAIN:
            assert set(each.found.plots) <= known, each.name
            assert any(_pictures(lab, each)), each.name
    assert {"trials", "functions", "simd", "scaling", "quantization", "log", "kernels"}.isdisjoint(
        PLAIN
    )


def test_the_page_prints(lab, document):
    assert "@media print" in render_lab_html(lab, document)


def test_the_result_stands_beside_the_bound(lab):
    found = lab.optimizations["challenge"].document
    near = Bounded(workload="tg16", before=0.6, after=0.79, verdict="memory-bound")
    beyond = Bounded(workload="pp64", before=None, after=1.2, verdict="compute-bound")
    document = msgspec.structs.replace(found, bounds=(near, beyond))
    changed = lab_material(optimizations={"challenge": OptimizeMaterial(document)})
    target = answers(lab_document(changed))["target"].found
    assert target.headers[-1] == "of the machine's bound"
    told = {row[0]: row[-1].replace("\u00a0", " ") for row in target.rows}
    assert told["tg16"] == "60 % before, 79 % after (memory-bound)"
    if "pp64" in told:
        assert "120 % after (more than was probed" in told["pp64"]


def test_what_failed_is_not_measurable_and_what_was_left_out_is_only_not_measured():
    failed = LabPart(name="batching", status=FAILED, reason="no such tool")
    left = LabPart(name="gpu", status=LEFT_OUT, reason="not asked for")
    text = render_lab_text(lab_document(lab_material(record=lab_record(parts=(failed, left)),
                                                     runs={}, profiles={}, optimizations={})))  # fmt: skip
    assert "Not measurable here: no such tool." in text
    assert "Not measured: not asked for." in text


def test_a_change_that_gains_here_and_loses_there_is_told():
    lab = SimulatedLab(2, {"hugealloc": 1.3})
    lab.ratio = lambda each, kind: {"pp": 1.2, "tg": 0.7}[kind] if "repack=0" in each else 1.0
    done = run_stages(surveyed_record(lab, goal="both"), lab, lambda _: None)
    material = OptimizeMaterial(optimize_document(msgspec.structs.replace(done, status="done")))
    found = insights(lab_material(optimizations={"challenge": material}))
    [told] = [each.text for each in found if each.topic == "trade-off"]
    assert told.startswith("`repack=0` gives 1.2")
    assert "--goal pp" in told


@pytest.mark.parametrize(("at_prompts", "surprising"), [(1.2, True), (0.8, False)])
def test_the_challenge_can_contradict_the_usual_advice(at_prompts, surprising):
    lab = SimulatedLab(2, {"hugealloc": 1.3})
    speeds = {"pp": at_prompts, "tg": 0.7}
    lab.ratio = lambda each, kind: speeds[kind] if "repack=0" in each else 1.0
    done = run_stages(surveyed_record(lab, goal="both"), lab, lambda _: None)
    material = OptimizeMaterial(optimize_document(msgspec.structs.replace(done, status="done")))
    told = insights(lab_material(runs={}, optimizations={"challenge": material}))
    [text] = [each.text for each in told if each.topic == "surprise"]
    assert ("repacked weights make prompts faster. Here `repack=0` is 1.2" in text) == surprising
    assert text.startswith("Nothing contradicts the usual advice") != surprising


def test_what_a_left_out_part_would_answer_is_told_from_the_challenge():
    lab = SimulatedLab(2, {"hugealloc": 1.3, "poll=100": 0.9})
    done = run_stages(surveyed_record(lab, goal="both"), lab, lambda _: None)
    material = OptimizeMaterial(optimize_document(msgspec.structs.replace(done, status="done")))
    parts = tuple(
        LabPart(name="waiting", status=LEFT_OUT, reason="no time") if p.name == "waiting" else p
        for p in lab_record().parts
    )
    runs = {n: m for n, m in lab_material().runs.items() if n != "waiting"}
    changed = lab_material(
        record=lab_record(parts=parts), runs=runs, optimizations={"challenge": material}
    )
    told = answers(lab_document(changed))["waiting"]
    assert (told.status, told.run) == (DONE, done.id)
    assert "`poll=100` runs at 0.9" in told.found.text
    assert [row[0] for row in told.found.rows][-1] == "poll=100"
    # Without the choice there, the reason stays.
    parts = tuple(p for p in parts if p.name != "challenge")
    none = lab_material(record=lab_record(parts=parts), runs=runs, optimizations={})
    assert answers(lab_document(none))["waiting"].found.reason == "no time"


def test_a_choice_that_is_in_the_result_answers_its_question():
    lab = SimulatedLab(2, {"poll=100": 1.3})
    done = run_stages(surveyed_record(lab, goal="both"), lab, lambda _: None)
    material = OptimizeMaterial(optimize_document(msgspec.structs.replace(done, status="done")))
    [row] = [r for r in of_lever(lab_material(optimizations={"challenge": material}), "poll=").rows
             if r[0] == "poll=100"]  # fmt: skip
    assert row[-1] == "in the result"
    assert row[1].startswith("1.2") or row[1].startswith("1.3")


def test_what_a_lever_cannot_change_is_not_told():
    lab = SimulatedLab(2, {"poll=0": 0.9})
    done = run_stages(surveyed_record(lab, goal="both"), lab, lambda _: None)
    [polling] = [each for each in optimize_document(done).rejected if each.part == "poll=0"]
    assert set(own_impacts(polling)) == {"pp64", "tg16"}
    threads = msgspec.structs.replace(polling, lever="threads", part="generation-threads=1")
    assert set(own_impacts(threads)) == {"tg16"}


@pytest.mark.parametrize(
    ("final", "said"),
    [("native+generation-threads=1", 0), ("native+cpu-mask=0x3", 1), ("native+hugealloc", 1)],
)
def test_a_sweep_s_threads_do_not_stand_beside_those_of_the_result(lab, final, said):
    rules = [each.rule for each in recommendations(judged(lab, final=final))]
    assert rules.count(facts().rules["threads"]) == said
    assert rules.count(facts().rules["pinning"]) == ("mask" not in final)


def test_what_is_read_above_the_bound_puts_the_bound_in_doubt(lab):
    document = lab.runs["builds"].document
    share = Share(
        variant="native",
        workload="tg16",
        threads=2,
        tokens_per_second=60.0,
        share=1.33,
        bandwidth_share=1.33,
        compute_share=0.1,
        verdict="memory-bound",
        advice="fewer bytes",
    )
    roofline = msgspec.structs.replace(document.roofline, shares=(share,))
    doubtful = dataclasses.replace(
        lab.runs["builds"], document=msgspec.structs.replace(document, roofline=roofline)
    )
    changed = lab_material(runs={**lab.runs, "formats": doubtful})
    assert probe_doubt(lab) == ""
    assert "reads 133 % of the probed bandwidth" in probe_doubt(changed).replace("\u00a0", " ")
    assert not [each for each in recommendations(changed) if each.topic == "hardware"]
    # So does a result beyond its bound.
    beyond = (msgspec.structs.replace(BOUNDS[1], after=1.2),)
    assert "`native+hugealloc` reads 120 %" in probe_doubt(judged(lab, bounds=beyond)).replace(
        "\u00a0", " "
    )


def test_four_trials_are_no_baseline(lab):
    run = report_fixture.run()
    few = [trial for trial in report_fixture.trials() if trial.block < 5]
    short = prepare(run, few, report_fixture.comparison_set())
    document = lab_document(lab_material(runs={**lab.runs, "baseline": short}))
    [criterion] = [each for each in document.criteria if "five trials" in each.text]
    assert not criterion.met
    assert criterion.detail.endswith("of 5")


def test_nothing_accepted_is_an_answer(lab):
    changed = lab_material(optimizations={"challenge": optimized()})
    found = answers(lab_document(changed))
    assert "Nothing was confirmed to beat `base`" in found["target"].found.text
    assert found["log"].found.text.startswith("No change was accepted")
    criteria = {c.text: c for c in lab_document(changed).criteria}
    assert not criteria["The target reached at one workload or more"].met


def test_the_checklist_follows_the_answers(document):
    criteria = {each.text: each for each in document.criteria}
    assert criteria["Thread scaling measured, best count named and explained"].met
    assert criteria["The target reached at one workload or more"].met
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
    [found] = [r for r in recommendations(lab) if r.rule == facts().rules["threads"]]
    assert found.run == lab.runs["threads"].run.id
    assert "`--threads-batch 2`" in found.text
    assert "`--threads 2`" in found.text
    # Four threads as fast as two, within noise: two are recommended.
    alike = threads(t4=1.801).document.sweep
    assert count_for(alike, 0).label == "2"
    faster = threads(t4=2.9).document.sweep
    assert count_for(faster, 0).label == "4"
    one = threads(t2=0.5, t4=0.4, t8=0.3).document.sweep
    assert count_for(one, 0).label == "1"
    # Where nothing was shown, no count is recommended, least of all one.
    unknown = threads(t2=1.0, t4=1.0, t8=1.0).document.sweep
    assert count_for(unknown, 0) is None


def test_the_answer_and_the_recommendation_name_the_same_count():
    for speeds in ({}, {"t4": 1.801}, {"t4": 2.9}, {"t2": 0.5, "t4": 0.4, "t8": 0.3}):
        lab = lab_material(runs={**lab_material().runs, "threads": threads(**speeds)})
        rule = facts().rules["threads"]
        [found] = [each.text for each in recommendations(lab) if each.rule == rule]
        for option in re.findall(r"`(--threads[^`]*)`", found):
            assert f"`{option}`" in answers(lab_document(lab))["scaling"].found.text


@pytest.mark.parametrize(
    ("trials", "factor"),
    [(2, 37.094), (5, 5.741), (10, 3.981), (30, 3.064)],
)
def test_the_alarm_is_as_far_below_as_few_trials_ask(trials, factor):
    """Factors of the usual tables for 99 % of a normal population with 95 % confidence."""
    assert tolerance_factor(trials, 0.99, 0.95) == pytest.approx(factor, abs=0.001)


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
    assert "Not measured: " in text
    assert "Not measured: " in markdown
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
