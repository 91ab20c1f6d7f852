"""Trials: what llama-bench may do to us, in which order it is called, and going on after a stop."""

import sys
from pathlib import Path

import msgspec
import pytest

from llamabuild.bench import (
    Arms,
    Watcher,
    check_workloads,
    choose_workloads,
    measure,
    standard_schedule,
)
from llamabuild.bench.dialect import read_help
from llamabuild.bench.llama_bench import bench_argv
from llamabuild.bench.noise import disturbance
from llamabuild.bench.schedule import block_order
from llamabuild.bench.task import Task
from llamabuild.bench.trial import run_trial
from llamabuild.errors import BadInput
from llamabuild.store.results import Results
from llamabuild.types.run import NOISE_ARM
from llamabuild.types.variant import Runtime
from tests.runs import PP, TG, make_model, make_run, make_state, make_trial

FAKE = Path(__file__).parents[1] / "fake_bench.py"
LOGGED: dict[str, str] = {}


@pytest.fixture
def program(tmp_path, monkeypatch):
    """An executable that stands in for llama-bench."""
    monkeypatch.setitem(LOGGED, "FAKE_BENCH_LOG", str(tmp_path / "calls"))
    path = tmp_path / "llama-bench"
    path.write_text(f"#!{sys.executable} -SE\n{FAKE.read_text()}")
    path.chmod(0o755)
    return path


def one_trial(program, behaviour="ok", workload=PP, timeout=20.0, **environment):
    return run_trial(
        program,
        Task(model=Path("/models/private/model.gguf"), workload=workload, repetitions=2, threads=2),
        Runtime(environment={"FAKE_BENCH": behaviour, **LOGGED, **environment}),
        arm="avx2",
        block=0,
        position=0,
        timeout_seconds=timeout,
    )


def test_a_trial_keeps_every_field_and_the_machine_state(program):
    trial = one_trial(program)
    assert trial.status == "ok"
    assert trial.samples_ns == (1_000_000, 1_000_000)
    assert trial.tokens == 64
    assert trial.output["a_field_of_the_future"] == {"kept": True}
    assert trial.state.wall_seconds > 0
    assert trial.state.peak_rss_bytes > 1 << 20


def test_a_trial_does_not_tell_where_the_model_lies(program):
    assert "private" not in str(one_trial(program).output)


@pytest.mark.parametrize(
    ("behaviour", "status", "error"),
    [
        ("crash", "crashed", "SIGABRT: segmentation fault in sight"),
        ("exit", "crashed", "exited with 1: error: failed to load model"),
        ("hang", "timeout", "no result within 1 s"),
        ("nothing", "bad output", "0 lines"),
        ("half", "bad output", "broken JSON"),
        ("nan", "bad output", "broken JSON"),
        ("zero", "bad output", "not durations"),
        ("negative", "bad output", "not durations"),
        ("fewer", "bad output", "1 samples, expected 2"),
        ("other", "bad output", "n_prompt 65, not 64"),
        ("twice", "bad output", "2 lines"),
        ("list", "bad output", "not an object"),
    ],
)
def test_whatever_llama_bench_does_becomes_a_reason(program, behaviour, status, error):
    trial = one_trial(program, behaviour, timeout=1.0 if behaviour == "hang" else 20.0)
    assert trial.status == status
    assert error in trial.error
    assert trial.samples_ns == ()


def test_a_block_is_complete_shuffled_and_repeatable():
    arms, workloads = ["a", "b", "c", NOISE_ARM], ["pp64", "tg16"]
    orders = [block_order(7, block, arms, workloads) for block in range(20)]
    assert orders == [block_order(7, block, arms, workloads) for block in range(20)]
    assert all(len(set(order)) == len(order) == 8 for order in orders)
    assert len({tuple(order) for order in orders}) > 15
    assert block_order(8, 0, arms, workloads) != orders[0]


