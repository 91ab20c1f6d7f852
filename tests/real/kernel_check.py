"""Builds native/check, the program that tests every kernel by itself, and runs it."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from llamabuild.machine.tools import find_tool

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Result:
    """What the program printed: names of kernels, and of skipped ones the feature they need."""

    status: int
    text: str
    ok: frozenset[str]
    failed: frozenset[str]
    skipped: dict[str, str]


def build(folder: Path, *options: str) -> Path:
    """Build the program in the folder with more options for CMake; return its path."""
    generator = ("-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={find_tool('ninja').path}")
    if ccache := shutil.which("ccache"):
        generator = (*generator, f"-DCMAKE_CXX_COMPILER_LAUNCHER={ccache}")
    cmake = str(find_tool("cmake").path)
    run(cmake, "-S", str(ROOT), "-B", str(folder), "-DLLAMABUILD_CHECK=ON", *generator, *options)
    run(cmake, "--build", str(folder))
    return folder / "kernel_check"


def run(*argv: str) -> None:
    # CCACHE_BASEDIR: the temporary folder's name is not part of what was compiled.
    environment = {**os.environ, "CCACHE_BASEDIR": str(ROOT), "CCACHE_NOHASHDIR": "1"}
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]


def check(*argv: str | Path) -> Result:
    """Run the program, or an emulator with it."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    text = done.stdout + done.stderr
    return Result(
        status=done.returncode,
        text=text,
        ok=frozenset(re.findall(r"^ok +(\S+):", text, re.MULTILINE)),
        failed=frozenset(re.findall(r"^FAILED (\S+):", text, re.MULTILINE)),
        skipped=dict(re.findall(r"^skip +(\S+): the CPU lacks (\S+)$", text, re.MULTILINE)),
    )


def names(*argv: str | Path) -> frozenset[str]:
    """Return all kernels and packings that the program knows."""
    done = subprocess.run((*argv, "--list"), capture_output=True, text=True, check=True)
    return frozenset(done.stdout.split())
