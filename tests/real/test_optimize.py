"""The search on the real model: the whole way within its budget, stopped and taken up again."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import jsonschema
import pytest

from llamabuild.report.schema import shipped

NOISY = 3
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


@pytest.fixture(scope="module")
def searched(built, tmp_path_factory):
    """A search of the least budget, stopped in its first measurement and taken up again."""
    from tests.real.conftest import run_llamabuild  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("optimize")
    dry = run_llamabuild(*ASKED, "--budget", "1h", "--dry-run", "--json", cwd=folder)
    seconds = 30 + int(json.loads(dry.stdout)["least_seconds"])
    argv = [sys.executable, "-m", "llamabuild", *ASKED, "--budget", f"{seconds}s"]
    with subprocess.Popen(
        argv, cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as program:
        for line in program.stderr:
            if "measuring tg16" in line:
                time.sleep(3)
                program.send_signal(signal.SIGINT)
                break
        rest = program.stderr.read()
    assert program.returncode == 130, rest
    assert "optimize --resume o" in rest
    result = run_llamabuild("optimize", "--resume", "latest", "--json", cwd=folder)
    if result.returncode == NOISY and not result.stdout:
        pytest.skip("other programs disturb every block")
    assert result.returncode in {0, NOISY}, result.stderr
    return json.loads(result.stdout), seconds, folder


def test_the_budget_holds_over_a_stop(searched):
    document, seconds, _ = searched
    jsonschema.validate(document, shipped("optimize"))
    assert document["run"]["status"] == "done"
    assert document["run"]["spent_seconds"] <= 1.1 * seconds
    assert document["stages"][0]["name"] == "screen"
    assert document["stages"][0]["blocks"] >= 5


def test_its_files_are_what_their_readers_understand(searched):
    _, _, folder = searched
    [page] = folder.rglob("report.html")
    deploy = page.parent / "deploy"
    for name in ("build.sh", "run.sh"):
        shell = shutil.which("bash")
        subprocess.run([shell, "-n", str(deploy / name)], check=True)
    assert "llama-server --model MODEL.gguf --threads" in (deploy / "run.sh").read_text()
    verify = shutil.which("systemd-analyze")
    if verify:
        unit = deploy / "llama-server.service"
        text = unit.read_text().replace("/opt/llama.cpp/bin/llama-server", os.path.realpath(shell))
        unit.write_text(text)
        subprocess.run([verify, "verify", str(unit)], check=True, capture_output=True)


def test_the_report_comes_from_the_store(searched, llamabuild, tmp_path):
    document, _, _ = searched
    result = llamabuild("report", document["run"]["id"], "--format", "json", cwd=tmp_path)
    assert json.loads(result.stdout) == document
