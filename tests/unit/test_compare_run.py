"""From trials to rows: which trials count, what a row says, and what it leaves open."""

from __future__ import annotations

import dataclasses
from math import exp

import pytest
from msgspec.structs import replace

from llamabuild.compare import blocks_needed, compare_run, limits, may_stop
from llamabuild.types.run import INTERRUPTED_BLOCK, NOISE_ARM, Arm, DiscardedBlock, Schedule
from tests.simulation import BASELINE, PLANNED, MockMachine, make_run, until

QUIET = MockMachine(noise=0.002, pauses=0.0, ratios={"fast": 1.2, "slow": 0.9})
QUICK = replace(PLANNED, looks=(6,), alphas=(0.05,))


def _row(result, arm, workload="pp64"):
    (row,) = (r for r in result.comparisons if (r.arm, r.workload) == (arm, workload))
    return row


def test_every_arm_gets_a_row_per_workload_in_order():
    run = make_run(["fast", "same"], loads=2)
    result = compare_run(run, QUIET.trials(run, 1))
    assert [(row.arm, row.workload) for row in result.comparisons] == [
        (arm, load) for arm in (BASELINE, "fast", "same") for load in ("pp64", "tg16")
    ]
    assert [item.workload for item in result.noise] == ["pp64", "tg16"]


def test_ratio_interval_and_verdict_of_planted_differences():
    run = make_run(["fast", "slow", "same"])
    result = compare_run(run, QUIET.trials(run, 2))
    for arm, ratio, verdict in (
        ("fast", 1.2, "faster"),
        ("slow", 0.9, "slower"),
        ("same", 1.0, "equivalent"),
    ):
        row = _row(result, arm)
        assert row.verdict == verdict
        assert row.ratio == pytest.approx(ratio, rel=0.003)
        assert row.low < row.ratio < row.high
        assert row.trials == 24
    assert _row(result, "fast").p_value < 0.001
    assert _row(result, "same").p_value == 1.0
    assert result.decided
    assert limits(result) == ""


def test_throughput_is_tokens_over_the_median_sample():
    run = make_run([])
    trials = [
        replace(trial, samples_ns=(10**9, 2 * 10**9, 9 * 10**9)) for trial in QUIET.trials(run, 1)
    ]
    row = _row(compare_run(run, trials), BASELINE)
    assert (row.median, row.mad, row.unit) == (32.0, 0.0, "tokens/s")


def test_the_baseline_is_its_own_reference():
    run = make_run(["fast"])
    row = _row(compare_run(run, QUIET.trials(run, 1)), BASELINE)
    assert (row.verdict, row.ratio, row.low, row.high) == ("baseline", 1.0, 1.0, 1.0)
    assert (row.p_value, row.level, row.detectable, row.trials) == (None, None, None, 24)


def test_arms_without_trials_are_rows_and_not_part_of_the_family():
    run = make_run(["fast"])
    missing = Arm(name="avx512", status="unsupported", reason="this CPU has no avx512f")
    trials = QUIET.trials(run, 1)
    with_missing = compare_run(replace(run, arms=(*run.arms, missing)), trials)
    row = _row(with_missing, "avx512")
    assert (row.verdict, row.trials) == ("not measured", 0)
    assert {row.median, row.ratio, row.low, row.high, row.p_value, row.detectable} == {None}
    assert _row(with_missing, "fast") == _row(compare_run(run, trials), "fast")
    assert with_missing.decided


def test_before_the_first_trial_nothing_is_measured():
    result = compare_run(make_run(["fast"]), [])
    assert {row.verdict for row in result.comparisons} == {"not measured"}
    assert (result.blocks, result.look, result.noise[0].usable) == (0, 0, False)


def test_warm_up_and_discarded_blocks_are_left_out_whole():
    run = make_run(["same"], discarded=(DiscardedBlock(block=5, reason="steal"),))
    clean = QUIET.trials(run, 3)
    spoilt = [
        replace(trial, samples_ns=(10**10,))
        if trial.block in {0, 5} and trial.arm == "same"
        else trial
        for trial in clean
    ]
    result = compare_run(run, spoilt)
    assert result == compare_run(run, clean)
    assert result.blocks == 23
    assert _row(result, "same").trials == 23


