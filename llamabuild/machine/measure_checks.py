"""Is the machine fit to measure?"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

from llamabuild.errors import EnvironmentLacks
from llamabuild.process import run
from llamabuild.types.base import Data

from .check import Check
from .files import read_int
from .state import read_counters
from .system import UNKNOWN
from .tools import find_tool

if TYPE_CHECKING:
    from llamabuild.types.machine import Machine

SAMPLE_SECONDS = 1.0
"""Long against the 10 ms tick that the kernel counts in."""
MOST_STEAL = 0.01
"""Share of the CPUs' time; more moves medians by as much as a typical threshold."""
MOST_LOAD = 0.05
"""Share of the CPUs' time that other processes may take."""
PERF_TIMEOUT_SECONDS = 10.0


class Sample(Data, frozen=True, kw_only=True):
    """A short look at an idle machine; shares of all CPUs' time, None where unreadable."""

    seconds: float
    steal: float | None
    busy: float | None


def sample(machine: Machine, seconds: float = SAMPLE_SECONDS) -> Sample:
    """Watch the machine for a moment."""
    before = read_counters()
    time.sleep(seconds)
    after = read_counters()
    total = seconds * machine.cpu.logical_cpus

    def share(start: float | None, end: float | None) -> float | None:
        return None if start is None or end is None else max(0.0, end - start) / total

    return Sample(
        seconds=seconds,
        steal=share(before.steal_seconds, after.steal_seconds),
        busy=share(before.busy_seconds, after.busy_seconds),
    )


def quota(machine: Machine) -> Check:
    """Does a quota stop threads in the middle of their work?"""
    name = "CPU quota"
    cpus = len(machine.affinity)
    if machine.quota_cpus is None:
        return Check(name=name, status="ok", finding="none")
    finding = f"{machine.quota_cpus:g} CPUs of {cpus}"
    if machine.quota_cpus >= cpus:
        return Check(name=name, status="ok", finding=finding)
    return Check(
        name=name,
        status="warning",
        finding=f"{finding}: more than {machine.usable_threads} threads are held back in turns",
        remedy="raise the quota, or pin the container to CPUs (cpuset) instead of a quota",
    )


def affinity(machine: Machine) -> Check:
    """May this process use all CPUs?"""
    allowed, there = len(machine.affinity), machine.cpu.logical_cpus
    default = f"{machine.usable_threads} threads by default"
    if allowed >= there:
        return Check(name="affinity", status="ok", finding=f"all logical CPUs; {default}")
    finding = f"{allowed} of {there} logical CPUs; {default}"
    return Check(name="affinity", status="note", finding=finding)


def smt(machine: Machine) -> Check:
    """Do two threads share a core?"""
    per_core = machine.cpu.threads_per_core
    if per_core > 1:
        finding = f"{per_core} threads a core: work on a sibling slows a measured thread"
        return Check(
            name="SMT",
            status="note",
            finding=finding,
            remedy="keep siblings idle, or write 'off' to /sys/devices/system/cpu/smt/control",
        )
    finding = "none seen"
    if machine.cpu.hypervisor:
        finding += "; the hypervisor may hide it"
    return Check(name="SMT", status="ok", finding=finding)


def governor(machine: Machine) -> Check:
    """Does the frequency follow the load?"""
    name = "governor"
    if machine.governor == UNKNOWN:
        return Check(name=name, status="note", finding="not visible: frequency is not ours to set")
    if machine.governor == "performance":
        return Check(name=name, status="ok", finding=machine.governor)
    return Check(
        name=name,
        status="warning",
        finding=f"{machine.governor}: the first samples run at a lower frequency",
        remedy="cpupower frequency-set -g performance",
    )


