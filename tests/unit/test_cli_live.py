"""What a person sees while trials come in, on a terminal and in a log."""

import io
import re
from functools import cache
from types import SimpleNamespace

import pytest
from rich.console import Console
from rich.live import Live

from llamabuild.cli.live import Narrator
from llamabuild.cli.live_table import ratio_line, ratio_table
from llamabuild.compare import compare_run
from tests.simulation import PLANNED, MockMachine, make_run, until

QUIET = MockMachine(noise=0.002, pauses=0.0, ratios={"fast": 1.2, "slow": 0.9})


@pytest.fixture(scope="module")
def measured():
    """A run, its trials, and the comparison as it stands after each block."""
    run = make_run(["fast", "slow"], loads=2)
    trials = QUIET.trials(run, 3)
    return run, trials, cache(lambda block: compare_run(run, until(trials, block + 1)))


def console(*, terminal=False):
    return Console(
        file=io.StringIO(),
        width=200,
        force_terminal=terminal,
        no_color=True,
        _environ={"TERM": "xterm"},
    )


def tell(narrator, measured, blocks, *, stored=0):
    """Pass on trials and blocks as a measurement does; blocks below ``stored`` have no trials."""
    run, trials, compared = measured
    narrator.measuring(run, stored)
    for block in range(blocks):
        own = [trial for trial in trials if trial.block == block]
        if block >= stored:
            for number, trial in enumerate(own, 1):
                narrator.trial(trial, number, len(own))
        if block >= run.schedule.warmup_blocks:
            narrator.block(compared(block), block, "")


def test_off_a_terminal_every_block_gets_a_line_with_ratios_and_intervals(measured):
    out = console()
    tell(Narrator(out, None), measured, 14)
    lines = [line for line in out.file.getvalue().splitlines() if "counted" in line]
    assert len(lines) == 13
    last = lines[-1]
    assert "block 14, 13 counted" in last
    for arm, ratio in (("fast", 1.2), ("slow", 0.9)):
        pattern = rf"{arm}: pp64 (\S+) \[(\S+), (\S+)\], \w+ \S+ \[\S+, \S+\]"
        found = re.search(pattern, last)
        assert float(found[1]) == pytest.approx(ratio, rel=0.02)
        assert float(found[2]) <= ratio * 1.005
        assert float(found[3]) >= ratio * 0.995
    assert "too few blocks" in lines[0]


def test_a_resumed_run_does_not_repeat_what_was_told(measured):
    out = console()
    tell(Narrator(out, None), measured, 9, stored=7)
    lines = [line for line in out.file.getvalue().splitlines() if "counted" in line]
    assert [re.search(r"block (\d+)", line)[1] for line in lines] == ["8", "9"]


def test_the_time_left_is_judged_by_what_was_measured_now(measured, monkeypatch):
    run, trials, compared = measured
    now = [0.0]
    monkeypatch.setattr("llamabuild.cli.live.time.monotonic", lambda: now[0])
    out = console()
    narrator = Narrator(out, None)
    narrator.measuring(run, 1)
    for block in range(1, 8):
        if block >= 6:
            now[0] += 60.0
            narrator.trial(trials[0], 1, 1)
        narrator.block(compared(block), block, "")
    ahead = PLANNED.looks[0] - 7
    assert f"7 counted, about {ahead}:00 to the next look" in out.file.getvalue()


def test_the_table_keeps_its_brackets(measured):
    _, _, compared = measured
    out = console()
    out.print(ratio_table(compared(12)))
    text = out.file.getvalue()
    assert re.search(r"fast .* 1\.\d+ \[1\.\d+, 1\.\d+\]", text)
    assert "\\[" not in text


def test_a_terminal_gets_the_table_and_no_lines(measured):
    out = console(terminal=True)
    with Live(console=out, transient=True, auto_refresh=False) as live:
        tell(Narrator(out, live), measured, 3)
        live.refresh()
    assert "2 counted" in (text := out.file.getvalue())
    assert "2 counted, about" not in text


def test_the_baseline_is_no_part_of_the_line(measured):
    run, _, compared = measured
    comparisons = compared(3)
    assert run.baseline not in ratio_line(comparisons).replace("pp64", "")
    assert ratio_table(comparisons).row_count == len(run.arms)


def test_a_second_stage_of_a_build_is_judged_by_its_own_pace(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("llamabuild.cli.live.time.monotonic", lambda: now[0])
    monkeypatch.setattr("llamabuild.cli.live.PLAIN_INTERVAL_SECONDS", -1.0)
    out = console()
    narrator = Narrator(out, None)
    estimate = SimpleNamespace(plan=SimpleNamespace(variant="pgo"), compiles="", seconds=300.0)
    narrator.build_started(1, 1, estimate)
    for started, seconds_a_step in ((0.0, 2.0), (250.0, 1.0)):  # training lies in between
        for step in range(1, 11):
            now[0] = started + step * seconds_a_step
            narrator.build_step(step, 100)
    lines = out.file.getvalue().splitlines()
    assert "step 10/100, 0:20 elapsed, about 3:00 left" in lines[10]
    assert "step 10/100, 4:20 elapsed, about 1:30 left" in lines[20]
