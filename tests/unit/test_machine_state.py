"""The machine's state over a trial, and settings, from recorded files."""

import os
import resource
import time

import pytest

from llamabuild.machine import system
from llamabuild.machine.state import StateMeter, read_counters

STAT = """\
cpu  158764 120 15385 134620 1610 10 132 366 5000 0
cpu0 71706 0 6979 76337 224 0 17 180 0 0
intr 745608 0 0 0
ctxt 908281
btime 1795346357
processes 9825
procs_running 3
procs_blocked 0
"""
# 200 ticks user, 10 nice, 30 system, 5 irq, 5 softirq, 40 steal later; guest and idle don't count.
STAT_AFTER = """\
cpu  158964 130 15415 139620 1710 15 137 406 9000 0
procs_running 1
"""
V2_STAT = "usage_usec 900\nnr_periods 12\nnr_throttled 3\nthrottled_usec {}\n"
V1_STAT = "nr_periods 12\nnr_throttled 3\nthrottled_time {}\n"
TICK = os.sysconf("SC_CLK_TCK")


def usage(user=1.5, system=0.25):
    values = (user, system, 5120, 0, 0, 0, 700, 2, 0, 0, 0, 0, 0, 0, 11, 13)
    return resource.struct_rusage(values)


@pytest.fixture
def roots(tmp_path):
    write(tmp_path, "proc/stat", STAT)
    write(tmp_path, "proc/loadavg", "0.58 1.22 1.28 3/91 9826\n")
    write(tmp_path, "proc/self/cgroup", "0::/app\n")
    write(tmp_path, "cgroup/cgroup.controllers", "cpu\n")
    write(tmp_path, "cgroup/app/cpu.stat", V2_STAT.format(1_000_000))
    write(tmp_path, "cgroup/cpu.stat", "usage_usec 900\n")
    write(tmp_path, "sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n")
    for cpu, kilohertz in ((0, 2_000_000), (1, 3_000_000)):
        name = f"sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_cur_freq"
        write(tmp_path, name, f"{kilohertz}\n")
    return tmp_path


def write(root, name, text):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def meter(root, cpus=(0, 1)):
    where = {"proc": root / "proc", "sysfs": root / "sys", "cgroups": root / "cgroup"}
    return StateMeter(cpus, **where)


def test_a_trial(roots):
    running = meter(roots)
    write(roots, "proc/stat", STAT_AFTER)
    write(roots, "proc/loadavg", "9.99 1.22 1.28 1/91 9830\n")
    write(roots, "cgroup/app/cpu.stat", V2_STAT.format(1_250_000))
    state = running.finish(usage(), wall_seconds=2.0, peak_rss_bytes=3 << 20)
    assert (state.wall_seconds, state.user_seconds, state.system_seconds) == (2.0, 1.5, 0.25)
    assert state.peak_rss_bytes == 3 << 20
    assert (state.minor_faults, state.major_faults) == (700, 2)
    assert (state.voluntary_switches, state.involuntary_switches) == (11, 13)
    assert state.steal_seconds == pytest.approx(40 / TICK)
    assert state.foreign_seconds == pytest.approx(250 / TICK - 1.75)
    assert state.throttled_seconds == pytest.approx(0.25)
    assert state.runnable_threads == 2
    assert state.load_1min == 0.58
    assert state.frequency_mhz == 2500.0
    assert state.transparent_huge_pages == "madvise"


def test_foreign_time_is_never_below_zero(roots):
    running = meter(roots)
    assert running.finish(usage(user=0.004), wall_seconds=0.01).foreign_seconds == 0.0


def test_throttling_in_version_1_counts_nanoseconds(roots):
    write(roots, "proc/self/cgroup", "3:cpu:/app\n")
    write(roots, "cgroup/cpu/app/cpu.stat", V1_STAT.format(500_000_000))
    running = meter(roots)
    write(roots, "cgroup/cpu/app/cpu.stat", V1_STAT.format(2_000_000_000))
    assert running.finish(usage(), wall_seconds=1.0).throttled_seconds == pytest.approx(1.5)


