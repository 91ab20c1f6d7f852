"""Profiles for compilers: which flags instrument and use, and reading what a training run left."""

from __future__ import annotations

import platform
import re
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from llamabuild.errors import BuildFailed, EnvironmentLacks
from llamabuild.machine.tools import find_tool
from llamabuild.process import run
from llamabuild.types.build import Stage
from llamabuild.types.variant import Flags

from .library_flags import CLANG, major_version
from .llvm import profdata_of
from .training import training

if TYPE_CHECKING:
    from llamabuild.types.machine import Tool

TIMEOUT_SECONDS = 300.0
GCC_FUNCTION = re.compile(r": +01000000: +\d+:FUNCTION ident=")
GCC_ARCS = re.compile(r": +01a10000: +-?\d+:COUNTERS arcs ")
GCC_COUNTS = re.compile(r": +\d+: ((?:\d+ )+)\s*$")
CLANG_FUNCTIONS = re.compile(r"^Total functions: (\d+)", re.MULTILINE)
MERGED = "merged.profdata"


class Trained(NamedTuple):
    """How many functions were instrumented, and how many of them ran."""

    functions: int
    trained: int


def instrument_flags(family: str) -> Flags:
    """Return what makes ggml and the decode part of libllama count."""
    flags = training().flags(family).generate
    return Flags(c=flags, cxx=flags, link=flags)


def use_flags(family: str, data: str) -> Flags:
    """Return what makes the compiler use the profile in the folder ``data``."""
    flags = tuple(flag.replace("{data}", data) for flag in training().flags(family).use)
    return Flags(c=flags, cxx=flags, link=flags)


def check_tools(family: str, compiler: Tool) -> None:
    """Find out before a long build whether its profile could be read afterwards.

    Raises:
        EnvironmentLacks: The tool that reads profiles, or clang's runtime that writes them, is
            not installed.
    """
    if family != CLANG:
        _gcov_dump(compiler)
        return
    profdata_of(compiler)
    # With a folder for each target the library's name is short; Debian has the long one.
    for library in ("libclang_rt.profile.a", f"libclang_rt.profile-{platform.machine()}.a"):
        question = [compiler.path, f"-print-file-name={library}"]
        if Path(run(question, timeout_seconds=TIMEOUT_SECONDS).stdout.strip()).is_file():
            return
    message = f"{compiler.name} has no profile runtime here, which instrumented programs need"
    raise EnvironmentLacks(message, f"apt-get install libclang-rt-{major_version(compiler)}-dev")


def counters_environment(family: str, build_dir: Path) -> dict[str, str]:
    """Return what tells an instrumented program where its counters go.

    gcc's go beside the object files, which is what the program was compiled with.
    """
    if family == CLANG:
        return {"LLVM_PROFILE_FILE": str(build_dir / "counters-%m.profraw")}
    return {}


def collect_profile(
    family: str, compiler: Tool, build_dir: Path, data: Path
) -> tuple[Trained, Stage]:
    """Bring the counters of a build folder into a profile's folder, and count what ran.

    Raises:
        BuildFailed: There are none, or none of them counted anything.
        EnvironmentLacks: The tool that reads them is missing.
    """
    started = time.monotonic()
    collect = _collect_clang if family == CLANG else _collect_gcc
    trained, cpu_seconds = collect(compiler, build_dir, data)
    if trained.trained == 0:
        count = trained.functions
        message = f"the training run left an empty profile: none of {count} functions ran"
        raise BuildFailed(message)
    seconds = time.monotonic() - started
    return trained, Stage(name="merge", seconds=seconds, cpu_seconds=cpu_seconds)


def _collect_gcc(compiler: Tool, build_dir: Path, data: Path) -> tuple[Trained, float]:
    found = sorted(build_dir.rglob("*.gcda"))
    if not found:
        message = "the training run left no profile (no .gcda files beside the object files)"
        raise BuildFailed(message)
    for path in found:
        kept = data / path.relative_to(build_dir)
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, kept)
    finished = run(
        [_gcov_dump(compiler).path, "-l", *found],
        environment={"LC_ALL": "C"},
        timeout_seconds=TIMEOUT_SECONDS,
        output_limit=1 << 30,
    )
    if not finished.ok:
        message = f"gcov-dump cannot read the profile: it {finished.failure()}"
        raise BuildFailed(message)
    return read_gcov_dump(finished.stdout), finished.usage.ru_utime + finished.usage.ru_stime


def read_gcov_dump(text: str) -> Trained:
    """Count functions, and those with a counter of an arc above 0, in what ``gcov-dump -l`` says.

    A function that several units define (inline, template) counts once for each.
    """
    functions = trained = 0
    ran, in_arcs = True, False
    for line in text.splitlines():
        if GCC_FUNCTION.search(line):
            functions += 1
            ran, in_arcs = False, False
        elif "COUNTERS" in line:
            in_arcs = GCC_ARCS.search(line) is not None
        elif in_arcs and not ran and (counts := GCC_COUNTS.search(line)):
            ran = any(int(count) for count in counts[1].split())
            trained += ran
    return Trained(functions, trained)


def _gcov_dump(compiler: Tool) -> Tool:
    """Return the gcov-dump of a gcc: the format of counters changes with the major version."""
    major = major_version(compiler)
    try:
        return find_tool(f"gcov-dump-{major}")
    except EnvironmentLacks:
        plain = find_tool("gcov-dump")
    if major_version(plain) != major:
        message = f"gcov-dump is of another version ({plain.version}) than {compiler.name}"
        raise EnvironmentLacks(message, f"apt-get install gcc-{major}")
    return plain


def _collect_clang(compiler: Tool, build_dir: Path, data: Path) -> tuple[Trained, float]:
    raw = sorted(build_dir.glob("counters-*.profraw"))
    if not raw:
        message = "the training run left no profile (no .profraw files)"
        raise BuildFailed(message)
    profdata = profdata_of(compiler).path
    everything = build_dir / MERGED
    merged = data / MERGED
    commands: tuple[list[str | Path], ...] = (
        [profdata, "merge", "-o", everything, *raw],
        # Sparse: no records of functions that did not run; with one that says 0, clang takes them
        # for cold, although they may be what the next model runs.
        [profdata, "merge", "-sparse", "-o", merged, *raw],
        [profdata, "show", everything],
        [profdata, "show", merged],
    )
    counts, cpu_seconds = [], 0.0
    for command in commands:
        finished = run(command, environment={"LC_ALL": "C"}, timeout_seconds=TIMEOUT_SECONDS)
        if not finished.ok:
            message = f"llvm-profdata cannot read the profile: it {finished.failure()}"
            raise BuildFailed(message)
        cpu_seconds += finished.usage.ru_utime + finished.usage.ru_stime
        if command[1] == "show":
            counts.append(read_profdata_total(finished.stdout))
    return Trained(counts[0], counts[1]), cpu_seconds


def read_profdata_total(text: str) -> int:
    """Return the number of functions in what ``llvm-profdata show`` prints."""
    match = CLANG_FUNCTIONS.search(text)
    return int(match[1]) if match else 0
