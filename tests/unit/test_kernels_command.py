"""``kernels`` from the command line: what it prints, stores and refuses; nothing is timed here."""

import json
import os
import signal
import sys
from types import SimpleNamespace

import jsonschema
import msgspec
import pytest

from llamabuild.cli import main
from llamabuild.kernels.ggml import Missing
from llamabuild.kernels.timing import MatMul
from llamabuild.machine.detect import detect_machine
from llamabuild.pipeline import kernels_check
from llamabuild.pipeline.kernels_rivals import Rivals
from llamabuild.report.schema import json_schema, shipped
from llamabuild.store.locks import measurement_lock
from llamabuild.store.results import Results
from llamabuild.types.kernels import Clock, GgmlLibrary
from llamabuild.types.run import Arm
from tests.kernel_runs import make_probe, make_spread

NATIVE = GgmlLibrary(name="ggml:native", build_id="b1", sha256="00")
PRODUCT = MatMul(format="q8_0", by="ggml:native", library="/nowhere", repack=False)
SMALL = ("kernels", "--format", "q8_0", "--residence", "L2", "--threads", "1", "--shape")


@pytest.fixture
def llamabuild(monkeypatch, capsys, tmp_path):
    """Call the program as the shell would, in this process, with folders of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LLAMABUILD_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("LLAMABUILD_CACHE", str(tmp_path / "cache"))

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["llamabuild", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return SimpleNamespace(code=ended.value.code, out=captured.out, err=captured.err)

    return call


def fake_times(jobs, rounds, seed, *, should_stop, on_failure):
    """Take time that depends on the kernel's name alone, and heed the wish to stop."""
    assert on_failure
    samples = dict.fromkeys(jobs, ())
    for index in range(rounds):
        for job in jobs:
            samples[job] += (2.0 + len(job.kernel.symbol) / 10 + index / 100 + seed % 2,)
        if should_stop(samples):
            break
    return samples


@pytest.fixture
def machine(monkeypatch):
    """A machine whose clock, probes and kernels take no time, and no builds of ggml."""
    probes = (
        make_probe(residence="L2"),
        make_probe(name="int8", kind="compute", residence="", value=1e12),
    )
    clock = Clock(hz=3e9, spread=make_spread(3e9), timer="clock_gettime")

    def measure_probes(_machine, *, on_probe, should_stop, **_):
        found = []
        for index, probe in enumerate(probes):
            if should_stop():
                break
            found.append(probe)
            on_probe(probe, index + 1, len(probes))
        return tuple(found)

    faked = SimpleNamespace(rivals=Rivals(notes=("without ggml's kernels of native: not built",)))
    where = "llamabuild.pipeline"
    monkeypatch.setattr(f"{where}.kernels.calibrate_clock", lambda _machine: clock)
    monkeypatch.setattr(f"{where}.kernels.measure_probes", measure_probes)
    monkeypatch.setattr(f"{where}.kernels_measure.time_jobs", fake_times)
    monkeypatch.setattr(f"{where}.kernels_plan.find_rivals", lambda *_: faked.rivals)
    beside = make_probe(residence="memory", beside="q8_0")
    monkeypatch.setattr(f"{where}.kernels.read_beside", lambda *_: (beside,))
    return faked


def test_json_has_what_is_promised_and_is_stored(llamabuild, machine):
    result = llamabuild(*SMALL, "vec_dot", "--seed", "4", "--json")
    assert result.code == 0, result.err
    data = json.loads(result.out)
    jsonschema.Draft202012Validator(shipped("kernels")).validate(data)
    assert data["schema"] == "llamabuild.kernels/1"
    assert data["run"]["seed"] == 4
    assert data["run"]["status"] == "done"
    assert data["clock_hz"] == 3e9
    assert [probe["beside"] for probe in data["probes"]] == ["", "", "q8_0", "q8_0"]
    timed = [row for row in data["kernels"] if row["status"] == "ok"]
    assert {(r["format"], r["shape"], r["residence"], r["threads"]) for r in timed} == {
        ("q8_0", "vec_dot", "L2", 1)
    }
    assert all(row["correct"] and row["max_error"] <= 1e-5 for row in timed)
    assert all(row["bound"] == "bandwidth" and row["share_of_bound"] for row in timed)
    assert all(row["ratio"] is None for row in timed)
    assert data["notes"] == ["without ggml's kernels of native: not built"]
    with Results.open() as results:
        assert results.kernel_run("latest").id == data["run"]["id"]
    again = llamabuild("kernels", "--show", data["run"]["id"], "--json")
    assert json.loads(again.out) == data
    assert "vec_dot" in llamabuild("kernels", "--show", "latest").out


