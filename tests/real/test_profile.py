"""A real build profiled: what is said of it is what its kernel and its machine code are known to be."""

import json
import shutil

import pytest

from llamabuild.profiling import CannotCount, CannotSimulate, find_valgrind, usable_events
from llamabuild.profiling.counters import facts
from llamabuild.sampling import CannotSample
from llamabuild.sampling.perf import usable_perf
from tests.real.conftest import run_llamabuild

KERNEL = "ggml_vec_dot_q4_1_q8_1"
"""Of the default model's quantization."""


@pytest.fixture(scope="module")
def profiled(built, tmp_path_factory):
    """Profile token generation of the AVX2 build, by every tool that is here."""
    assert built
    if shutil.which("perf") is None and shutil.which("valgrind") is None:
        pytest.skip("neither perf nor valgrind is here")
    folder = tmp_path_factory.mktemp("profile")
    words = ["profile", "avx2", "--workloads", "tg", "--threads", "1", "--simulate", "--json"]
    result = run_llamabuild(*words, "--output", str(folder))
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)
    [workload] = document["workloads"]
    return document, workload, folder / document["run"]["id"]


def test_the_hottest_function_is_the_kernel_of_the_models_quantization(profiled):
    _, workload, _ = profiled
    hot = workload["hot"][0]
    assert hot["samples"] >= 50, hot["reason"]
    assert hot["functions"][0]["name"] == KERNEL
    assert "avx2" in hot["functions"][0]["groups"]


def test_the_hottest_loop_is_a_loop_of_that_kernel_with_its_simd(profiled):
    _, workload, _ = profiled
    loop = workload["loop"]
    assert loop["function"] == KERNEL
    assert loop["share"] > 0.5, loop["reason"]
    assert loop["groups"]["avx2"] > 0
    assert not any(group.startswith("avx512") for group in loop["groups"])


def test_counters_count_or_say_why_not(profiled):
    _, workload, _ = profiled
    try:
        usable_events(facts().events[:1])
    except CannotCount:
        assert workload["counters"]["reason"]
        return
    counts = {each["role"]: each for each in workload["counters"]["counts"]}
    # One thread computes all the time: its CPU time is the time of the repetitions.
    seconds = counts["task_clock"]["value"] / 1000
    assert seconds == pytest.approx(workload["counters"]["seconds"], rel=0.5)
    assert counts["cycles"]["status"] in {"counted", "not supported", "not counted"}


def test_callgrind_simulates_the_kernels_misses(profiled):
    try:
        find_valgrind()
    except CannotSimulate as lack:
        pytest.skip(str(lack))
    _, workload, _ = profiled
    simulation = workload["simulation"]
    assert simulation["variant"] == "avx2", simulation["reason"]
    assert simulation["functions"]
    most = max(simulation["functions"], key=lambda each: each["instructions"])
    assert most["name"] == KERNEL
    own = sum(each["instructions"] for each in simulation["functions"])
    assert own == pytest.approx(simulation["counts"]["instructions"], rel=0.02)
    assert {rate["origin"] for rate in simulation["rates"]} == {"simulated"}


def test_call_paths_lead_to_the_kernel(profiled):
    try:
        usable_perf()
    except CannotSample as lack:
        pytest.skip(str(lack))
    _, workload, folder = profiled
    kernel = [each for each in workload["flame"]["stacks"] if each["frames"][-1] == KERNEL]
    assert sum(each["share"] for each in kernel) > 0.2
    assert (folder / "flame-tg16.svg").read_text().startswith("<svg")


def test_the_verdict_says_what_it_rests_on(profiled):
    document, workload, folder = profiled
    assert workload["verdict"]["sentence"]
    assert document["notes"] or workload["rates"]
    assert (folder / "profile.html").is_file()
