"""A sweep of threads under a quota that the kernel enforces."""

import contextlib
import csv
import json
import os
import subprocess
import sys
import time

import pytest

from llamabuild.machine.cgroups import find_hierarchy

ENTER = 'echo $$ > "$0/cgroup.procs" && exec "$@"'
NAME = f"llamabuild-test-{os.getpid()}"


@pytest.fixture
def one_cpu():
    """Make a group below this process's own that may use one CPU, and remove it afterwards."""
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("one CPU may be used here: a quota of one changes nothing")
    hierarchy = find_hierarchy("cpu")
    parent = next((f for f in hierarchy.folders if f.is_dir()), None) if hierarchy else None
    if parent is None:
        pytest.skip("no cgroup of this process can be seen")
    group = parent / NAME
    controllers = parent / "cgroup.subtree_control"
    enabled = False
    try:
        if hierarchy.version == 2 and "cpu" not in controllers.read_text().split():
            controllers.write_text("+cpu")
            enabled = True
        group.mkdir()
        if hierarchy.version == 2:
            (group / "cpu.max").write_text("100000 100000")
        else:
            (group / "cpu.cfs_period_us").write_text("100000")
            (group / "cpu.cfs_quota_us").write_text("100000")
    except OSError as error:
        with contextlib.suppress(OSError):
            group.rmdir()
        if enabled:
            controllers.write_text("-cpu")
        pytest.skip(f"no cgroup can be made below {parent}: {error.strerror}")
    yield group
    for _ in range(50):  # its last process may still be going
        with contextlib.suppress(OSError):
            group.rmdir()
            break
        time.sleep(0.1)
    if enabled:
        controllers.write_text("-cpu")
    assert not group.exists()


def inside(group, *arguments, cwd):
    program = [sys.executable, "-m", "llamabuild", *arguments]
    return subprocess.run(
        ["sh", "-c", ENTER, str(group), *program],
        capture_output=True, text=True, check=False, cwd=cwd,
    )  # fmt: skip


def test_the_axes_begin_with_what_the_quota_allows(one_cpu, tmp_path):
    result = inside(one_cpu, "sweep", "--axes", "--json", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["threads"]["values"] == ["1", "2"]


def test_more_threads_than_the_quota_are_explained_by_it(built, one_cpu, tmp_path):
    asked = ("sweep", "threads", "1", "2", "4", "--quick", "--json", "--workloads", "tg")
    result = inside(one_cpu, *asked, cwd=tmp_path)
    assert result.returncode in {0, 3}, result.stderr
    document = json.loads(result.stdout)
    assert document["machine"]["quota_cpus"] == 1.0
    assert document["machine"]["usable_threads"] == 1
    said = " ".join(document["sweep"]["sentences"])
    assert "the cgroup's quota is 1 CPU, and threads beyond it are held back" in said
    four = document["sweep"]["points"][-1]["workloads"][0]
    assert four["efficiency"] < 0.4
    [table] = tmp_path.rglob("trials.csv")
    with table.open() as lines:
        rows = list(csv.DictReader(lines))
    held = {r["variant"]: float(r["state_throttled_seconds"]) for r in rows if r["block"] != "0"}
    assert held["native+threads=4"] > 0.05
