"""Sweeps of other programs: gain by batch size, first tokens in milliseconds, accepted guesses."""

import csv
import io
import json
import random
import re

import msgspec
import pytest

from llamabuild.compare import compare_run
from llamabuild.report.csv import sweep_csv
from llamabuild.report.html import render_html
from llamabuild.report.markdown import render_markdown
from llamabuild.report.material import prepare
from llamabuild.report.text import render_text
from llamabuild.types.run import Arm, Axis, Workload
from llamabuild.variants import load_catalogue
from llamabuild.variants.axes import make_sweep
from tests.runs import make_model, make_run, make_trial

BLOCKS = 14
TTFT = Workload(name="ttft256", kind="ttft", tokens=256, seconds=0.25, max_repetitions=1)
GEN = Workload(name="gen64", kind="gen", tokens=64, seconds=0.25, max_repetitions=1)
TG = Workload(name="tg16", kind="tg", tokens=16, seconds=0.25, max_repetitions=8)


def material(setting, milliseconds, workload, *, tokens=lambda _: None, outputs=None, **model):
    """A run of points whose trials take so long, by value, with 1 % of noise."""
    catalogue = load_catalogue("pypi:x==1", [])
    axis = Axis(setting=setting, what="", values=tuple(milliseconds))
    sweep = make_sweep("native", [axis])
    values = {point.variant: point.values[0] for point in sweep.points}
    arms = tuple(
        Arm(name=name, status="ready", reason="", variant=catalogue.get(name)) for name in values
    )
    run = msgspec.structs.replace(
        make_run(
            arms=arms,
            looks=(BLOCKS - 1,),
            workloads=(workload,),
            model=msgspec.structs.replace(make_model(), **model),
        ),
        baseline=sweep.points[0].variant,
        sweep=sweep,
    )
    dice = random.Random(1)
    trials = []
    for block in range(BLOCKS):
        for arm in [*values, "A′"]:
            value = values.get(arm, sweep.points[0].values[0])
            duration = int(milliseconds[value] * 1e6 * dice.uniform(0.99, 1.01))
            trial = make_trial(block, 0, workload.name, arm, (duration,))
            changes = {
                "tokens": tokens(value) or workload.tokens,
                "output": (outputs or {}).get(value, {}),
            }
            trials.append(msgspec.structs.replace(trial, **changes))
    return prepare(run, tuple(trials), compare_run(run, trials))


def test_throughput_is_that_of_all_sequences_together():
    found = material(
        "parallel", {"1": 100, "2": 125, "4": 200}, TG, tokens=lambda value: 16 * int(value)
    )
    info = found.document.sweep
    speeds = [point.workloads[0].median for point in info.points]
    assert speeds == pytest.approx([160, 256, 320], rel=0.02)
    assert [p.workloads[0].efficiency for p in info.points] == pytest.approx(
        [1, 0.8, 0.5], rel=0.02
    )
    [gain] = info.sentences
    assert re.search(r"throughput of 1\.[56]\S+ \[.*\] with 2 and (2|1\.9)\S+ \[.*\] with 4;", gain)
    assert re.search(r"each of them then runs at (80|79).% and 50.% of its speed", gain)
    assert "with parallel 4" in found.document.answer
    assert "every sequence counts whole" in render_html(found)


def test_the_time_to_the_first_token_is_told_in_milliseconds():
    found = material("prompt-cache", {"off": 800, "on": 40}, TTFT)
    info = found.document.sweep
    assert [p.workloads[0].first_token_ms for p in info.points] == pytest.approx(
        [800, 40], rel=0.02
    )
    [said] = info.sentences
    assert re.match(r"Time to the first token of ttft256: (79|80)\d ms with off, ", said)
    assert re.search(r"ms with on, (20|19\.9)", said)
    for text in (render_text(found.document), render_markdown(found.document)):
        assert "ttft256 (ms)" in text
    assert '<span class="unit">ms</span>' in render_html(found)
    rows = list(csv.DictReader(io.StringIO(sweep_csv(found))))
    assert float(rows[1]["first_token_ms"]) == pytest.approx(40, rel=0.02)
    assert "not of llama-completion" in found.document.roofline.missing
    assert "is shortest, by its median, with prompt-cache on" in found.document.answer


def guessed(drafted, accepted, text="the rain fell"):
    return {"drafted_tokens": drafted, "accepted_tokens": accepted, "text": text}


OUTPUTS = {
    "off": guessed(0, 0),
    "ngram-simple": guessed(0, 0),
    "ngram-mod": guessed(40, 10, "the rain fell."),
    "draft": guessed(40, 30, "the snow fell"),
}


def test_acceptance_is_accepted_over_drafted_tokens():
    times = {"off": 500, "ngram-simple": 500, "ngram-mod": 480, "draft": 250}
    found = material("speculative", times, GEN, outputs=OUTPUTS)
    info = found.document.sweep
    assert [p.workloads[0].acceptance for p in info.points] == [None, None, 0.25, 0.75]
    said = " ".join(info.sentences)
    assert "ngram-simple: nothing was guessed in so short a text" in said
    assert re.search(r"draft: 75.% of 40 guessed tokens were accepted \(gen64\), (2|1\.9)", said)
    assert "draft generated another text than off" in said
    assert "ngram-mod generated" not in said  # longer by what was accepted last
    assert "depends on the text" in said
    assert "accepted" in render_text(found.document, 160)
    assert "accepted" in render_html(found)
    rows = list(csv.DictReader(io.StringIO(sweep_csv(found))))
    assert [row["acceptance_fraction"] for row in rows] == ["", "", "0.25", "0.75"]
    point = json.loads(msgspec.json.encode(info))["points"][3]["workloads"][0]
    assert point["acceptance"] == 0.75


def test_the_draft_model_is_named():
    found = material("speculative", {"off": 500, "draft": 250}, GEN, outputs=OUTPUTS)

    def said(draft):
        run = msgspec.structs.replace(found.run, draft=draft)
        document = prepare(run, found.trials, compare_run(run, found.trials)).document
        assert document.draft.sha256 == draft.sha256
        return " ".join(document.sweep.sentences)

    small = msgspec.structs.replace(make_model(), sha256="c" * 64, name="Small", size_bytes=10**7)
    assert "The draft model is Small Q4_1, 10.0 MB beside 98.4 MB." in said(small)
    assert "The draft model is the model itself" in said(make_model())
    random_draft = msgspec.structs.replace(small, synthetic=True)
    assert "weights are random" in said(random_draft)


def test_warm_up_blocks_do_not_count_for_acceptance():
    found = material("speculative", {"off": 500, "draft": 250}, GEN, outputs=OUTPUTS)
    odd = tuple(
        msgspec.structs.replace(trial, output=guessed(1000, 1000)) if trial.block == 0 else trial
        for trial in found.trials
    )
    again = prepare(found.run, odd, compare_run(found.run, odd))
    assert again.document.sweep.points[1].workloads[0].acceptance == 0.75


def test_random_weights_say_nothing_about_real_text():
    times = {"off": 500, "draft": 250}
    found = material("speculative", times, GEN, outputs=OUTPUTS, synthetic=True)
    said = " ".join(found.document.sweep.sentences)
    assert "weights are random" in said
    assert "says nothing about real text" in said
    assert "depends on the text" not in said


def test_what_is_the_same_text_is_said_too():
    outputs = {"off": guessed(0, 0), "ngram-mod": guessed(9, 3)}
    times = {"off": 500, "ngram-mod": 480}
    found = material("speculative", times, GEN, outputs=outputs)
    assert found.document.sweep.sentences[-1] == "All points generated the same text."
