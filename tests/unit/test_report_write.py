"""From the store to files, the command line and data frames."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from llamabuild.cli.report import command
from llamabuild.errors import BadInput, EnvironmentLacks
from llamabuild.report import frames
from llamabuild.report.write import render, write_file, write_report
from llamabuild.store.results import Results
from tests import report_fixture as fixture


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    """Return a state folder with the made-up run in its store."""
    folder = tmp_path_factory.mktemp("state")
    with Results.open(folder / "results.sqlite") as results:
        results.save_run(fixture.run())
        for trial in fixture.trials():
            results.add_trial(fixture.RUN_ID, trial)
        for item in fixture.run().discarded:
            results.discard_block(fixture.RUN_ID, item)
    return folder


@pytest.fixture(autouse=True)
def stored(state, monkeypatch):
    monkeypatch.setenv("LLAMABUILD_STATE", str(state))


def test_the_list_of_runs_is_one_json_object():
    found = CliRunner().invoke(command, ["--list", "--json"])
    assert found.exit_code == 0, found.output
    document = json.loads(found.stdout)
    assert document["schema"] == "llamabuild.runs/1"
    (row,) = document["runs"]
    assert (row["run"], row["status"], row["variants"]) == (fixture.RUN_ID, "done", 9)
    assert document["kernel_runs"] == []


def test_json_is_the_short_name_of_a_format():
    found = CliRunner().invoke(command, ["latest", "--json"])
    assert json.loads(found.stdout)["schema"] == "llamabuild.variants/1"


def test_report_folder_is_complete_and_has_no_leftovers(tmp_path):
    page = write_report("latest", tmp_path / "out")
    assert page == tmp_path / "out" / "report.html"
    names = {str(path.relative_to(page.parent)) for path in page.parent.rglob("*.*")}
    plots = {f"plots/{name}.{kind}" for name in ("ratios", "trials", "isa", "build-cost")
             for kind in ("svg", "png")}  # fmt: skip
    tables = {"report.html", "results.json", "results.md", "comparisons.csv", "trials.csv",
              "build-cost.csv"}  # fmt: skip
    assert names == plots | tables
    assert page.stat().st_mode & 0o777 == 0o644
    data = json.loads((page.parent / "results.json").read_text())
    assert data["run"]["id"] == fixture.RUN_ID
    assert [item["block"] for item in data["discarded"]] == [fixture.DISCARDED]


def test_a_write_that_fails_leaves_the_old_file_alone(tmp_path, monkeypatch):
    target = tmp_path / "a.txt"
    write_file(target, b"old")

    def broken(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", broken)
    with pytest.raises(EnvironmentLacks, match="No space left"):
        write_file(target, b"new")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.glob(".a.txt*")) == []


def test_unknown_run_and_format():
    with pytest.raises(BadInput):
        render("nonesuch", "json")
    with pytest.raises(BadInput, match="did you mean 'html'"):
        render("latest", "htlm")


@pytest.mark.parametrize("form", ["text", "json", "csv", "md"])
def test_command_prints_each_format(form):
    result = CliRunner().invoke(command, ["latest", "--format", form], catch_exceptions=False)
    assert result.exit_code == 0
    assert result.stdout == render(fixture.RUN_ID, form)


def test_command_writes_a_file(tmp_path):
    file = tmp_path / "x.html"
    arguments = ["--format", "html", "--output", str(file)]
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.stdout.strip() == str(file)
    assert file.read_text().startswith("<!doctype html>")


def test_command_lists_runs():
    result = CliRunner().invoke(command, ["--list"], catch_exceptions=False)
    lines = result.stdout.splitlines()
    assert len(lines) == 2
    assert lines[1].startswith(fixture.RUN_ID)
    assert "SmolLM2 135M Instruct Q4_1" in lines[1]


def test_command_fills_a_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("llamabuild.report.plots.PLOTS", ())
    arguments = ["--output", str(tmp_path)]
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.stdout.strip() == str(tmp_path / "report.html")
    assert (tmp_path / "trials.csv").is_file()


def test_frames_have_units_in_their_columns():
    assert list(frames.runs().index) == [fixture.RUN_ID]
    trials = frames.trials()
    assert len(trials) == len(fixture.trials())
    assert {"median_tokens_per_second", "samples_ns", "state_wall_seconds"} <= set(trials.columns)
    comparisons = frames.comparisons(fixture.RUN_ID).set_index(["variant", "workload"])
    assert 1.3 < comparisons.loc[("native", "pp64"), "ratio"] < 1.45
    inspections = frames.inspections()
    assert inspections["group_avx512vnni_instructions"].sum() > 0
    assert str(inspections["group_avx2_instructions"].dtype) == "int64"


def test_frames_of_an_empty_store(tmp_path, monkeypatch):
    monkeypatch.setenv("LLAMABUILD_STATE", str(tmp_path / "empty"))
    assert len(frames.runs()) == 0
    with pytest.raises(BadInput):
        frames.trials()
