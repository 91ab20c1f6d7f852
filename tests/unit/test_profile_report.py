"""A profile as text, page, document and flame graph, from the store alone."""

import json
from xml.etree import ElementTree as ET

import jsonschema
import msgspec
import pytest
from click.testing import CliRunner

from llamabuild.cli import profile as command
from llamabuild.cli.report import command as report_command
from llamabuild.errors import BadInput
from llamabuild.report.flame import WIDTH, flame_svg
from llamabuild.report.html import render_profile_html
from llamabuild.report.palette import css_variables
from llamabuild.report.profile_document import load_profile, profile_document
from llamabuild.report.profile_text import render_profile
from llamabuild.report.profile_words import count_value, miss_rows, rate_value
from llamabuild.report.profile_write import write_profile
from llamabuild.report.schema import PROFILE, json_schema, shipped
from llamabuild.report.write import render_json
from llamabuild.store.results import Results
from llamabuild.types.profile import Flame, Hot, Loop
from tests.profile_fixture import KERNEL, SIMULATION, STACKS, count, make_profile, make_workload

DOCUMENT = profile_document(make_profile())
SVG = "{http://www.w3.org/2000/svg}"


def test_a_profile_comes_back_from_the_store_as_it_was():
    run = make_profile()
    with Results.open() as results:
        results.save_profile_run(msgspec.structs.replace(run, status="running"))
        results.save_profile_run(run)
        assert results.profile_run("latest") == run
        assert results.profile_run(run.id[:9]) == run
        assert results.profile_runs() == (run,)
        with pytest.raises(BadInput, match="profile '1999' is not in the store"):
            results.profile_run("1999")
    assert load_profile("latest") == DOCUMENT


def test_the_command_report_shows_it_lists_it_and_fills_a_folder(tmp_path):
    run = make_profile()
    with Results.open() as results:
        results.save_profile_run(run)

    def report(*words):
        return CliRunner().invoke(report_command, list(words), catch_exceptions=False).output

    assert report(run.id) == render_profile(DOCUMENT)
    assert report(run.id[:9], "--json") == render_json(DOCUMENT)
    assert report(run.id, "--format", "html") == render_profile_html(DOCUMENT)
    assert report(run.id, "--output", f"{tmp_path / 'all'}/").strip().endswith("profile.html")
    assert (tmp_path / "all" / "profile.json").is_file()
    assert f"profiles:\n{run.id}  done  native, " in report("--list")
    [row] = json.loads(report("--list", "--json"))["profiles"]
    assert (row["run"], row["variant"]) == (run.id, "native")
    with pytest.raises(BadInput, match="a profile has no format 'csv'"):
        report(run.id, "--format", "csv")


def test_a_profile_that_was_killed_is_called_interrupted():
    with Results.open() as results:
        results.save_profile_run(make_profile(status="running"))
        results.settle_running("")
        assert results.profile_run("latest").status == "interrupted"


def test_the_document_is_as_its_schema_says_and_names_no_folder():
    text = render_json(DOCUMENT)
    jsonschema.validate(json.loads(text), shipped(PROFILE))
    assert shipped(PROFILE) == json_schema(PROFILE)
    assert "secret" not in text
    assert "…/m.gguf" in text


def test_the_text_says_all_of_it():
    text = render_profile(DOCUMENT)
    for words in (
        "# Profile of native",
        "39.1 tokens/s",
        "**Bound**: not the same by each: roofline says memory-bound, counters says compute-bound",
        "simulated by callgrind of valgrind-3.19.0 on the build avx2 (native: valgrind cannot run",
        "| simulated last-level misses ",
        "12.3 GB/s",
        "60\u00a0% of CPU time in ggml_vec_dot_q4_1_q8_1 (AVX2, no VNNI)".replace("\u00a0", " "),
        "30 % waiting in libgomp; 1,824 samples by perf cpu-clock",
        "simulated last-level read misses, by callgrind",
        "of ggml_vec_dot_q4_1_q8_1 in a loop of 2 instructions: avx2 1",
        "1000  vpmaddubsw ymm0,ymm1,ymm2",
        "not supported",
        "## What could not be had here",
    ):
        assert words in text


def test_rows_of_a_table_have_as_many_cells_as_its_head():
    wide = msgspec.structs.replace(KERNEL, name="operator|")
    hot = Hot(event="CPU time", method="m", samples=9, functions=(wide,))
    text = render_profile(profile_document(make_profile(make_workload(hot=(hot,)))))
    assert "operator\\|" in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"reason": "llama-bench exited with 1"}, "did not run: llama-bench exited with 1"),
        (
            {"hot": (Hot(event="CPU time", method="", samples=0, reason="no perf"),)},
            "CPU time: not sampled: no perf",
        ),
        (
            {"loop": Loop(function="f", library="l", event="e", samples=3, reason="no loop")},
            "Hottest loop: f: no loop",
        ),
        (
            {"simulation": msgspec.structs.replace(SIMULATION, tool="", reason="no valgrind")},
            "not simulated: no valgrind",
        ),
    ],
)
def test_what_lacks_is_said_with_its_reason(changes, words):
    document = profile_document(make_profile(make_workload(**changes)))
    assert words in render_profile(document)
    assert words.split(": ")[-1] in render_profile_html(document)


def test_values_with_their_units():
    values = {rate.name: rate_value(rate) for rate in make_workload().rates}
    assert values == {
        "ipc": "0.73",
        "l1_miss_rate": "2.12\u00a0% per access",
        "llc_bandwidth": "12.3 GB/s",
        "memory_stall_share": "41.0\u00a0% of all cycles",
    }
    assert count_value(count("c", "c", 1e9, running=0.75)).endswith(
        "(counted 75% of the time, scaled)"
    )