def test_what_cannot_be_read_is_none(tmp_path):
    state = meter(tmp_path).finish(usage(), wall_seconds=1.0)
    assert state.steal_seconds is None
    assert state.foreign_seconds is None
    assert state.throttled_seconds is None
    assert state.runnable_threads is None
    assert state.load_1min is None
    assert state.frequency_mhz is None
    assert state.transparent_huge_pages == "unknown"
    assert state.user_seconds == 1.5


def test_an_old_kernel_without_steal(roots):
    write(roots, "proc/stat", "cpu  100 0 50 900 0 0 0\nprocs_running 1\n")
    counters = read_counters(roots / "proc", roots / "cgroup")
    assert counters.steal_seconds is None
    assert counters.busy_seconds == 150 / TICK


def test_our_own_work_is_busy_time_of_the_real_machine():
    before = read_counters()
    started = time.process_time()
    while time.process_time() - started < 0.1:
        pass
    after = read_counters()
    assert after.busy_seconds - before.busy_seconds >= 0.1 - 2 / TICK


def test_reading_costs_less_than_a_millisecond():
    own = resource.getrusage(resource.RUSAGE_CHILDREN)
    costs = []
    for _ in range(20):
        started = time.thread_time()
        StateMeter().finish(own, wall_seconds=1.0)
        costs.append(time.thread_time() - started)
    assert min(costs) < 2e-3


@pytest.mark.parametrize(
    ("text", "mode"),
    [("[always] madvise never", "always"), ("always madvise [never]", "never"), ("", "unknown")],
)
def test_huge_page_modes(tmp_path, text, mode):
    write(tmp_path, "kernel/mm/transparent_hugepage/enabled", text)
    assert system.transparent_huge_pages(tmp_path) == mode


def test_governors(tmp_path):
    for cpu, name in enumerate(("performance", "performance", "powersave")):
        write(tmp_path, f"devices/system/cpu/cpu{cpu}/cpufreq/scaling_governor", f"{name}\n")
    assert system.governor((0, 1), tmp_path) == "performance"
    assert system.governor((0, 2), tmp_path) == "performance+powersave"
    assert system.governor((7,), tmp_path) == "unknown"


@pytest.mark.parametrize(
    ("name", "text", "turbo"),
    [
        ("intel_pstate/no_turbo", "1\n", "off"),
        ("intel_pstate/no_turbo", "0\n", "on"),
        ("cpufreq/boost", "1\n", "on"),
        ("cpufreq/boost", "0\n", "off"),
        ("none", "", "unknown"),
    ],
)
def test_turbo(tmp_path, name, text, turbo):
    write(tmp_path, f"devices/system/cpu/{name}", text)
    assert system.turbo(tmp_path) == turbo


def test_frequency_from_cpuinfo(tmp_path):
    blocks = "".join(f"processor\t: {n}\ncpu MHz\t\t: {2000 + n}.5\n\n" for n in range(4))
    write(tmp_path, "cpuinfo", blocks)
    assert system.frequency_mhz((1, 3), tmp_path, tmp_path) == 2002.5


def test_memory_is_the_smaller_of_machine_and_container(tmp_path):
    write(tmp_path, "meminfo", "MemTotal:       24684084 kB\nMemFree: 1 kB\n")
    assert system.memory_bytes(tmp_path, tmp_path) == 24684084 * 1024
    write(tmp_path, "self/cgroup", "0::/\n")
    write(tmp_path, "cgroup.controllers", "memory\n")
    write(tmp_path, "memory.max", "4294967296\n")
    assert system.memory_bytes(tmp_path, tmp_path) == 4 << 30


def test_numa_nodes(tmp_path):
    assert system.numa_nodes(tmp_path) == 1
    for node in ("node0", "node1", "possible"):
        (tmp_path / "devices" / "system" / "node" / node).mkdir(parents=True)
    assert system.numa_nodes(tmp_path) == 2
