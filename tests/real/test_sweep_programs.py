"""Sweeps that run other programs of llama.cpp, on the real model."""

import csv
import io
import json

import jsonschema
import pytest

from llamabuild.report.schema import shipped
from llamabuild.store.paths import cache_dir

QUICK = ("--quick", "--json", "--seed", "7")


def swept(llamabuild, folder, *asked):
    """The document of a sweep and the rows of its trials."""
    result = llamabuild("sweep", *asked, *QUICK, cwd=folder)
    assert result.returncode in {0, 3}, result.stderr  # 3: A′ may differ on a noisy machine
    document = json.loads(result.stdout)
    jsonschema.validate(document, shipped())
    [page] = folder.rglob("report.html")
    assert (page.parent / "plots" / "sweep.svg").is_file()
    return document, list(csv.DictReader(io.StringIO((page.parent / "trials.csv").read_text())))


def the_build(document, program):
    """All points are one build, in which the program is, besides those of every build."""
    builds = {variant["build"]["id"] for variant in document["variants"]}
    assert len(builds) == 1
    assert {variant["settings"]["program"] for variant in document["variants"]} == {program}
    [build] = builds
    assert (cache_dir("builds") / build / "files" / program).is_file()


def test_several_sequences_at_once_bring_more(built, llamabuild, tmp_path):
    document, trials = swept(llamabuild, tmp_path, "parallel", "1", "4", "--workloads", "pp16,tg8")
    the_build(document, "llama-batched-bench")
    one, four = document["sweep"]["points"]
    assert [one["values"], four["values"]] == [["1"], ["4"]]
    assert four["workloads"][1]["ratio"] > 1  # weights are read once for four tokens
    sizes = {(row["variant"], row["workload"]): row for row in trials}
    row = sizes["native+parallel=4", "pp16"]
    assert (row["bench_pl"], row["bench_pp"], row["tokens"]) == ("4", "16", "64")
    assert four["kv_cache_bytes"] == 4 * one["kv_cache_bytes"]


def test_a_saved_prefix_shortens_the_wait(built, llamabuild, tmp_path):
    document, trials = swept(llamabuild, tmp_path, "prompt-cache", "--workloads", "ttft128")
    the_build(document, "llama-completion")
    off, on = (point["workloads"][0] for point in document["sweep"]["points"])
    assert 0 < on["first_token_ms"] < off["first_token_ms"]
    assert on["ratio"] > 2
    saved = {row["variant"]: int(row["bench_saved_tokens"]) for row in trials}
    assert saved["native+prompt-cache=off"] == 0
    assert 100 < saved["native+prompt-cache=on"] < 128
    assert len({row["bench_text"] for row in trials}) == 1
    assert not list(cache_dir("scratch").glob("prompts-*"))


def test_guesses_are_checked_and_counted(built, llamabuild, tmp_path):
    asked = ("speculative", "ngram-cache", "draft", "--draft-model", "default")
    document, trials = swept(llamabuild, tmp_path, *asked, "--workloads", "gen48")
    the_build(document, "llama-speculative-simple")
    off, cache, draft = (point["workloads"][0] for point in document["sweep"]["points"])
    assert off["acceptance"] is None
    assert draft["acceptance"] > 0.8  # it guesses what it would say itself
    assert cache["acceptance"] is None or 0 <= cache["acceptance"] <= 1
    assert {int(row["bench_decoded_tokens"]) >= 48 for row in trials} == {True}
    assert any("depends on the text" in said for said in document["sweep"]["sentences"])


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (["speculative", "draft"], "needs a draft model"),
        (["speculative", "off", "--draft-model", "default"], "'draft' of 'speculative' alone"),
        (
            ["speculative", "--draft-model", "synthetic:tiny"],
            "the vocabulary of the draft model synthetic:tiny",
        ),
        (["parallel", "1", "prompt-cache", "on"], "run different programs"),
        (["prompt-cache", "--workloads", "pp"], "llama-completion has no workload 'pp'"),
    ],
)
def test_bad_wishes_get_one_line(built, llamabuild, tmp_path, asked, says):
    result = llamabuild("sweep", *asked, "--quick", cwd=tmp_path)
    assert result.returncode == 2
    assert says in result.stderr.strip().splitlines()[-1]


def test_a_tree_without_the_program_gets_one_line(built, llamabuild, tmp_path):
    tree = tmp_path / "tree"
    (tree / "ggml").mkdir(parents=True)
    (tree / "ggml" / "CMakeLists.txt").touch()
    (tree / "CMakeLists.txt").write_text('project("llama.cpp")\n')
    result = llamabuild("sweep", "parallel", "--source", f"path:{tree}", "--quick", cwd=tmp_path)
    assert result.returncode == 5
    assert "has no llama-batched-bench" in result.stderr.strip().splitlines()[-1]