def test_sampled_misses_are_preferred_to_simulated_ones():
    sampled = Hot(event="cache misses", method="perf LLC", samples=60, functions=(KERNEL,))
    found = make_workload(hot=(*make_workload().hot, sampled))
    how, rows = miss_rows(found)
    assert how == "last-level misses by perf LLC"
    assert rows[0].share == 0.6


def test_where_the_last_level_holds_everything_the_first_is_ranked():
    counts = {"instructions": 10_000_000, "l1_misses": 45, "llc_misses": 1}
    found = make_workload(simulation=msgspec.structs.replace(SIMULATION, counts=counts))
    how, rows = miss_rows(found)
    assert how.startswith("simulated L1 read misses")
    assert rows[0].share == 1.0
    assert miss_rows(make_workload(simulation=None)) == ("", [])


# Flame graphs.


def boxes(svg):
    """Title to x and width of each box."""
    root = ET.fromstring(svg)
    found = {}
    for group in root.iter(f"{SVG}g"):
        title, rect = group.find(f"{SVG}title"), group.find(f"{SVG}rect")
        if title is not None:
            found[title.text] = {name: rect.get(name) for name in ("x", "y", "width", "class")}
    return found


def test_widths_are_shares_and_callers_stand_below():
    found = boxes(flame_svg(make_workload().flame, "title"))
    all_, main = found["all, 100.0\u00a0%"], found["main, 100.0\u00a0%"]
    kernel = found["ggml_vec_dot_q4_1_q8_1, 60.0\u00a0%"]
    assert float(all_["width"]) == pytest.approx(WIDTH - 16)
    assert float(kernel["width"]) == pytest.approx(0.6 * (WIDTH - 16), abs=0.01)
    assert float(all_["y"]) > float(main["y"]) > float(kernel["y"])
    assert kernel["class"] == "kernel"
    assert found["[libgomp.so.1.0.0], 30.0\u00a0%"]["class"] == "waiting"


def test_names_are_escaped_and_whole_in_the_title():
    svg = flame_svg(make_workload().flame, 'a "title" <b>')
    assert "<script>" not in svg
    assert "evil<script>&\"', 10.0\u00a0%" in boxes(svg)


def test_a_file_has_both_themes_and_a_part_of_a_page_has_none():
    flame = Flame(source="s", unit="u", stacks=STACKS)
    alone, part = flame_svg(flame, "t"), flame_svg(flame, "t", standalone=False)
    for theme in ("light", "dark"):
        assert css_variables(theme) in alone
    assert ":root" not in part
    for svg in (alone, part):
        assert "<script" not in svg
        assert "href" not in svg


def test_a_library_that_starts_threads_is_not_waiting():
    found = boxes(
        flame_svg(
            Flame(
                source="s",
                unit="u",
                stacks=(
                    STACKS[0],
                    STACKS[1].__class__(frames=("clone3", "[libgomp.so.1]", "work"), share=0.4),
                ),
            ),
            "t",
        )
    )
    assert found["[libgomp.so.1], 40.0\u00a0%"]["class"] in {"even", "odd"}


def test_no_paths_no_picture():
    assert flame_svg(Flame(source="", unit=""), "t") == ""


# The page and the folder.


def test_the_page_is_whole_and_escaped():
    page = render_profile_html(DOCUMENT)
    assert page.count("<svg") == 2
    assert "evil<script>" not in page
    assert "evil&lt;script&gt;" in page
    assert 'id="workload-pp64"' in page
    assert "secret" not in page


def test_everything_is_written(tmp_path):
    assert write_profile(DOCUMENT, tmp_path) == tmp_path / "profile.html"
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        *("profile.html", "profile.json", "profile.md"),
        *("flame-pp64.svg", "flame-tg16.svg"),
    }


@pytest.mark.parametrize(("reason", "code"), [("", 0), ("llama-bench exited with 1", 1)])
@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_the_command_prints_writes_and_exits(
    monkeypatch, tmp_path, capsys, reason, code, arguments
):
    asked = {}

    def run(request, _observer, *, simulate):
        asked.update(request=request, simulate=simulate)
        made = make_profile(make_workload(reason=reason))
        with Results.open() as results:
            results.save_profile_run(made)
        return made

    monkeypatch.setattr("llamabuild.pipeline.profile.run_profile", run)
    words = ["avx2", "--workloads", "tg", "--no-simulate", "--output", str(tmp_path), *arguments]
    result = command.command.main(words, standalone_mode=False)
    assert (result or 0) == code
    assert asked["request"].names == ("avx2",)
    assert asked["request"].baseline == "avx2"
    assert asked["request"].workloads == ("tg",)
    assert asked["simulate"] is False
    captured = capsys.readouterr()
    if arguments:
        assert json.loads(captured.out)["schema"] == "llamabuild.profile/1"
    else:
        assert captured.out.startswith("# Profile of native")
    assert "profile.html" in captured.err
    assert (tmp_path / "20261127-174755-2deb" / "profile.html").is_file()


def test_a_stored_profile_is_shown_again(tmp_path, capsys):
    with Results.open() as results:
        results.save_profile_run(make_profile())
    command.command.main(["--show", "latest", "--output", str(tmp_path)], standalone_mode=False)
    assert capsys.readouterr().out == render_profile(DOCUMENT)
    with pytest.raises(BadInput, match="profile 'x' is not in the store"):
        command.command.main(["--show", "x"], standalone_mode=False)