def test_the_shipped_schema_is_not_stale():
    assert shipped("kernels") == json_schema("kernels")


def test_the_table_names_ours_ggmls_and_the_ratio(llamabuild, machine, monkeypatch):
    machine.rivals = Rivals(libraries=(NATIVE,), kernels=(PRODUCT,))
    right = kernels_check.Check(correct=True, error=0.0)
    monkeypatch.setattr(kernels_check.Checker, "check", lambda *_: right)
    result = llamabuild(*SMALL, "gemm", "--columns", "4", "--seed", "0")
    assert result.code == 0, result.err
    assert "ggml_mul_mat (native)" in result.out
    assert "times ggml's: [95% interval] of each by itself, 12 rounds" in result.out
    assert "2 probes and 1 groups" not in result.out  # progress goes to stderr
    assert "about" in result.err


def test_a_library_that_lacks_a_symbol_is_a_row_and_the_rest_goes_on(llamabuild, machine):
    lacks = Missing(
        format="q8_0", shape="vec_dot", by="ggml:native", symbol="ggml_x", reason="no symbol ggml_x"
    )
    machine.rivals = Rivals(libraries=(NATIVE,), missing=(lacks,))
    result = llamabuild(*SMALL, "vec_dot", "--json")
    rows = json.loads(result.out)["kernels"]
    assert [r["reason"] for r in rows if r["status"] == "missing"] == ["no symbol ggml_x"]
    assert any(row["status"] == "ok" for row in rows)


def test_a_wrong_kernel_is_not_timed_and_fails_the_command(llamabuild, machine, monkeypatch):
    check = kernels_check.Checker.check

    def wrong_on_avx2(self, job):
        found = check(self, job)
        wrong = "avx2" in job.kernel.symbol
        return kernels_check.Check(correct=False, error=0.5) if wrong else found

    monkeypatch.setattr(kernels_check.Checker, "check", wrong_on_avx2)
    result = llamabuild(*SMALL, "vec_dot", "--isa", "avx2,scalar", "--json")
    assert result.code == 1
    assert "wrong results: lb_vec_dot_q8_0_avx2" in result.err
    rows = {row["isa"]: row for row in json.loads(result.out)["kernels"]}
    assert (rows["avx2"]["status"], rows["avx2"]["ns_per_256"]) == ("wrong", None)
    assert rows["avx2"]["correct"] is False
    assert rows["scalar"]["status"] == "ok"


def test_an_interrupt_keeps_what_there_is(llamabuild, machine, monkeypatch):
    calls = []

    def interrupted(jobs, *arguments, **options):
        calls.append(jobs)
        if len(calls) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return fake_times(jobs, *arguments, **options)

    monkeypatch.setattr("llamabuild.pipeline.kernels_measure.time_jobs", interrupted)
    result = llamabuild("kernels", "--quick", "--format", "q8_0", "--shape", "vec_dot")
    assert result.code == 130
    assert "is stored up to its last group" in result.err
    assert len(calls) == 2
    with Results.open() as results:
        run = results.kernel_run("latest")
    assert run.status == "interrupted"
    timed = [row for row in run.kernels if row.status == "ok"]
    assert {row.spread.samples for row in timed} == {7, 1}
    assert len([probe for probe in run.probes if not probe.beside]) == 2


def test_a_crash_is_stored_as_failed(llamabuild, machine, monkeypatch):
    def crash(*_, **__):
        raise RuntimeError

    monkeypatch.setattr("llamabuild.pipeline.kernels_measure.time_jobs", crash)
    monkeypatch.setattr(sys, "argv", ["llamabuild", *SMALL, "vec_dot"])
    with pytest.raises(RuntimeError):
        main()
    with Results.open() as results:
        assert results.kernel_run("latest").status == "failed"


def test_groups_that_find_no_time_are_named(llamabuild, machine):
    result = llamabuild(
        *("kernels", "--format", "q4_K", "--shape", "vec_dot", "--threads", "1"),
        *("--no-probes", "--minutes", "0.12", "--json"),
    )
    data = json.loads(result.out)
    assert any("--minutes" in note for note in data["notes"])
    assert "without probes: no bounds" in data["notes"]
    assert data["probes"] == []
    assert any(row["residence"] == "L1" for row in data["kernels"])
    assert {row["bound"] for row in data["kernels"]} == {""}