def test_a_block_under_way_does_not_count_yet():
    run = make_run(["same", "fast"], loads=2)
    trials = QUIET.trials(run, 4)
    whole = until(trials, 13)
    assert compare_run(run, whole).blocks == 12
    begun = [*whole, *(trial for trial in trials if trial.block == 13)][:-1]
    assert compare_run(run, begun) == compare_run(run, whole)
    assert compare_run(run, until(trials, 14)).blocks == 13


def test_a_block_cut_short_does_not_make_the_next_one_look_complete():
    gone = (DiscardedBlock(block=5, reason=INTERRUPTED_BLOCK),)
    run = make_run(["same", "fast"], loads=2, discarded=gone)
    trials = QUIET.trials(run, 4)
    whole = until(trials, 5)
    cut = [*whole, *[trial for trial in trials if trial.block == 5][:2]]
    assert compare_run(run, cut).blocks == 4
    begun = [*cut, *[trial for trial in trials if trial.block == 6][:-1]]
    assert compare_run(run, begun) == compare_run(run, whole)


@pytest.mark.parametrize("read", [9, 13, 25])
def test_an_arm_given_up_midway_does_not_hold_up_the_others(read):
    run = make_run(["same", "fast"])
    trials = [
        replace(trial, status="crashed", samples_ns=())
        if trial.arm == "fast" and trial.block in {6, 7}
        else trial
        for trial in QUIET.trials(run, 4)
        if trial.arm != "fast" or trial.block < 8
    ]
    result = compare_run(run, until(trials, read))
    assert result.blocks == read - 1, "the first block without it counts at once"
    assert _row(result, "fast").trials == 5
    assert _row(result, "fast").verdict == "no difference shown"


def test_an_arm_that_failed_once_is_awaited():
    run = make_run(["same", "fast"])
    trials = [
        replace(trial, status="crashed", samples_ns=())
        if trial.arm == "fast" and trial.block == 7
        else trial
        for trial in QUIET.trials(run, 4)
        if trial.arm != "fast" or trial.block < 8
    ]
    assert compare_run(run, until(trials, 9)).blocks == 7


def test_a_failed_trial_costs_its_pair_only():
    run = make_run(["same", "slow"])
    trials = [
        replace(trial, status="crashed", samples_ns=())
        if (trial.block, trial.arm) in {(3, "slow"), (4, BASELINE)}
        else trial
        for trial in QUIET.trials(run, 5)
    ]
    result = compare_run(run, trials)
    assert result.blocks == 24
    assert [_row(result, arm).trials for arm in (BASELINE, "same", "slow")] == [23, 23, 22]


def test_samples_that_cannot_be_times_are_no_trial():
    run = make_run(["same"])
    trials = [
        replace(trial, samples_ns=(0, 5)) if trial.arm == "same" else trial
        for trial in QUIET.trials(run, 5)
    ]
    assert _row(compare_run(run, trials), "same").verdict == "not measured"


@pytest.mark.parametrize(
    ("blocks", "look", "alpha", "planned"),
    [(1, 0, 0.01, False), (12, 0, 0.01, True), (17, 0, 0.01, False), (18, 1, 0.015, True),
     (24, 2, 0.025, True), (30, 2, 0.025, False)],
)  # fmt: skip
def test_the_last_look_reached_sets_the_level(blocks, look, alpha, planned):
    run = make_run(["same"])
    result = compare_run(run, QUIET.trials(run, 1, blocks=blocks + 1))
    assert (result.blocks, result.look, result.alpha) == (blocks, look, alpha)
    assert result.at_look == planned
    assert _row(result, "same").level == pytest.approx(1 - alpha)


def test_stops_only_at_looks_unless_the_plan_is_used_up():
    noisy = MockMachine(noise=0.1)
    decided, undecided = (
        [may_stop(run, machine.trials(run, 1, blocks=n + 1)) for n in (11, 12, 13, 18, 23, 24)]
        for run, machine in ((make_run(["fast"]), QUIET), (make_run(["v0"]), noisy))
    )
    assert decided == [False, True, False, True, False, True]
    assert undecided == [False, False, False, False, False, True]


