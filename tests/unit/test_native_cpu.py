"""The extension module and detection on the machine that runs the tests."""

import platform
import re
from pathlib import Path

import archspec.cpu
import archspec.cpu.detect
import psutil
import pytest

from llamabuild.errors import EnvironmentLacks
from llamabuild.machine import topology
from llamabuild.machine.cpu import detect_cpu
from llamabuild.machine.detect import detect_machine
from llamabuild.machine.extension import load_extension
from llamabuild.machine.features import feature_table

CPUINFO = Path("/proc/cpuinfo")
SYSFS = Path("/sys")
x86_only = pytest.mark.skipif(platform.machine() != "x86_64", reason="x86-64 only")


@pytest.fixture(scope="module")
def native():
    return load_extension()


def cpuinfo_words():
    found = re.search(r"^(?:flags|Features)\s*:(.*)$", CPUINFO.read_text(), re.MULTILINE)
    assert found is not None
    return set(found[1].split())


def features_of_this_architecture():
    on_x86 = platform.machine() == "x86_64"
    return [f for f in feature_table().feature if (f.x86 is not None) == on_x86]


def test_features_are_those_of_cpuinfo():
    words = cpuinfo_words()
    expected = {f.name for f in features_of_this_architecture() if f.cpuinfo in words}
    assert set(detect_cpu().features) == expected
    assert expected


def test_features_are_those_of_archspec():
    words = archspec.cpu.detect.detected_info().features
    known = features_of_this_architecture()
    expected = {f.name for f in known if (f.archspec or f.cpuinfo) in words}
    assert set(detect_cpu().features) == expected


def test_the_microarchitecture_is_archspecs_and_its_features_are_there():
    cpu = detect_cpu()
    target = archspec.cpu.host()
    assert cpu.microarchitecture == target.name
    names = {f.archspec or f.cpuinfo: f.name for f in features_of_this_architecture()}
    assert {names[word] for word in target.features if word in names} <= set(cpu.features)


@x86_only
def test_vendor_and_brand_are_those_of_cpuinfo():
    cpu, text = detect_cpu(), CPUINFO.read_text()
    assert re.search(rf"^vendor_id\s*: {re.escape(cpu.vendor)}$", text, re.MULTILINE)
    assert re.search(rf"^model name\s*: {re.escape(cpu.brand)}$", text, re.MULTILINE)


@x86_only
def test_a_hypervisor_is_seen_when_the_kernel_sees_one():
    assert bool(detect_cpu().hypervisor) == ("hypervisor" in cpuinfo_words())


def test_counts_are_those_of_psutil():
    cpu = detect_cpu()
    assert cpu.logical_cpus == psutil.cpu_count()
    assert cpu.physical_cores == (psutil.cpu_count(logical=False) or cpu.logical_cpus)
    assert cpu.physical_cores <= cpu.logical_cpus <= cpu.physical_cores * cpu.threads_per_core


@x86_only
def test_cache_sizes_by_cpuid_are_those_of_the_kernel():
    by_kernel = topology.caches(SYSFS, 0)
    if not by_kernel:
        pytest.skip("the kernel shows no caches")
    by_cpuid = detect_cpu().caches
    assert [(c.level, c.kind, c.size_bytes, c.line_bytes) for c in by_cpuid] == [
        (c.level, c.kind, c.size_bytes, c.line_bytes) for c in by_kernel
    ]


@x86_only
def test_leaves_that_the_cpu_lacks_are_zero(native):
    last_basic = native.cpuid(0)[0]
    assert native.cpuid(last_basic + 1) == (0, 0, 0, 0)
    assert native.cpuid(0x8FFF_FFFF) == (0, 0, 0, 0)


@x86_only
def test_the_system_saves_at_least_sse_state_where_it_uses_xsave(native):
    osxsave = native.cpuid(1)[2] >> 27 & 1
    assert native.xcr0() & 0x3 == (0x3 if osxsave else 0)


@x86_only
def test_other_types_and_sizes_of_leaf_are_refused(native):
    with pytest.raises(TypeError):
        native.cpuid("1")
    with pytest.raises(TypeError):
        native.cpuid(1 << 32)


@pytest.mark.skipif(platform.machine() != "aarch64", reason="aarch64 only")
def test_hwcap_is_what_the_kernel_gave_this_process(native):
    auxiliary = Path("/proc/self/auxv").read_bytes()
    words = [int.from_bytes(auxiliary[i : i + 8], "little") for i in range(0, len(auxiliary), 8)]
    vector = dict(zip(words[::2], words[1::2], strict=True))
    assert native.hwcap() == (vector.get(16, 0), vector.get(26, 0))


@x86_only
def test_there_is_no_hwcap_on_x86(native):
    assert native.hwcap() == (0, 0)


def test_a_missing_extension_says_what_to_do():
    with pytest.raises(EnvironmentLacks, match="pip install") as caught:
        load_extension("llamabuild._not_built")
    assert "_not_built" in caught.value.message
    assert "\n" not in str(caught.value)


def test_this_machine_as_a_whole():
    machine = detect_machine()
    assert re.fullmatch(r"[0-9a-f]{16}", machine.fingerprint)
    assert machine.fingerprint == detect_machine().fingerprint
    assert 1 <= machine.usable_threads <= len(machine.affinity) <= machine.cpu.logical_cpus
    assert 0 < machine.memory_bytes <= psutil.virtual_memory().total
    assert machine.kernel == platform.release()
    assert platform.node() not in repr(machine) or len(platform.node()) < 4