def test_only_probes(llamabuild, machine):
    data = json.loads(llamabuild("kernels", "--only-probes", "--json").out)
    assert len(data["probes"]) == 2
    assert data["kernels"] == []


def test_one_measurement_at_a_time(llamabuild, machine):
    with measurement_lock():
        result = llamabuild(*SMALL, "vec_dot")
    assert result.code == 75
    assert "another measurement is running" in result.err


def test_a_dry_run_measures_and_stores_nothing(llamabuild, machine):
    data = json.loads(llamabuild("kernels", "--dry-run", "--json").out)
    assert data["seconds"] < 600
    assert data["groups"][0]["format"] == "q4_K"
    text = llamabuild("kernels", "--dry-run", "--quick").out
    assert "in all" in text
    with Results.open() as results:
        assert results.kernel_runs() == ()


def test_the_list_says_what_runs_here(llamabuild, monkeypatch):
    def lacks(kernel):
        return ("avx2",) if kernel.isa == "avx2" else ()

    monkeypatch.setattr("llamabuild.cli.kernels_list.missing_features", lacks)
    entries = json.loads(llamabuild("kernels", "--list", "--format", "q4_K", "--json").out)
    by_isa = {e["isa"]: e for e in entries["kernels"] if e["shape"] == "vec_dot"}
    assert by_isa["scalar"]["runs_here"] is True
    assert by_isa["scalar"]["function"] == "lb_vec_dot_q4_K_scalar"
    if "avx2" in by_isa:
        assert by_isa["avx2"]["runs_here"] is False
        assert "no: this CPU lacks avx2" in llamabuild("kernels", "--list").out


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--format", "q4-K"], 2, "'q4-K': did you mean 'q4_K'?"),
        (["--isa", "avx22"], 2, "'avx22': did you mean 'avx2'?"),
        (["--shape", "gemv,gem"], 2, "'gem': did you mean"),
        (["--list", "--isa", "avx22"], 2, "did you mean 'avx2'?"),
        (["--residence", "l2"], 2, "'l2'"),
        (["--threads", "two"], 2, "'two' is not a list of whole numbers"),
        (["--threads", "100000"], 2, "100000 threads: take 1 to"),
        (["--columns", "1"], 2, "one column is gemv's"),
        (["--only-probes", "--no-probes"], 2, "nothing to measure"),
        (["--baseline-builds", "nativ", "--dry-run"], 2, "did you mean 'native'?"),
        (["--minutes", "0"], 2, "--minutes"),
        (["--show", "1999"], 2, "kernel run '1999' is not in the store"),
    ],
)
def test_bad_input_is_one_line_and_a_code(llamabuild, arguments, code, says):
    result = llamabuild("kernels", *arguments)
    assert result.code == code
    assert says in result.err
    assert len(result.err.splitlines()) == 1
    assert result.out == ""


def test_builds_that_are_not_there_are_named_with_the_remedy(llamabuild):
    result = llamabuild("kernels", "--dry-run", "--format", "q4_K", "--json")
    notes = json.loads(result.out)["notes"]
    assert any("python -m llamabuild build native" in note for note in notes)
    assert json.loads(llamabuild(*SMALL, "gemv", "--dry-run", "--json").out)["groups"]


def test_build_builds_what_runs_beside(llamabuild, machine, monkeypatch):
    asked = []

    def build_variants(request, _observer):
        asked.extend(request.names)
        return (Arm(name="native", status="build failed", reason="no compiler"),)

    monkeypatch.setattr("llamabuild.pipeline.builds.build_variants", build_variants)
    result = llamabuild(*SMALL, "vec_dot", "--build", "--baseline-builds", "native")
    assert asked == ["native"]
    assert result.code == 0
    assert "native: build failed: no compiler" in result.err


def test_one_cpu_is_named(llamabuild, machine, monkeypatch):
    def one(machine):
        return msgspec.structs.replace(machine, affinity=machine.affinity[:1], usable_threads=1)

    detected = one(detect_machine())
    monkeypatch.setattr("llamabuild.pipeline.kernels.detect_machine", lambda: detected)
    data = json.loads(llamabuild("kernels", "--quick", "--format", "q8_0", "--json").out)
    assert data["run"]["threads"] == [1]
    assert any(note.startswith("one CPU only") for note in data["notes"])