def turbo(machine: Machine) -> Check:
    """Does the frequency depend on temperature and neighbours?"""
    if machine.turbo == "on":
        return Check(
            name="turbo",
            status="note",
            finding="on: frequency depends on temperature and on busy neighbours",
            remedy="for the steadiest figures write 1 to intel_pstate/no_turbo or 0 to "
            "cpufreq/boost in /sys/devices/system/cpu",
        )
    finding = machine.turbo if machine.turbo == "off" else "not visible"
    return Check(name="turbo", status="ok" if machine.turbo == "off" else "note", finding=finding)


def huge_pages(machine: Machine) -> Check:
    """Which transparent huge page mode is set?"""
    mode = machine.transparent_huge_pages
    meaning = {
        "always": "the kernel may give huge pages at any time, so runs can differ",
        "madvise": "only where a program asks for them",
        "never": "variants that ask for huge pages get none",
    }
    return Check(
        name="huge pages",
        status="ok" if mode == "madvise" else "note",
        finding=f"{mode}: {meaning[mode]}" if mode in meaning else "not visible",
    )


def numa(machine: Machine) -> Check:
    """Is memory nearer to some CPUs than to others?"""
    if machine.numa_nodes == 1:
        return Check(name="NUMA", status="ok", finding="one node")
    return Check(
        name="NUMA",
        status="note",
        finding=f"{machine.numa_nodes} nodes: speed depends on where the weights lie",
        remedy="run under 'numactl --cpunodebind=0 --membind=0'",
    )


def virtualisation(machine: Machine) -> Check:
    """Is there a hypervisor below?"""
    below = machine.cpu.hypervisor
    if not below:
        return Check(name="virtualisation", status="ok", finding="none")
    who = "cannot be told here" if below == UNKNOWN else f"{below}: neighbours share the hardware"
    return Check(name="virtualisation", status="note", finding=who)


def steal(watched: Sample) -> Check:
    """Does the hypervisor give our time to others?"""
    if watched.steal is None:
        return Check(name="steal", status="note", finding="not visible")
    finding = f"{watched.steal:.1%} of CPU time within {watched.seconds:g} s"
    if watched.steal <= MOST_STEAL:
        return Check(name="steal", status="ok", finding=finding)
    return Check(
        name="steal",
        status="warning",
        finding=finding,
        remedy="measure at another time, or on dedicated CPUs",
    )


def load(watched: Sample) -> Check:
    """Is anything else running?"""
    if watched.busy is None:
        return Check(name="load", status="note", finding="not visible")
    finding = f"other processes take {watched.busy:.1%} of CPU time"
    if watched.busy <= MOST_LOAD:
        return Check(name="load", status="ok", finding=finding)
    return Check(
        name="load",
        status="warning",
        finding=finding,
        remedy="stop what is running ('top' shows it) before you measure",
    )


def counters(proc: Path = Path("/proc")) -> Check:
    """Can perf count instructions?"""
    name = "counters"
    try:
        perf = find_tool("perf")
    except EnvironmentLacks as error:
        finding = f"{error.message}: no instruction and cache counts"
        return Check(name=name, status="note", finding=finding, remedy=error.remedy)
    finished = run(
        [perf.path, "stat", "-x,", "-e", "instructions:u", "true"],
        timeout_seconds=PERF_TIMEOUT_SECONDS,
    )
    return counters_check(
        finished.stderr, read_int(proc / "sys" / "kernel" / "perf_event_paranoid")
    )


def counters_check(perf_output: str, paranoid: int | None) -> Check:
    """Judge what ``perf stat -x, -e instructions:u`` printed."""
    name = "counters"
    if re.search(r"^\d+,[^,]*,instructions", perf_output, re.MULTILINE):
        return Check(name=name, status="ok", finding="hardware counters work")
    if "<not supported>" in perf_output:
        finding = "this machine has no hardware counters (virtual machines often hide them)"
        return Check(name=name, status="note", finding=finding)
    return Check(
        name=name,
        status="note",
        finding=f"the kernel forbids them (perf_event_paranoid is {paranoid})",
        remedy="sysctl kernel.perf_event_paranoid=2",
    )
