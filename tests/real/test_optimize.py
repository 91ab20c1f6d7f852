"""What a search would do, and when it says anything; the search itself is in test_lab."""

import json

ASKED = ("optimize", "--goal", "tg", "--seed", "5")


def test_a_dry_run_says_what_would_be_searched_and_what_not(built, llamabuild, tmp_path):
    result = llamabuild(*ASKED, "--budget", "1h", "--dry-run", "--json", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["build_seconds"][""] == 0
    choices = {part for lever in found["levers"] for part in lever["choices"]}
    reasons = {each["part"]: each["reason"] for each in found["left_out"]}
    assert "repack=0" in choices
    assert reasons["native"] == "the baseline has it"
    assert "goal 'tg'" in reasons["ubatch=16"]


def test_a_budget_that_is_too_small_gets_one_line(built, llamabuild, tmp_path):
    result = llamabuild(*ASKED, "--budget", "20s", cwd=tmp_path)
    assert result.returncode == 2
    assert "too small to say anything: it takes at least --budget" in result.stderr
