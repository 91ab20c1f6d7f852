"""Sweeps and the baseline on the real model."""

import csv
import io
import json
import os
import shutil

import jsonschema
import pytest

from llamabuild.report.schema import shipped
from llamabuild.sampling.preload import record_preloaded


@pytest.fixture(scope="module")
def sweep(built, tmp_path_factory):
    from tests.real.conftest import run_llamabuild  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("sweep")
    asked = ("threads", "1", "2", "--quick", "--json", "--seed", "7")
    result = run_llamabuild("sweep", *asked, cwd=folder)
    assert result.returncode in {0, 3}, result.stderr
    return json.loads(result.stdout), folder


def table(path):
    return list(csv.DictReader(io.StringIO(path.read_text())))


def test_points_of_a_thread_sweep_run_with_their_threads(sweep, llamabuild):
    document, folder = sweep
    jsonschema.validate(document, shipped())
    points = document["sweep"]["points"]
    assert [point["values"] for point in points] == [["1"], ["2"]]
    assert all(point["status"] == "ready" for point in points)
    assert points[0]["workloads"][0]["efficiency"] == 1.0
    assert 0.2 < points[1]["workloads"][0]["efficiency"] < 1.5
    [page] = folder.rglob("report.html")
    trials = table(page.parent / "trials.csv")
    threads = {row["variant"]: row["bench_n_threads"] for row in trials}
    assert threads["native+threads=1"] == "1"
    assert threads["native+threads=2"] == "2"
    assert (page.parent / "plots" / "sweep.svg").is_file()
    assert len(table(page.parent / "sweep.csv")) == 4


def test_every_point_of_a_sweep_is_the_same_build(sweep):
    document, _ = sweep
    assert len({variant["build"]["id"] for variant in document["variants"]}) == 1


def test_axes_cross_and_what_does_not_go_together_is_a_row_with_its_reason(
    built, llamabuild, tmp_path
):
    asked = ("sweep", "kv-cache", "q8_0", "flash-attention", "on", "off", "--quick", "--json")
    document = json.loads(llamabuild(*asked, cwd=tmp_path).stdout)
    points = {tuple(point["values"]): point for point in document["sweep"]["points"]}
    assert points["", ""]["status"] == "ready"
    assert points["q8_0", "on"]["status"] == "ready"
    assert points["q8_0", "on"]["kv_cache_bytes"] < points["", ""]["kv_cache_bytes"]
    assert points["q8_0", "off"]["status"] == "unsupported"
    assert "fused attention alone" in points["q8_0", "off"]["reason"]


def test_an_option_or_value_that_llama_bench_refuses_is_a_row(built, llamabuild, tmp_path):
    asked = ("sweep", "arg:--split-mode", "none", "sideways", "arg:--no-such", "1")
    result = llamabuild(*asked, "--quick", "--json", "--workloads", "tg", cwd=tmp_path)
    points = {tuple(p["values"]): p for p in json.loads(result.stdout)["sweep"]["points"]}
    assert points["", ""]["status"] == "ready"
    assert points["none", "1"]["status"] == points["sideways", "1"]["status"] == "unsupported"
    assert points["none", "1"]["reason"] == "its llama-bench has no --no-such 1"
    asked = ("sweep", "arg:--split-mode", "none", "sideways")
    result = llamabuild(*asked, "--quick", "--json", "--workloads", "tg", cwd=tmp_path)
    points = {tuple(p["values"]): p for p in json.loads(result.stdout)["sweep"]["points"]}
    assert points[("none",)]["status"] == "ready"
    assert points[("sideways",)]["status"] == "unsupported"
    # Options have several names; the reason has the one that --help begins with.
    assert points[("sideways",)]["reason"] == "its llama-bench has no -sm sideways"


def test_layers_on_a_gpu_that_the_build_cannot_use_are_a_row(built, llamabuild, tmp_path):
    asked = ("sweep", "gpu-layers", "--quick", "--json", "--workloads", "tg")
    document = json.loads(llamabuild(*asked, cwd=tmp_path).stdout)
    points = {tuple(point["values"]): point for point in document["sweep"]["points"]}
    assert points[("0",)]["status"] == "ready"
    assert points[("99",)]["status"] == "unsupported"
    assert "this build has no backend for one" in points[("99",)]["reason"]


