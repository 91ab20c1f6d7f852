"""The lab on the real model within a small budget, stopped in the challenge and taken up again."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import jsonschema
import pytest

from llamabuild.lab import parts
from llamabuild.report.schema import shipped
from tests.real.conftest import run_llamabuild

DONE = {"limits", "baseline", "threads", "challenge"}
OTHERS = ",".join(name for name in parts() if name not in DONE)
ASKED = ("lab", "--goal", "tg", "--seed", "5", "--model", "default", "--without", OTHERS)


@pytest.fixture(scope="module")
def done(built, tmp_path_factory):
    """A lab of the least budget that has a challenge, one Ctrl-C in it; its document and folder."""
    folder = tmp_path_factory.mktemp("lab")
    dry = run_llamabuild(*ASKED, "--budget", "1h", "--dry-run", "--json", cwd=folder)
    rows = json.loads(dry.stdout)
    seconds = 10 + int(sum(row["least_seconds"] for row in rows if row["name"] in DONE))
    argv = [sys.executable, "-m", "llamabuild", *ASKED, "--budget", f"{seconds}s"]
    with subprocess.Popen(
        argv, cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as program:
        challenged = False
        said = []
        for line in program.stderr:
            said.append(line)
            challenged = challenged or "The challenge, at most" in line
            if challenged and "measuring tg16" in line:
                time.sleep(3)
                program.send_signal(signal.SIGINT)
                break
        rest = "".join(said) + program.stderr.read()
    assert program.returncode == 130, rest
    assert "lab --resume l" in rest
    result = run_llamabuild("lab", "--resume", "latest", "--json", cwd=folder)
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)
    [challenge] = [part for part in document["parts"] if part["name"] == "challenge"]
    if "disturb" in challenge["reason"]:
        pytest.skip("other programs disturb every block")
    return document, seconds, folder


@pytest.fixture(scope="module")
def searched(done):
    """The document of the challenge, as ``report`` has it, and the folder of its report."""
    document, _, folder = done
    [challenge] = [part for part in document["parts"] if part["name"] == "challenge"]
    result = run_llamabuild("report", challenge["run"], "--format", "json", cwd=folder)
    assert result.returncode == 0, result.stderr
    [page] = folder.rglob("challenge/report.html")
    return json.loads(result.stdout), page.parent


def test_the_budget_holds_over_a_stop(done):
    document, seconds, _ = done
    jsonschema.validate(document, shipped("lab"))
    assert document["run"]["status"] == "done"
    assert document["run"]["spent_seconds"] <= 1.1 * seconds
    status = {part["name"]: part["status"] for part in document["parts"]}
    assert {name for name, how in status.items() if how == "done"} == DONE
    assert {how for name, how in status.items() if name not in DONE} == {"left out"}


def test_every_question_has_an_answer_or_a_reason(done):
    document, _, _ = done
    answers = {a["name"]: a for section in document["sections"] for a in section["answers"]}
    for answer in answers.values():
        assert bool(answer["found"]["text"]) != bool(answer["found"]["reason"]), answer["name"]
    assert len(answers["trials"]["found"]["rows"]) == 5
    assert "of its bound" in answers["roofline"]["found"]["text"]
    assert answers["scaling"]["found"]["figures"]
    assert answers["context"]["found"]["reason"] == "not asked for"


def test_recommendations_name_rule_and_run(done, llamabuild, tmp_path):
    result = llamabuild("recommend", "latest", "--json", cwd=tmp_path)
    found = json.loads(result.stdout)["recommendations"]
    topics = {each["topic"] for each in found}
    assert {"memory", "monitoring"} <= topics
    [scaling] = [
        answer["found"]["text"]
        for section in done[0]["sections"]
        for answer in section["answers"]
        if answer["name"] == "scaling"
    ]
    # A count is recommended only where one was shown to be best.
    assert "threads" not in topics or "For llama-server and llama-cli" in scaling
    runs = {part["run"] for part in done[0]["parts"]}
    assert all(each["rule"] and each["run"] in runs for each in found)


def test_the_challenge_is_whole_and_has_what_the_budget_allowed(searched):
    document, _ = searched
    jsonschema.validate(document, shipped("optimize"))
    assert document["run"]["status"] == "done"
    assert document["stages"][0]["name"] == "screen"
    assert document["stages"][0]["blocks"] >= 5


def test_its_files_are_what_their_readers_understand(searched):
    deploy = searched[1] / "deploy"
    shell = shutil.which("bash")
    for name in ("build.sh", "run.sh"):
        subprocess.run([shell, "-n", str(deploy / name)], check=True)
    assert "llama-server --model MODEL.gguf --threads" in (deploy / "run.sh").read_text()
    verify = shutil.which("systemd-analyze")
    if verify:
        unit = deploy / "llama-server.service"
        text = unit.read_text().replace("/opt/llama.cpp/bin/llama-server", os.path.realpath(shell))
        unit.write_text(text)
        subprocess.run([verify, "verify", str(unit)], check=True, capture_output=True)
