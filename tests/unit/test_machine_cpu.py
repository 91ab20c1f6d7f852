"""Detection from recorded files of other machines."""

import msgspec
import pytest

from llamabuild.machine import topology
from llamabuild.machine.cpu import Probe, detect_cpu
from llamabuild.machine.detect import fingerprint

# As a c7g guest (Graviton 3, Neoverse V1) shows it.
ARM_CPUINFO = """\
processor\t: 0
BogoMIPS\t: 2100.00
Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm jscvt \
fcma lrcpc dcpop sha3 sm3 sm4 asimddp sha512 sve asimdfhm dit uscat ilrcpc flagm ssbs paca pacg \
dcpodp svei8mm svebf16 i8mm bf16 dgh rng
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x1
CPU part\t: 0xd40
CPU revision\t: 1

processor\t: 1
CPU implementer\t: 0x41
"""
NEOVERSE_V1 = (0xEFFFFFFF & ~(1 << 27), 1 << 0 | 1 << 9 | 1 << 12 | 1 << 13 | 1 << 14 | 1 << 15)
CPU = "devices/system/cpu"


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def cache_files(index, level, kind, size, shared):
    folder = f"{CPU}/cpu0/cache/index{index}"
    return {
        f"{folder}/level": f"{level}\n",
        f"{folder}/type": f"{kind}\n",
        f"{folder}/size": f"{size}\n",
        f"{folder}/coherency_line_size": "64\n",
        f"{folder}/shared_cpu_list": f"{shared}\n",
    }


@pytest.fixture
def arm(tmp_path):
    proc, sysfs = tmp_path / "proc", tmp_path / "sys"
    write(proc, {"cpuinfo": ARM_CPUINFO})
    write(
        sysfs,
        {
            f"{CPU}/online": "0-3\n",
            **{f"{CPU}/cpu{n}/topology/core_cpus_list": f"{n}\n" for n in range(4)},
            **cache_files(0, 1, "Data", "64K", "0"),
            **cache_files(1, 1, "Instruction", "64K", "0"),
            **cache_files(2, 2, "Unified", "1024K", "0"),
            **cache_files(3, 3, "Unified", "32768K", "0-3"),
        },
    )

    def no_cpuid(leaf, subleaf):
        raise AssertionError

    return Probe(
        architecture="aarch64",
        microarchitecture="neoverse_v1",
        cpuid=no_cpuid,
        xcr0=0,
        hwcap=NEOVERSE_V1,
        proc=proc,
        sysfs=sysfs,
    )


def test_an_arm_machine(arm):
    cpu = detect_cpu(arm)
    assert (cpu.vendor, cpu.brand) == ("ARM", "ARM neoverse_v1")
    assert cpu.features == ("bf16", "dotprod", "fp16", "i8mm", "neon", "sve")
    assert (cpu.logical_cpus, cpu.physical_cores, cpu.threads_per_core) == (4, 4, 1)
    assert [(c.level, c.kind, c.size_bytes, c.shared_by) for c in cpu.caches] == [
        (1, "data", 64 << 10, 1),
        (1, "instruction", 64 << 10, 1),
        (2, "unified", 1 << 20, 1),
        (3, "unified", 32 << 20, 4),
    ]
    assert cpu.hypervisor == "unknown"


def test_an_implementer_that_nobody_knows(arm):
    write(arm.proc, {"cpuinfo": "CPU implementer\t: 0xee\n"})
    assert detect_cpu(arm).vendor == "0xee"
    write(arm.proc, {"cpuinfo": ""})
    assert detect_cpu(arm).vendor == "unknown"


def test_cores_with_two_threads(tmp_path):
    siblings = {0: "0,4", 1: "1,5", 4: "0,4", 5: "1,5"}
    write(
        tmp_path,
        {f"{CPU}/cpu{n}/topology/thread_siblings_list": text for n, text in siblings.items()},
    )
    found = topology.cores(tmp_path, frozenset({0, 1, 4, 5}))
    assert found == (frozenset({0, 4}), frozenset({1, 5}))


def test_an_offline_sibling_is_no_thread(tmp_path):
    write(tmp_path, {f"{CPU}/cpu0/topology/core_cpus_list": "0-1\n"})
    assert topology.cores(tmp_path, frozenset({0})) == (frozenset({0}),)


def test_without_sysfs_each_cpu_is_a_core(tmp_path):
    online = topology.online_cpus(tmp_path, 3)
    assert online == frozenset({0, 1, 2})
    assert len(topology.cores(tmp_path, online)) == 3
    assert topology.caches(tmp_path, 0) == ()


@pytest.mark.parametrize(
    ("text", "cpus"),
    [("0", {0}), ("0-3,8", {0, 1, 2, 3, 8}), ("", set()), ("5,7-8\n", {5, 7, 8})],
)
def test_cpu_lists(text, cpus):
    assert topology.parse_cpu_list(text) == cpus


def test_the_fingerprint_follows_what_moves_measurements(arm):
    cpu = detect_cpu(arm)
    usual = {"allowed": (0, 1), "quota": None, "memory_bytes": 8 << 30, "numa_nodes": 1}
    same = fingerprint(cpu, **usual)
    weaker = msgspec.structs.replace(cpu, features=("neon",))
    renamed = msgspec.structs.replace(cpu, microarchitecture="neoverse_n1")
    assert fingerprint(cpu, **usual | {"memory_bytes": (8 << 30) - 4096}) == same
    assert fingerprint(cpu, **usual | {"allowed": (2, 3)}) == same
    assert fingerprint(renamed, **usual) == same
    others = {
        fingerprint(weaker, **usual),
        fingerprint(cpu, **usual | {"quota": 1.5}),
        fingerprint(cpu, **usual | {"allowed": (0,)}),
        fingerprint(cpu, **usual | {"memory_bytes": 4 << 30}),
        fingerprint(cpu, **usual | {"numa_nodes": 2}),
        same,
    }
    assert len(others) == 6