@pytest.fixture
def setting(tmp_path, program, monkeypatch):
    """A run over two arms with the fake program, and its store, on a quiet machine."""
    monkeypatch.setattr("llamabuild.bench.loop.disturbance", lambda trials, *_: "")
    run = make_run(looks=(3,), model=make_model())
    arms = Arms(
        programs={"avx2": program, "native": program},
        runtimes={
            "avx2": Runtime(environment={"FAKE_BENCH_NAME": "avx2", **LOGGED}),
            "native": Runtime(environment={"FAKE_BENCH_NAME": "native", **LOGGED}),
        },
        models=dict.fromkeys(("avx2", "native"), Path("/nowhere/model.gguf")),
    )
    with Results.open(tmp_path / "results.sqlite") as results:
        results.save_run(run)
        yield run, arms, results


@pytest.fixture
def instant_trials(monkeypatch):
    """Trials without a process, for what is about their order alone.

    ``FAKE_BENCH_NS`` sets how long one takes, ``FAKE_BENCH_FAILS_FROM`` the first failing block.
    """

    def run_trial(program, task, runtime, *, arm, block, position, timeout_seconds):
        environment = runtime.environment
        failed = block >= int(environment.get("FAKE_BENCH_FAILS_FROM", "1000"))
        nanoseconds = int(environment.get("FAKE_BENCH_NS", "1000000"))
        return make_trial(
            block=block,
            position=position,
            workload=task.workload.name,
            arm=arm,
            status="crashed" if failed else "ok",
            samples_ns=() if failed else (nanoseconds,) * task.repetitions,
        )

    monkeypatch.setattr("llamabuild.bench.loop.run_trial", run_trial)


def until(blocks):
    """Stop after that many blocks that count, as the comparison would."""

    def may_stop(trials, gone):
        counted = {t.block for t in trials} - {0} - {g.block for g in gone}
        return len(counted) >= blocks

    return may_stop


@pytest.mark.usefixtures("instant_trials")
def test_every_arm_and_its_copy_run_once_in_every_block(setting):
    run, arms, results = setting
    assert measure(run, arms, results, Watcher(may_stop=until(3)))
    trials = results.trials(run.id)
    assert len(trials) == 4 * 3 * 2
    for block in range(4):
        ran = {(t.arm, t.workload) for t in trials if t.block == block}
        assert ran == {(a, w) for a in ("avx2", "native", NOISE_ARM) for w in ("pp64", "tg16")}


def test_a_stopped_run_goes_on_in_the_recorded_order(setting, tmp_path):
    """Blocks that a stop cut short stay stored, do not count, and are made up for."""
    run, arms, results = setting
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked in {4, 13, 17}  # in the warm-up, which goes on, then in blocks 1 and 2

    finished, rounds = False, 0
    while not finished:
        run = results.run(run.id)  # as a resume reads it
        finished = measure(run, arms, results, Watcher(may_stop=until(3), stop_requested=stop))
        rounds += 1
    trials = results.trials(run.id)
    discarded = results.run(run.id).discarded
    assert [(gone.block, gone.reason) for gone in discarded] == [
        (1, "interrupted"),
        (2, "interrupted"),
    ]
    assert rounds == 4
    cut = {gone.block for gone in discarded}
    assert {t.block for t in trials} == set(range(1 + 3 + len(cut)))
    for block in range(1 + 3 + len(cut)):
        order = block_order(1, block, ["avx2", "native", NOISE_ARM], ["pp64", "tg16"])
        ran = [(t.arm, t.workload) for t in trials if t.block == block]
        assert ran == order[: len(ran)]
        assert (len(ran) < len(order)) == (block in cut)
    calls = (tmp_path / "calls").read_text().splitlines()
    assert len(calls) == len(trials), "no trial lost or doubled"


