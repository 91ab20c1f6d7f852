"""Is the machine fit to build?"""

from __future__ import annotations

import platform
import shutil
from typing import TYPE_CHECKING

from llamabuild.errors import EnvironmentLacks
from llamabuild.store.paths import cache_dir

from .check import Check
from .tools import find_tool, tool_table

if TYPE_CHECKING:
    from pathlib import Path

    from llamabuild.types.machine import Machine

    from .check import Status

GIB = 1 << 30
BUILD_BYTES = 1 * GIB
"""A source tree, one build of it and the compiler's scratch space, rounded up."""
COMFORTABLE_BUILD_BYTES = 5 * GIB
COMPILER_BYTES = 1 * GIB
"""The largest file of llama.cpp takes about this much memory in one compiler process."""


def python() -> Check:
    """Which Python runs this."""
    version = f"{platform.python_implementation()} {platform.python_version()}"
    return Check(name="Python", status="ok", finding=version)


def tool(name: str) -> Check:
    """Is an external program there, and new enough?"""
    entry = tool_table()[name]
    try:
        found = find_tool(name)
    except EnvironmentLacks as error:
        status: Status = "missing" if entry.required else "note"
        return Check(name=name, status=status, finding=error.message, remedy=error.remedy)
    return Check(name=name, status="ok", finding=found.version)


def disk(folder: Path | None = None) -> Check:
    """Is there room in the cache for a build?"""
    name = "disk space"
    try:
        free = shutil.disk_usage(folder or cache_dir()).free
    except EnvironmentLacks as error:
        return Check(name=name, status="missing", finding=error.message, remedy=error.remedy)
    finding = f"{free / GIB:.1f} GiB free in the cache folder"
    remedy = "free some, or set LLAMABUILD_CACHE to a folder on a larger disk"
    if free < BUILD_BYTES:
        return Check(name=name, status="missing", finding=finding, remedy=remedy)
    if free < COMFORTABLE_BUILD_BYTES:
        return Check(
            name=name, status="note", finding=f"{finding}: enough for few builds", remedy=remedy
        )
    return Check(name=name, status="ok", finding=finding)


def memory(machine: Machine) -> Check:
    """Is there memory for the compilers that run at once?"""
    if machine.memory_bytes == 0:
        return Check(name="memory", status="note", finding="not visible")
    finding = f"{machine.memory_bytes / GIB:.1f} GiB"
    if machine.memory_bytes < COMPILER_BYTES:
        return Check(
            name="memory",
            status="missing",
            finding=f"{finding}: not enough for one compiler",
            remedy="raise the limit of the container, or add memory or swap",
        )
    if machine.memory_bytes < COMPILER_BYTES * (machine.usable_threads + 1):
        return Check(
            name="memory",
            status="warning",
            finding=f"{finding} for {machine.usable_threads} compilers at once",
            remedy="build with fewer jobs, or raise the limit of the container",
        )
    return Check(name="memory", status="ok", finding=finding)
