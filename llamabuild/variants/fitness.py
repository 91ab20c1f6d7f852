"""Can a variant run on this machine, and if not, why?"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llamabuild.types.machine import Cpu
    from llamabuild.types.variant import Variant


def unsupported_reason(variant: Variant, cpu: Cpu) -> str:
    """Return one clause on what is missing here, or the empty string."""
    need = variant.requires
    if need.architecture and need.architecture != cpu.architecture:
        return f"for {need.architecture}; this machine is {cpu.architecture}"
    if lacking := [feature for feature in need.cpu if feature not in cpu.features]:
        return f"this CPU ({cpu.brand}) lacks {', '.join(lacking)}"
    compilers = [c for c in (variant.toolchain.c, variant.toolchain.cxx) if c]
    if absent := [tool for tool in (*need.tools, *compilers) if shutil.which(tool) is None]:
        return f"not installed: {', '.join(absent)}"
    return ""