@pytest.mark.usefixtures("instant_trials")
def test_a_run_stopped_between_blocks_loses_none(setting):
    run, arms, results = setting
    stored = results.trials
    stop = Watcher(may_stop=until(3), stop_requested=lambda: len(stored(run.id)) == 12)
    assert not measure(run, arms, results, stop)
    assert measure(run, arms, results, Watcher(may_stop=until(3)))
    assert results.run(run.id).discarded == ()
    assert len(results.trials(run.id)) == 4 * 6


@pytest.mark.usefixtures("instant_trials")
def test_many_stops_do_not_use_up_the_blocks(setting):
    """A block cut short is made up for beyond the spare ones, however many there are."""
    run, arms, results = setting
    for trials in (6, *range(7, 15)):  # the warm-up, then one trial of each block
        stop = Watcher(
            may_stop=until(3),
            stop_requested=lambda most=trials: len(results.trials(run.id)) >= most,
        )
        assert not measure(results.run(run.id), arms, results, stop)
    assert measure(results.run(run.id), arms, results, Watcher(may_stop=until(3)))
    trials = results.trials(run.id)
    sizes = [sum(t.block == block for t in trials) for block in range(12)]
    assert sizes == [6, *[1] * 8, 6, 6, 6]


def test_each_arm_runs_its_own_model_and_the_copy_the_baseline_s(setting):
    run, arms, results = setting
    models = {**arms.models, "native": Path("/nowhere/other.gguf")}
    arms = Arms(programs=arms.programs, runtimes=arms.runtimes, models=models)
    assert measure(run, arms, results, Watcher(may_stop=until(1)))
    found = {(trial.arm, trial.output["model_filename"]) for trial in results.trials(run.id)}
    assert found == {
        ("avx2", "model.gguf"),
        (NOISE_ARM, "model.gguf"),
        ("native", "other.gguf"),
    }


@pytest.mark.usefixtures("instant_trials")
def test_an_arm_that_was_dropped_does_not_make_a_block_look_cut_short(setting):
    run, arms, results = setting
    runtimes = {**arms.runtimes, "native": Runtime(environment={"FAKE_BENCH_FAILS_FROM": "0"})}
    arms = Arms(programs=arms.programs, runtimes=runtimes, models=arms.models)
    assert measure(run, arms, results, Watcher(may_stop=until(2)))
    assert measure(run, arms, results, Watcher(may_stop=until(3)))
    assert results.run(run.id).discarded == ()


def test_a_trial_is_stored_before_the_next_one_starts(setting, tmp_path):
    run, arms, results = setting
    seen = []

    def on_trial(trial, number, total):
        calls = len((tmp_path / "calls").read_text().splitlines())
        seen.append(calls == len(results.trials(run.id)))

    measure(run, arms, results, Watcher(may_stop=until(2), on_trial=on_trial))
    assert seen
    assert all(seen)


@pytest.mark.usefixtures("instant_trials")
def test_an_arm_that_always_crashes_is_dropped_and_the_others_go_on(setting):
    run, arms, results = setting
    runtimes = {**arms.runtimes, "native": Runtime(environment={"FAKE_BENCH_FAILS_FROM": "0"})}
    arms = Arms(programs=arms.programs, runtimes=runtimes, models=arms.models)
    assert measure(run, arms, results, Watcher(may_stop=until(3)))
    trials = results.trials(run.id)
    assert sum(t.arm == "native" for t in trials) == 4
    assert all(t.status == "ok" for t in trials if t.arm != "native")
    assert len({t.block for t in trials}) == 4


@pytest.mark.usefixtures("instant_trials")
def test_a_disturbed_block_is_discarded_whole_and_made_up_for(setting, monkeypatch):
    run, arms, results = setting
    monkeypatch.setattr(
        "llamabuild.bench.loop.disturbance",
        lambda trials, *_: "a neighbour" if trials[0].block == 2 else "",
    )
    assert measure(run, arms, results, Watcher(may_stop=until(3)))
    assert [g.block for g in results.run(run.id).discarded] == [2]
    assert {t.block for t in results.trials(run.id)} == {0, 1, 2, 3, 4}


