"""``kernels`` for real: beside ggml's own kernels, within its time, correct, and interruptible."""

import json
import os
import signal
import subprocess
import sys
import time

import jsonschema
import pytest

from llamabuild.report.schema import shipped


@pytest.fixture(scope="module")
def quick(built, tmp_path_factory):
    """A quick run and how long it took."""
    assert built
    state = tmp_path_factory.mktemp("state")
    start = time.monotonic()
    result = subprocess.run(
        [sys.executable, "-m", "llamabuild", "kernels", "--quick", "--json"],
        capture_output=True,
        text=True,
        check=False,
        cwd=state,
        env={**os.environ, "LLAMABUILD_STATE": str(state)},
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout), result.stderr, time.monotonic() - start


def test_a_quick_run_is_valid_and_in_time(quick):
    data, progress, seconds = quick
    jsonschema.Draft202012Validator(shipped("kernels")).validate(data)
    assert seconds < 120
    assert "step" in progress
    assert data["run"]["status"] == "done"
    assert 0.5e9 < data["clock_hz"] < 7e9


def test_ggml_ran_beside_in_every_group_and_all_are_correct(quick):
    rows = [row for row in quick[0]["kernels"] if row["status"] == "ok"]
    groups = {(row["format"], row["residence"], row["threads"]) for row in rows}
    assert {name for name, _, _ in groups} == {"q4_K", "q8_0", "q4_0", "q6_K"}
    for group in groups:
        own = [r for r in rows if (r["format"], r["residence"], r["threads"]) == group]
        assert {r["by"] for r in own} >= {"llamabuild", "ggml:avx2", "ggml:native"}
        assert [r["ratio"] for r in own].count(1.0) == 1
        assert len({r["against"] for r in own}) == 1
    assert all(row["correct"] for row in rows)
    assert all(row["low"] <= row["ratio"] <= row["high"] for row in rows if row["low"])
    assert not [row for row in quick[0]["kernels"] if row["status"] in {"wrong", "failed"}]


def test_kernels_are_within_their_bound(quick):
    """All but a few: another guest may be busy while a probe runs, and idle after."""
    rows = [row for row in quick[0]["kernels"] if row["status"] == "ok"]
    assert {row["bound"] for row in rows} <= {"bandwidth", "compute"}
    assert all(row["share_of_bound"] > 0 for row in rows)
    beyond = [row["function"] for row in rows if row["share_of_bound"] > 1.15]
    assert len(beyond) <= len(rows) // 4, beyond


def test_a_kernel_uses_a_good_part_of_its_cache(quick):
    """Bytes of 8 bits need the fewest operations, so that reading them is what takes time."""
    best = max(
        row["share_of_bound"]
        for row in quick[0]["kernels"]
        if (row["format"], row["shape"], row["residence"], row["by"], row["threads"])
        == ("q8_0", "gemv", "L2", "llamabuild", 1)
    )
    assert best > 0.3


def test_ctrl_c_keeps_what_was_measured(built, tmp_path):
    assert built
    environment = {**os.environ, "LLAMABUILD_STATE": str(tmp_path)}
    arguments = ["kernels", "--no-probes", "--format", "q4_K,q8_0"]
    with subprocess.Popen(
        [sys.executable, "-m", "llamabuild", *arguments],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        cwd=tmp_path,
        env=environment,
    ) as running:
        for line in running.stderr:
            if "step" in line:
                break
        time.sleep(2)
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 130
    from llamabuild.store.results import Results  # noqa: PLC0415

    with Results.open(tmp_path / "results.sqlite") as results:
        run = results.kernel_run("latest")
    assert run.status == "interrupted"
    assert any(row.ns_per_256 for row in run.kernels)


def test_a_library_that_cannot_be_loaded_is_named_and_the_rest_goes_on(built, tmp_path):
    """A damaged copy of a library, found where the build's own should be."""
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from llamabuild.pipeline import kernels_rivals\n"
        "kernels_rivals.built_variant = lambda name: ((Path(sys.argv[1]),), ())\n"
        "found = kernels_rivals.find_rivals(['native'], ['q4_K', 'q8_0'])\n"
        "assert not found.kernels\n"
        "assert len(found.missing) == 2\n"
        "print(found.notes[0])\n"
    )
    library = tmp_path / "libggml-cpu.so"
    library.write_bytes(b"\x7fELF, or so it says")
    base = next(built["native"].rglob("libggml-base.so*"))
    (tmp_path / "libggml-base.so").write_bytes(base.read_bytes())
    result = subprocess.run(
        [sys.executable, "-c", code, library], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "without the kernels of ggml:native" in result.stdout