def test_affinity_takes_what_this_machine_has(built, llamabuild, tmp_path):
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("one CPU may be used here: nothing to pin")
    asked = ("sweep", "affinity", "--quick", "--json", "--workloads", "tg")
    document = json.loads(llamabuild(*asked, cwd=tmp_path).stdout)
    [axis] = document["sweep"]["axes"]
    points = {point["values"][0]: point for point in document["sweep"]["points"]}
    assert list(points) == ["", *axis["values"]]
    variants = {variant["name"]: variant for variant in document["variants"]}
    mask = variants["native+affinity=mask"]["settings"]["bench_arguments"]
    assert mask[:1] + mask[2:] == ["-C", "--cpu-strict", "1"]
    assert all(points[name]["status"] == "ready" for name in points if not name.startswith("node"))
    if shutil.which("numactl") is None:
        assert "install numactl" in points["node-0"]["reason"]


def test_a_context_beyond_the_memory_is_not_tried(built, llamabuild, tmp_path):
    asked = ("sweep", "depth", "64", "9000000", "--quick", "--json", "--workloads", "tg")
    document = json.loads(llamabuild(*asked, cwd=tmp_path).stdout)
    small, huge = document["sweep"]["points"][1:]
    assert small["status"] == "ready"
    assert huge["status"] == "unsupported"
    assert "model and KV cache need" in huge["reason"]
    asked = ("sweep", "depth", "9000", "--quick", "--json", "--workloads", "tg")
    document = json.loads(llamabuild(*asked, cwd=tmp_path).stdout)
    assert "needs a context of 9,0" in document["sweep"]["points"][1]["reason"]


def test_the_own_sampler_works_under_a_launcher(built, tmp_path):
    argv = [str(built["native"] / "llama-bench"), "--help"]
    launcher = ("taskset", "-c", "0")
    found = record_preloaded(argv, environment={}, timeout_seconds=60, launcher=launcher)
    assert found.finished.ok
    assert found.mappings


def test_pinned_to_one_cpu_two_threads_are_no_faster(built, llamabuild, tmp_path):
    asked = ("sweep", "cpus", "0", "--quick", "--json", "--workloads", "pp")
    document = json.loads(llamabuild(*asked, cwd=tmp_path).stdout)
    pinned = next(p for p in document["sweep"]["points"] if p["values"] == ["0"])
    assert pinned["workloads"][0]["ratio"] < 0.9
    variant = next(v for v in document["variants"] if v["name"] == "native+cpus=0")
    assert variant["settings"]["launcher"] == ["taskset", "-c", "0"]


def test_the_baseline_trial_by_trial(built, llamabuild, tmp_path):
    result = llamabuild("baseline", "--trials", "3", "--json", cwd=tmp_path)
    assert result.returncode in {0, 3}, result.stderr  # 3: A′ may differ on a noisy machine
    document = json.loads(result.stdout)
    assert document["variant"] == "native"
    for workload in document["workloads"]:
        assert len(workload["trials"]) == 3
        assert workload["low"] < workload["mean_tokens_per_second"] < workload["high"]
        for trial in workload["trials"]:
            speed = workload["tokens"] / trial["milliseconds"] * 1e3
            assert speed == pytest.approx(trial["tokens_per_second"])
            assert trial["peak_rss_bytes"] > 50e6


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (["thread"], "unknown setting 'thread': did you mean 'threads'"),
        (["threads", "0"], "not a value for threads"),
        ([], "nothing to vary"),
        (["cpus"], "no values that suit every machine"),
        (["threads", "8..1"], "not a range"),
    ],
)
def test_bad_words_get_one_line(llamabuild, tmp_path, asked, says):
    result = llamabuild("sweep", *asked, cwd=tmp_path)
    assert result.returncode == 2
    assert says in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
