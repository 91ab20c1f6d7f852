"""CSV, Markdown and the terminal."""

from __future__ import annotations

import csv
import io

import msgspec
import pytest
from rich.console import Console

from llamabuild.report.csv import comparisons_csv, trials_csv
from llamabuild.report.markdown import escape, render_markdown, results_markdown
from llamabuild.report.material import prepare
from llamabuild.report.text import print_text, render_text
from llamabuild.types.run import NOISE_ARM
from tests import report_fixture as fixture


@pytest.fixture(scope="module")
def material():
    return prepare(fixture.run(), fixture.trials(), fixture.comparison_set(), "one of 2 %")


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_trials_csv_has_every_trial_and_every_field(material):
    found = rows(trials_csv(material))
    assert len(found) == len(material.trials)
    fields = {f"bench_{name}" for name in ("build_commit", "n_threads", "avg_ns", "samples_ns")}
    assert fields | {"bench_avg_tokens_per_second", "state_peak_rss_bytes"} <= found[0].keys()
    good = next(row for row in found if row["status"] == "ok")
    trial = next(trial for trial in material.trials if trial.status == "ok")
    assert good["samples_ns"] == str(list(trial.samples_ns))
    assert good["bench_model_filename"] == "…/SmolLM2-135M-Instruct.Q4_1.gguf"
    crashed = next(row for row in found if row["status"] == "crashed")
    assert crashed["median_tokens_per_second"] == ""
    assert {row["left_out"] for row in found} == {"", "warm-up", "steal time 7 % of the block"}


def test_comparisons_csv_has_every_build_and_the_noise(material):
    found = rows(comparisons_csv(material))
    assert {row["variant"] for row in found} == {*fixture.DESCRIPTIONS, NOISE_ARM}
    failed = next(row for row in found if row["variant"] == "lto")
    assert failed["ratio"] == ""
    assert failed["reason"]


def test_cells_are_no_formulas_but_numbers_stay_numbers(material):
    trial = msgspec.structs.replace(
        material.trials[0],
        output={"x": "=1+1", "y": -1, "z": "-rf", "w": float("nan"), "=k": 'a,b\n"c"'},
    )
    changed = prepare(material.run, (trial,), fixture.comparison_set())
    row = rows(trials_csv(changed))[0]
    assert (row["bench_x"], row["bench_y"], row["bench_z"]) == ("'=1+1", "-1", "'-rf")
    assert row["bench_w"] == ""
    assert row["bench_=k"] == 'a,b\n"c"'


def test_markdown_table_is_whole(material):
    text = render_markdown(material.document)
    assert text.startswith(results_markdown(material.document))
    table = [
        line for line in results_markdown(material.document).splitlines() if line.startswith("|")
    ]
    assert len(table) == 2 + len(fixture.DESCRIPTIONS)
    assert len({line.replace("\\|", "").count("|") for line in table}) == 1
    assert "**native**" in text
    assert "- lto: build failed, link failed" in text
    assert "build failed" in next(line for line in table if line.startswith("| lto"))


def test_markdown_escapes():
    assert escape("a|b\n<c> `d` *e*") == "a\\|b \\<c\\> \\`d\\` \\*e\\*"


def test_text_has_every_build_with_result_or_reason(material):
    text = render_text(material.document)
    for name in fixture.DESCRIPTIONS:
        assert name in text
    assert "lto: build failed: link failed" in text
    assert "avx512: SIMD not as expected" in text
    assert "1.38×" in text
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 100


def test_text_does_not_read_names_as_markup(material):
    run = material.run
    arms = tuple(
        msgspec.structs.replace(arm, name="[red]x[/red]", reason="[bold]\x1b[2Jy")
        for arm in run.arms
    )
    document = prepare(
        msgspec.structs.replace(run, arms=arms), (), fixture.comparison_set()
    ).document
    text = render_text(document)
    assert "[red]x[/red]" in text
    assert "[bold]y" in text
    assert "\x1b" not in text


def test_colour_only_where_asked(material):
    console = Console(file=io.StringIO(), force_terminal=True, color_system="standard", width=120)
    print_text(material.document, console)
    assert "\x1b[" in console.file.getvalue()
