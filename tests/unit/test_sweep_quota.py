"""A quota of recorded cgroup files, from the files to the values of an axis and the reason."""

import pytest

from llamabuild.machine import limits
from llamabuild.machine.detect import detect_machine
from llamabuild.types.run import Axis
from llamabuild.variants.axes import make_axis, words_here
from tests.sweep_fixture import SPEED, material, threads_of

VERSION_2 = {
    "proc/self/cgroup": "0::/user.slice/job.scope\n",
    "cgroup/cgroup.controllers": "cpuset cpu io memory pids\n",
    "cgroup/user.slice/cpu.max": "max 100000\n",
    "cgroup/user.slice/job.scope/cpu.max": "100000 100000\n",
}
VERSION_1 = {
    "proc/self/cgroup": "3:memory:/job\n2:cpu,cpuacct:/job\n",
    "cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
    "cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
    "cgroup/cpu,cpuacct/job/cpu.cfs_quota_us": "100000\n",
    "cgroup/cpu,cpuacct/job/cpu.cfs_period_us": "100000\n",
}


@pytest.fixture(params=[VERSION_1, VERSION_2], ids=["version 1", "version 2"])
def one_cpu(request, tmp_path, monkeypatch):
    for name, text in request.param.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    recorded = limits.quota_cpus(tmp_path / "proc", tmp_path / "cgroup")
    monkeypatch.setattr(limits, "quota_cpus", lambda: recorded)
    cores = tuple(frozenset({n}) for n in range(4))
    monkeypatch.setattr(limits, "affinity", lambda: (0, 1, 2, 3))
    monkeypatch.setattr("llamabuild.machine.topology.cores", lambda *_: cores)


def test_the_default_number_of_threads_honours_it(one_cpu):
    machine = detect_machine()
    assert machine.quota_cpus == 1.0
    assert machine.usable_threads == 1


def test_the_axes_take_their_values_from_it(one_cpu):
    here = words_here(detect_machine().usable_threads)
    assert make_axis("threads", (), here).values == ("1", "2")
    assert make_axis("affinity", (), here).values == ("first-1", "cores", "mask", "node-0")


def test_the_reason_names_it(one_cpu):
    axis = Axis(setting="threads", what="", values=("1", "2", "4"))
    found = material(axis, lambda name: SPEED[threads_of(name)], detect_machine())
    said = " ".join(found.document.sweep.sentences)
    assert "more than 2 threads bring nothing here: the cgroup's quota is 1 CPU, and" in said
