"""The baseline's trials: mean, spread and interval, against figures computed by hand."""

import msgspec
import pytest

from llamabuild.compare import compare_run
from llamabuild.report.baseline import baseline_document, render_baseline
from llamabuild.report.material import prepare
from llamabuild.types.run import Arm
from llamabuild.variants import load_catalogue
from tests.runs import PP, make_run, make_trial


def document(*durations_ns):
    """One workload of 64 tokens; the warm-up block is not to count."""
    arm = Arm(
        name="avx2",
        status="ready",
        reason="",
        variant=load_catalogue("pypi:x==1", []).get("avx2"),
    )
    run = make_run(arms=(arm,), workloads=(PP,), looks=(len(durations_ns),))
    run = msgspec.structs.replace(run, status="done")
    trials = [
        make_trial(block, 0, "pp64", name, (duration,))
        for block, duration in enumerate((10**9, *durations_ns))
        for name in ("avx2", "A′")
    ]
    return baseline_document(prepare(run, tuple(trials), compare_run(run, trials)))


def test_five_trials_have_mean_spread_and_interval_of_time_and_speed():
    made = document(100_000_000, 102_000_000, 98_000_000, 101_000_000, 99_000_000)
    [pp] = made.workloads
    assert [row.milliseconds for row in pp.trials] == pytest.approx([100, 102, 98, 101, 99])
    assert pp.trials[1].tokens_per_second == pytest.approx(64 / 0.102)
    assert pp.mean_milliseconds == pytest.approx(100)
    assert pp.deviation_milliseconds == pytest.approx(2.5**0.5)
    # Student's t of 4 degrees of freedom at 97.5 %: 2.776
    reach = 2.776445 * (2.5 / 5) ** 0.5
    assert pp.low_milliseconds == pytest.approx(100 - reach)
    assert pp.high_milliseconds == pytest.approx(100 + reach)
    assert pp.low < pp.mean_tokens_per_second < pp.high
    assert pp.peak_rss_bytes == 1 << 28
    text = render_baseline(made)
    assert "on average 640 tokens/s [628, 653] and 100.0 ms [98.0, 102.0]" in text.replace(
        "\n", " "
    )
    for fact in (
        "2 physical, 2 logical",
        "CPU quota",
        "24 GiB",
        "governor",
        "kernel",
        "huge pages",
    ):
        assert fact in text


def test_one_trial_has_no_interval():
    made = document(100_000_000)
    [pp] = made.workloads
    assert pp.mean_milliseconds == pytest.approx(100)
    assert pp.deviation_milliseconds is pp.low is None
    assert "640 tokens/s, 100.0 ms; one trial: no interval" in render_baseline(made)