@pytest.mark.usefixtures("instant_trials")
def test_a_machine_that_is_never_quiet_does_not_measure_for_ever(setting, monkeypatch):
    run, arms, results = setting
    monkeypatch.setattr("llamabuild.bench.loop.disturbance", lambda trials, *_: "noise")
    assert measure(run, arms, results, Watcher(may_stop=until(3)))
    assert len({t.block for t in results.trials(run.id)}) == 6


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, ""),
        ({"steal_seconds": 0.2}, "hypervisor"),
        ({"foreign_seconds": 0.5}, "other processes used 25% of the machine"),
        ({"foreign_seconds": 0.2}, ""),
        ({"throttled_seconds": 0.1}, "quota"),
        ({"steal_seconds": None, "foreign_seconds": None, "throttled_seconds": None}, ""),
    ],
)
def test_noise_is_judged_by_the_machine_and_not_by_the_timings(changes, says):
    slow = make_trial(samples_ns=(10**12,), state=make_state(**changes))
    fast = make_trial(samples_ns=(1,), state=make_state(**changes))
    assert says in disturbance([slow, slow], 2)
    assert disturbance([slow, slow], 2) == disturbance([fast, fast], 2)
    assert bool(disturbance([slow], 2)) == bool(says)


@pytest.mark.parametrize(
    ("wall", "foreign", "says"),
    [
        (1.0, 1.0, "other processes used 50% of the machine during one trial"),
        (1.0, 0.6, ""),
        (0.1, 0.15, ""),
    ],
)
def test_a_burst_during_one_of_many_trials_discards_the_block(wall, foreign, says):
    quiet = [make_trial(state=make_state()) for _ in range(40)]
    hit = make_trial(state=make_state(wall=wall, foreign_seconds=foreign))
    assert disturbance([*quiet, hit], 2) == says


def test_a_sweep_is_not_disturbed_by_a_quota_that_its_own_threads_use_up():
    held = make_state(throttled_seconds=0.9)
    trials = [
        msgspec.structs.replace(make_trial(state=held), output={"n_threads": threads})
        for threads in (1, 4)
    ]
    assert "quota" in disturbance(trials, 8)
    assert disturbance(trials, 8, 1.0) == ""
    assert "quota" in disturbance(trials, 8, 2.0)  # one thread does not use up two CPUs
    loud = msgspec.structs.replace(trials[1], state=make_state(foreign_seconds=9.0))
    assert "other processes" in disturbance([loud], 8, 1.0)


def test_a_large_machine_is_not_disturbed_by_one_neighbour():
    assert disturbance([make_trial(state=make_state(foreign_seconds=0.5))], 64) == ""


def test_workloads_suit_the_model_and_the_wish():
    assert [w.name for w in choose_workloads(make_model())] == ["pp32", "tg16"]
    assert [w.tokens for w in choose_workloads(make_model(), ["tg", "pp512", "pp512"])] == [16, 512]
    with pytest.raises(BadInput, match="unknown workload 'ppp'.*did you mean 'pp'"):
        choose_workloads(make_model(), ["ppp"])
    for name in ("", "pp0", "pp" + "9" * 5000, "PP", "pp-1"):
        with pytest.raises(BadInput, match="workload"):
            check_workloads([name])
    with pytest.raises(BadInput, match="context is 8192"):
        choose_workloads(make_model(), ["pp9000"])
    large = msgspec.structs.replace(make_model(), parameters=70_000_000_000)
    assert choose_workloads(large)[1].tokens < 16


def test_schedules():
    assert standard_schedule(1, None, quick=False).looks == (12, 18, 24)
    assert sum(standard_schedule(1, None, quick=False).alphas) == pytest.approx(0.05)
    assert standard_schedule(1, None, quick=True).looks == (3,)
    assert standard_schedule(1, 40, quick=False).looks == (40,)


