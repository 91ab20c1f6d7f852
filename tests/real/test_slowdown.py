"""A variant slowed by 5 % comes out slower: real processes, real clock, the whole loop."""

import sys
from pathlib import Path

import pytest

from llamabuild.bench import Arms, Watcher, measure
from llamabuild.compare import compare_run, may_stop
from llamabuild.store.results import Results
from llamabuild.types.comparison import FASTER, SLOWER
from llamabuild.types.run import Arm
from llamabuild.types.variant import Runtime
from tests.runs import PP, make_run

FAKE = Path(__file__).parents[1] / "fake_bench.py"
BASE_SECONDS = 0.04


@pytest.mark.parametrize(("factor", "verdict"), [(1.05, SLOWER), (1.0, "neither")])
def test_five_percent_are_found_and_equal_programs_are_not_told_apart(
    tmp_path, monkeypatch, factor, verdict
):
    monkeypatch.setattr("llamabuild.bench.loop.disturbance", lambda trials, *_: "")
    program = tmp_path / "llama-bench"
    program.write_text(f"#!{sys.executable} -SE\n{FAKE.read_text()}")
    program.chmod(0o755)
    seconds = {"avx2": BASE_SECONDS, "other": BASE_SECONDS * factor}
    arms = Arms(
        programs=dict.fromkeys(seconds, program),
        runtimes={
            name: Runtime(
                environment={
                    "FAKE_BENCH_SLEEP": str(value),
                    "FAKE_BENCH_LOG": str(tmp_path / "calls"),
                }
            )
            for name, value in seconds.items()
        },
        models=dict.fromkeys(seconds, Path("/nowhere/model.gguf")),
    )
    run = make_run(
        looks=(12,),
        workloads=(PP,),
        arms=tuple(Arm(name=name, status="ready", reason="") for name in seconds),
    )
    with Results.open(tmp_path / "results.sqlite") as results:
        results.save_run(run)
        watcher = Watcher(may_stop=lambda trials, _: may_stop(run, trials))
        assert measure(run, arms, results, watcher)
        compared = compare_run(run, results.trials(run.id))
    [other] = [c for c in compared.comparisons if c.arm == "other"]
    assert compared.blocks == 12
    assert (other.verdict == verdict) or (
        verdict == "neither" and other.verdict not in {SLOWER, FASTER}
    )
    assert other.ratio == pytest.approx(1 / factor, abs=0.03)
