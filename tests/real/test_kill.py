"""kill -9 at random moments costs nothing but the step in flight."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import psutil
import pytest

from llamabuild.store.builds import build_folder, load_build
from llamabuild.store.results import Results
from llamabuild.types.run import INTERRUPTED_BLOCK

TIMES = 10


def start(*arguments, cwd, stderr=subprocess.DEVNULL):
    return subprocess.Popen(
        [sys.executable, "-m", "llamabuild", *arguments],
        cwd=cwd,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        text=True,
    )


def wait_for_a_trial():
    """Wait until the newest run has stored a trial."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        with Results.open() as results:
            runs = results.runs()
            if runs and results.trials(runs[-1].id):
                return
        time.sleep(0.2)
    pytest.fail("no trial was stored within 5 minutes")


def kill_after(process, seconds):
    """Kill outright; True if it was still running."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        return True
    return False


def seconds_of_a_build(build_id, llamabuild, folder):
    """Build once more, from a warm compiler cache the second time."""
    shutil.rmtree(build_folder(build_id))
    begun = time.monotonic()
    assert llamabuild("build", "avx2", cwd=folder).returncode == 0
    return time.monotonic() - begun


def test_a_killed_build_is_never_used(built, llamabuild, tmp_path):
    """The compiler cache is warm, so that a whole build takes seconds and all its phases are hit."""
    build_id = built["avx2"].parent.name
    before = load_build(build_id, full=True)
    whole = min(seconds_of_a_build(build_id, llamabuild, tmp_path) for _ in range(2))
    chance = random.Random(5)
    killed = 0
    for number in range(TIMES):
        shutil.rmtree(build_folder(build_id), ignore_errors=True)
        # one random moment in each tenth of a build, so that every phase is hit
        moment = whole * 0.9 * (number + chance.random()) / TIMES
        killed += kill_after(start("build", "avx2", cwd=tmp_path), moment)
        found = load_build(build_id, full=True)
        assert found is None or found.files == before.files
        assert found is not None or not build_folder(build_id).exists()
    assert killed >= TIMES // 2
    assert llamabuild("build", "avx2", cwd=tmp_path).returncode == 0
    after = load_build(build_id, full=True)
    assert {f.path for f in after.files} == {f.path for f in before.files}


@pytest.fixture
def own_state(tmp_path, monkeypatch):
    monkeypatch.setenv("LLAMABUILD_STATE", str(tmp_path / "state"))
    return tmp_path


def test_no_trial_is_lost_or_doubled(built, own_state, llamabuild):
    arguments = ("variants", "native", "--seed", "7", "--blocks", "5")
    process = start(*arguments, cwd=own_state)
    wait_for_a_trial()
    chance = random.Random(6)
    stored = 0
    for _ in range(TIMES):
        kill_after(process, chance.uniform(0.3, 4.0))
        with Results.open() as results:
            trials = results.trials("latest")
        assert len(trials) >= stored
        stored = len(trials)
        process = start("variants", "--resume", "latest", cwd=own_state)
    process.wait()
    last = llamabuild("variants", "--resume", "latest", "--json", cwd=own_state)
    assert last.returncode == 2, "the run was complete before"
    assert "is complete" in last.stderr
    with Results.open() as results:
        [run] = results.runs()
        trials = results.trials(run.id)
    assert run.status == "done"
    keys = [(t.block, t.arm, t.workload) for t in trials]
    assert len(set(keys)) == len(keys)
    blocks = range(max(t.block for t in trials) + 1)
    cut = {gone.block for gone in run.discarded if gone.reason == INTERRUPTED_BLOCK}
    for block in blocks:
        here = sum(t.block == block for t in trials)
        assert 0 < here < 3 * 2 if block in cut else here == 3 * 2
    assert len(blocks) - 1 - len(run.discarded) == 5
    shown = json.loads(llamabuild("report", run.id, "--format", "json", cwd=own_state).stdout)
    assert shown["blocks"] == 5


@pytest.mark.parametrize(
    ("signals", "code", "says"),
    [
        ([signal.SIGINT], 130, "variants --resume"),
        ([signal.SIGINT, signal.SIGINT], 130, "interrupted"),
        ([signal.SIGTERM], 143, "terminated"),
    ],
)
def test_signals_stop_it_cleanly(built, own_state, signals, code, says):
    process = start("variants", "native", "--blocks", "12", cwd=own_state, stderr=subprocess.PIPE)
    wait_for_a_trial()
    children = psutil.Process(process.pid).children(recursive=True)
    for number in signals:
        process.send_signal(number)
        time.sleep(0.05)
    _, said = process.communicate(timeout=120)
    # The second Ctrl-C can hit Python on its way out; a shell calls that 130, too.
    assert process.returncode == code or (len(signals) > 1 and process.returncode == -2)
    assert says in said
    assert "Traceback" not in said
    assert not [child for child in children if child.is_running()]
    with Results.open() as results:
        assert results.run("latest").status == "interrupted"


def test_a_second_run_on_the_same_machine_is_refused(built, own_state, llamabuild):
    first = start("variants", "native", "--blocks", "12", cwd=own_state)
    wait_for_a_trial()
    second = llamabuild("variants", "native", "--quick", cwd=own_state)
    first.send_signal(signal.SIGTERM)
    first.wait()
    assert second.returncode == 75
    assert f"process {first.pid}" in second.stderr
    assert len(second.stderr.splitlines()) == 1