def test_tg_asks_for_no_prompt(program):
    trial = one_trial(program, workload=TG)
    assert (trial.output["n_prompt"], trial.output["n_gen"]) == (0, 16)


@pytest.mark.usefixtures("instant_trials")
def test_each_arm_repeats_until_its_trials_measure_long_enough(setting):
    run, arms, results = setting
    workloads = tuple(
        msgspec.structs.replace(w, seconds=0.005, max_repetitions=4) for w in run.workloads
    )
    run = msgspec.structs.replace(run, workloads=workloads)
    slow = {"FAKE_BENCH_NS": "2500000", **LOGGED}
    runtimes = {**arms.runtimes, "native": Runtime(environment=slow)}
    arms = Arms(programs=arms.programs, runtimes=runtimes, models=arms.models)
    assert measure(run, arms, results, Watcher(may_stop=until(2)))
    found = {(t.block, t.arm): len(t.samples_ns) for t in results.trials(run.id)}
    assert {count for (block, _), count in found.items() if block == 0} == {1}
    assert found[1, "avx2"] == found[1, NOISE_ARM] == 4, "5 are wanted, at most 4 allowed"
    assert found[1, "native"] == 2


def test_the_user_s_environment_does_not_reach_a_trial(program, monkeypatch):
    """LD_LIBRARY_PATH would put other libraries under the variant's name."""
    for name in ("LD_LIBRARY_PATH", "LD_PRELOAD", "OMP_NUM_THREADS", "FAKE_BENCH_NS"):
        monkeypatch.setenv(name, "77")
    assert one_trial(program).samples_ns == (1_000_000, 1_000_000)


@pytest.mark.usefixtures("instant_trials")
def test_an_arm_that_begins_to_fail_is_dropped_too(setting):
    run, arms, results = setting
    runtimes = {**arms.runtimes, "native": Runtime(environment={"FAKE_BENCH_FAILS_FROM": "3"})}
    arms = Arms(programs=arms.programs, runtimes=runtimes, models=arms.models)
    run = msgspec.structs.replace(run, schedule=msgspec.structs.replace(run.schedule, looks=(8,)))
    assert measure(run, arms, results, Watcher(may_stop=until(8)))
    native = [t for t in results.trials(run.id) if t.arm == "native"]
    assert [t.block for t in native if t.status != "ok"] == [3, 3, 4, 4], "two for each workload"
    assert max(t.block for t in native) == 4
    assert max(t.block for t in results.trials(run.id)) == 8


def test_a_thread_count_of_the_variant_s_own_replaces_the_run_s():
    task = Task(model=Path("m"), workload=PP, repetitions=1, threads=2)
    argv = bench_argv(Path("llama-bench"), task, Runtime(bench=("-t", "1")), read_help(""))
    assert argv.count("-t") == 1
    assert argv[argv.index("-t") + 1] == "1"


@pytest.mark.parametrize(
    ("runtime", "at_prompts", "at_generation"),
    [
        (Runtime(threads={"pp": 8}), "8", "2"),
        (Runtime(threads={"tg": 1}), "2", "1"),
        (Runtime(threads={"pp": 8, "tg": 1}), "8", "1"),
        (Runtime(threads={"pp": 8}, bench=("--threads", "4")), "8", "4"),
    ],
)
def test_prompts_and_generation_have_threads_of_their_own(runtime, at_prompts, at_generation):
    for workload, threads in ((PP, at_prompts), (TG, at_generation)):
        task = Task(model=Path("m"), workload=workload, repetitions=1, threads=2)
        argv = bench_argv(Path("llama-bench"), task, runtime, read_help(""))
        named = [word for word, before in zip(argv[1:], argv, strict=False) if before in THREADS]
        assert named == [threads], argv


THREADS = {"-t", "--threads"}