def test_too_few_blocks_leave_the_interval_open():
    run = make_run(["fast"])
    row = _row(compare_run(run, QUIET.trials(run, 1, blocks=6)), "fast")
    assert (row.low, row.high, row.verdict, row.detectable) == (
        None,
        None,
        "no difference shown",
        None,
    )
    assert row.ratio == pytest.approx(1.2, rel=0.01)


def test_the_noise_floor_raises_the_threshold():
    run = make_run(["slow"])
    biased = dataclasses.replace(QUIET, ratios={NOISE_ARM: 1.12, "slow": 0.9})
    result = compare_run(run, biased.trials(run, 1))
    (noise,) = result.noise
    assert noise.floor == pytest.approx(0.12, abs=0.004)
    assert noise.threshold == noise.floor
    assert _row(result, "slow").verdict != "slower"


@pytest.mark.parametrize(
    ("ratio", "usable", "verdict"),
    [(1.0, True, "equivalent"), (1.03, False, "faster"), (0.97, False, "slower")],
)
def test_a_biased_copy_of_the_baseline_makes_the_run_no_gate(ratio, usable, verdict):
    run = make_run(["same"])
    (noise,) = compare_run(
        run, dataclasses.replace(QUIET, ratios={NOISE_ARM: ratio}).trials(run, 1)
    ).noise
    assert (noise.usable, noise.comparison.verdict) == (usable, verdict)
    assert noise.comparison.level == pytest.approx(0.975)


def test_detectable_shrinks_with_blocks_down_to_the_threshold():
    run = make_run(["same"])
    trials = MockMachine(noise=0.02).trials(run, 1, blocks=97)
    early, late = (_row(compare_run(run, until(trials, n)), "same") for n in (19, 97))
    assert 0.01 < late.detectable < early.detectable
    exact = [replace(trial, samples_ns=(10**8,)) for trial in trials]
    assert _row(compare_run(run, exact), "same").detectable == pytest.approx(0.01)


def test_quick_mode_says_what_it_cannot_show():
    run = make_run([f"v{i}" for i in range(6)], QUICK, loads=2)
    result = compare_run(run, QUIET.trials(run, 1))
    assert limits(result) == (
        "6 blocks cannot show a difference for 12 comparisons at a family-wise 5 %: "
        "at least 9 blocks are needed"
    )
    assert not result.decided


def test_limits_speaks_of_what_was_open():
    run = make_run(["v0", "v1"])
    text = limits(compare_run(run, MockMachine(noise=0.05).trials(run, 1)))
    assert text.startswith("no difference was shown for 2 of 2 comparisons: 24 blocks had an 80 %")
    given_up = [t for t in QUIET.trials(run, 1) if t.arm != "v1" or t.block < 4]
    assert "too many of their trials failed" in limits(compare_run(run, given_up))
    one_block = compare_run(make_run(["v0"], QUICK), QUIET.trials(make_run(["v0"]), 1, blocks=2))
    assert limits(one_block).startswith("1 block cannot show a difference for 1 comparison at")


@pytest.mark.parametrize("comparisons", [1, 2, 6, 12, 40])
def test_blocks_needed_is_the_smallest_number_that_can_show_a_huge_difference(comparisons):
    needed = blocks_needed(comparisons, 0.05)
    for blocks, verdicts in ((needed, {"faster"}), (needed - 1, {"no difference shown"})):
        schedule = replace(QUICK, looks=(blocks,))
        arms = [f"fast{i}" for i in range(comparisons)]
        run = make_run(arms, schedule)
        machine = dataclasses.replace(QUIET, ratios=dict.fromkeys(arms, exp(1)))
        rows = compare_run(run, machine.trials(run, 1)).comparisons[1:]
        assert {row.verdict for row in rows} == verdicts


def test_a_schedule_of_one_look_is_a_plain_test():
    schedule = Schedule(seed=1, warmup_blocks=0, looks=(8,), alphas=(0.05,), threshold=0.02)
    run = make_run(["slow"], schedule)
    trials = QUIET.trials(run, 1)
    assert compare_run(run, trials).noise[0].threshold == 0.02
    assert may_stop(run, trials)
