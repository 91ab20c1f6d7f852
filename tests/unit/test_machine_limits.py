"""Quota, memory limit and threads, from recorded cgroup files."""

import os

import pytest

from llamabuild.machine import limits

TWO_CORES_SMT = (frozenset({0, 2}), frozenset({1, 3}))
FOUR_CORES = tuple(frozenset({n}) for n in range(4))
V1_UNLIMITED_MEMORY = "9223372036854771712\n"


@pytest.fixture
def machine(tmp_path):
    """Return a function that writes /proc/self/cgroup and the files of the groups."""

    def write(membership, files):
        (tmp_path / "proc" / "self").mkdir(parents=True)
        (tmp_path / "proc" / "self" / "cgroup").write_text(membership)
        for name, text in files.items():
            path = tmp_path / "cgroup" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path / "proc", tmp_path / "cgroup"

    return write


def test_version_2_in_a_container(machine):
    where = machine("0::/\n", {"cgroup.controllers": "cpu memory\n", "cpu.max": "150000 100000\n"})
    assert limits.quota_cpus(*where) == 1.5


def test_version_2_takes_the_tightest_on_the_way_up(machine):
    where = machine(
        "0::/kubepods.slice/pod1/app\n",
        {
            "cgroup.controllers": "cpu memory\n",
            "kubepods.slice/cpu.max": "max 100000\n",
            "kubepods.slice/pod1/cpu.max": "200000 100000\n",
            "kubepods.slice/pod1/app/cpu.max": "400000 100000\n",
            "kubepods.slice/pod1/memory.max": "2147483648\n",
            "kubepods.slice/pod1/app/memory.max": "max\n",
            "kubepods.slice/pod2/cpu.max": "10000 100000\n",
        },
    )
    assert limits.quota_cpus(*where) == 2.0
    assert limits.memory_limit_bytes(*where) == 2 << 30


def test_version_2_with_the_hosts_path_inside_a_container(machine):
    files = {"cgroup.controllers": "cpu\n", "cpu.max": "50000 100000\n"}
    where = machine("0::/../../docker/3f2a\n", files)
    assert limits.quota_cpus(*where) == 0.5


def test_version_1_with_joined_controllers(machine):
    where = machine(
        "12:memory:/docker/3f2a\n4:cpu,cpuacct:/docker/3f2a\n1:name=systemd:/docker/3f2a\n",
        {
            "cpu,cpuacct/docker/3f2a/cpu.cfs_quota_us": "250000\n",
            "cpu,cpuacct/docker/3f2a/cpu.cfs_period_us": "100000\n",
            "cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
            "cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            "memory/memory.limit_in_bytes": V1_UNLIMITED_MEMORY,
            "memory/docker/3f2a/memory.limit_in_bytes": "536870912\n",
        },
    )
    assert limits.quota_cpus(*where) == 2.5
    assert limits.memory_limit_bytes(*where) == 512 << 20


def test_version_1_wins_in_a_hybrid_hierarchy(machine):
    where = machine(
        "1:cpu:/\n0::/\n",
        {
            "cpu/cpu.cfs_quota_us": "300000\n",
            "cpu/cpu.cfs_period_us": "100000\n",
            "unified/cpu.max": "100000 100000\n",
        },
    )
    assert limits.quota_cpus(*where) == 3.0


@pytest.mark.parametrize("text", ["max 100000\n", "", "nonsense\n", "100000\n", "100000 0\n"])
def test_version_2_without_a_quota(machine, text):
    where = machine("0::/\n", {"cgroup.controllers": "cpu\n", "cpu.max": text})
    assert limits.quota_cpus(*where) is None


def test_without_cgroups(tmp_path):
    assert limits.quota_cpus(tmp_path, tmp_path) is None
    assert limits.memory_limit_bytes(tmp_path, tmp_path) is None


@pytest.mark.parametrize(
    ("cores", "allowed", "quota", "threads"),
    [
        (FOUR_CORES, (0, 1, 2, 3), None, 4),
        (FOUR_CORES, (1, 2), None, 2),
        (FOUR_CORES, (0, 1, 2, 3), 2.9, 2),
        (FOUR_CORES, (0, 1, 2, 3), 0.5, 1),
        (FOUR_CORES, (0, 1), 8.0, 2),
        (TWO_CORES_SMT, (0, 1, 2, 3), None, 2),
        (TWO_CORES_SMT, (0, 2), None, 1),
        (TWO_CORES_SMT, (2, 3), 4.0, 2),
    ],
)
def test_usable_threads(cores, allowed, quota, threads):
    assert limits.usable_threads(cores, allowed, quota) == threads


def test_affinity_is_this_process():
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert limits.affinity() == (min(before),)
    finally:
        os.sched_setaffinity(0, before)
