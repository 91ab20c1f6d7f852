"""Each check's judgement, and the command."""

import json
from types import SimpleNamespace

import msgspec
import pytest
from click.testing import CliRunner

from llamabuild.cli import doctor as cli
from llamabuild.errors import EnvironmentLacks
from llamabuild.machine import build_checks, doctor, measure_checks, tools
from llamabuild.machine.check import Check
from llamabuild.machine.measure_checks import Sample
from llamabuild.types.machine import Cpu, Machine, Tool

GIB = 1 << 30
CPU = Cpu(
    architecture="x86_64",
    vendor="AuthenticAMD",
    brand="AMD EPYC [bold]",
    microarchitecture="zen4",
    features=("avx2",),
    logical_cpus=8,
    physical_cores=8,
    threads_per_core=1,
    caches=(),
    hypervisor="",
)
QUIET = Machine(
    fingerprint="0123456789abcdef",
    cpu=CPU,
    affinity=tuple(range(8)),
    quota_cpus=None,
    usable_threads=8,
    numa_nodes=1,
    memory_bytes=32 * GIB,
    transparent_huge_pages="madvise",
    governor="performance",
    turbo="off",
    operating_system="Debian GNU/Linux 12 (bookworm)",
    kernel="6.1.0",
    libc="glibc 2.36",
)


def machine(cpu=None, **changes):
    changed = msgspec.structs.replace(CPU, **(cpu or {}))
    return msgspec.structs.replace(QUIET, cpu=changed, **changes)


@pytest.mark.parametrize("check", doctor.MACHINE_CHECKS)
def test_a_quiet_machine_passes(check):
    assert check(QUIET).status == "ok"
    assert check(QUIET).remedy == ""


@pytest.mark.parametrize(
    ("check", "changed", "status", "words"),
    [
        (measure_checks.quota, machine(quota_cpus=1.5, usable_threads=1), "warning", "1.5 CPUs"),
        (measure_checks.quota, machine(quota_cpus=8.0), "ok", "8 CPUs"),
        (measure_checks.affinity, machine(affinity=(0, 1)), "note", "2 of 8"),
        (measure_checks.smt, machine(cpu={"threads_per_core": 2}), "note", "2 threads a core"),
        (measure_checks.smt, machine(cpu={"hypervisor": "KVM"}), "ok", "may hide"),
        (measure_checks.governor, machine(governor="powersave"), "warning", "powersave"),
        (measure_checks.governor, machine(governor="unknown"), "note", "not visible"),
        (measure_checks.turbo, machine(turbo="on"), "note", "on"),
        (measure_checks.turbo, machine(turbo="unknown"), "note", "not visible"),
        (measure_checks.huge_pages, machine(transparent_huge_pages="always"), "note", "always"),
        (measure_checks.huge_pages, machine(transparent_huge_pages="unknown"), "note", "not vis"),
        (measure_checks.numa, machine(numa_nodes=2), "note", "2 nodes"),
        (measure_checks.virtualisation, machine(cpu={"hypervisor": "KVM"}), "note", "KVM"),
        (measure_checks.virtualisation, machine(cpu={"hypervisor": "unknown"}), "note", "cannot"),
        (build_checks.memory, machine(memory_bytes=GIB // 2), "missing", "0.5 GiB"),
        (build_checks.memory, machine(memory_bytes=4 * GIB), "warning", "8 compilers"),
        (build_checks.memory, machine(memory_bytes=0), "note", "not visible"),
    ],
)
def test_what_is_found(check, changed, status, words):
    found = check(changed)
    assert found.status == status
    assert words in found.finding
    assert bool(found.remedy) or status in {"ok", "note"}


@pytest.mark.parametrize(
    ("steal", "busy", "statuses"),
    [
        (0.0, 0.01, ("ok", "ok")),
        (0.03, 0.01, ("warning", "ok")),
        (0.0, 0.5, ("ok", "warning")),
        (None, None, ("note", "note")),
    ],
)
def test_a_sample(steal, busy, statuses):
    watched = Sample(seconds=1.0, steal=steal, busy=busy)
    assert tuple(check(watched).status for check in doctor.SAMPLE_CHECKS) == statuses


def test_sampling_the_real_machine():
    watched = measure_checks.sample(QUIET, seconds=0.02)
    assert watched.busy is None or watched.busy >= 0


@pytest.mark.parametrize(
    ("output", "status", "words"),
    [
        ("123456,,instructions:u,1030000,100.00,,\n", "ok", "work"),
        ("<not supported>,,instructions:u,0,100.00,,\n", "note", "no hardware counters"),
        ("Error:\nAccess to performance monitoring is limited.\n", "note", "paranoid is 4"),
    ],
)
def test_counters(output, status, words):
    found = measure_checks.counters_check(output, 4)
    assert found.status == status
    assert words in found.finding


def test_counters_without_perf_say_what_to_install(monkeypatch):
    def absent(name):
        raise EnvironmentLacks(f"'{name}' was not found", "apt-get install linux-perf")

    monkeypatch.setattr(measure_checks, "find_tool", absent)
    found = measure_checks.counters()
    assert (found.status, found.remedy) == ("note", "apt-get install linux-perf")
    assert found.finding == "'perf' was not found: no instruction and cache counts"


@pytest.mark.parametrize(
    ("free", "status"), [(GIB // 2, "missing"), (2 * GIB, "note"), (90 * GIB, "ok")]
)
def test_disk_space(monkeypatch, tmp_path, free, status):
    usage = SimpleNamespace(free=free)
    monkeypatch.setattr(build_checks.shutil, "disk_usage", lambda folder: usage)
    assert build_checks.disk(tmp_path).status == status


def test_a_cache_folder_that_cannot_be_written(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LLAMABUILD_CACHE", str(tmp_path / "file"))
    found = build_checks.disk()
    assert found.status == "missing"
    assert "LLAMABUILD_CACHE" in found.remedy


def lack(name):
    message = f"'{name}' was not found"
    raise EnvironmentLacks(message, "apt-get install it")


def test_tools(monkeypatch):
    monkeypatch.setattr(build_checks, "find_tool", lack)
    assert build_checks.tool("cc").status == "missing"
    assert build_checks.tool("ccache").status == "note"
    assert build_checks.tool("cc").remedy == "apt-get install it"
    there = Tool(name="cc", path="/usr/bin/cc", version="cc 12", sha256="")
    monkeypatch.setattr(build_checks, "find_tool", lambda name: there)
    assert build_checks.tool("cc") == Check(name="cc", status="ok", finding="cc 12")


def test_a_missing_setpriv_is_a_lesser_mode_with_its_remedy(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    tools.find_tool.cache_clear()
    [found] = [build_checks.tool(name) for name in tools.tool_table() if name == "setpriv"]
    tools.find_tool.cache_clear()
    assert (found.status, found.remedy) == ("note", "apt-get install util-linux")
    assert "killed outright" in found.finding


@pytest.fixture
def command(monkeypatch):
    """Return a function that runs the command with given checks on a given machine."""

    def invoke(checks, *arguments):
        monkeypatch.setattr(cli, "detect_machine", lambda: QUIET)
        monkeypatch.setattr(cli, "examine", lambda machine: checks)
        return CliRunner().invoke(cli.command, list(arguments))

    return invoke


OK = Check(name="cc", status="ok", finding="cc 12")
NOISY = Check(name="steal", status="warning", finding="9 %", remedy="wait")
LACKING = Check(name="ninja", status="missing", finding="[red]no[/red]", remedy="pip install ninja")


def test_exit_codes(command):
    assert command((OK,)).exit_code == 0
    assert command((OK, NOISY)).exit_code == 0
    assert command((OK, NOISY, LACKING)).exit_code == 5


def test_the_table_shows_text_as_it_is_and_without_colour(command):
    shown = command((OK, NOISY, LACKING)).output
    assert "[red]no[/red]" in shown
    assert "AMD EPYC [bold]" in shown
    assert "\x1b[" not in shown
    assert "not fit to build" in shown


def test_json(command):
    result = command((OK, NOISY), "--json")
    report = json.loads(result.stdout)
    assert report["schema"] == "llamabuild.doctor/1"
    assert (report["fit_to_build"], report["fit_to_measure"]) == (True, False)
    assert report["machine"]["cpu"]["microarchitecture"] == "zen4"
    assert report["checks"][1] == {
        "name": "steal",
        "status": "warning",
        "finding": "9 %",
        "remedy": "wait",
    }


def test_the_real_machine(monkeypatch, tmp_path):
    monkeypatch.setenv("LLAMABUILD_CACHE", str(tmp_path))
    checks = doctor.examine(sample_seconds=0.05)
    names = [check.name for check in checks]
    assert len(names) == len(set(names))
    assert {"cc", "cmake", "steal", "load", "counters", "disk space", "memory"} <= set(names)
    assert doctor.fit_to_measure((OK,))
    assert not doctor.fit_to_measure((OK, NOISY))
