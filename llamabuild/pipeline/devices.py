"""Layers on a GPU: what a build lacks for it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from llamabuild.bench.dialect import dialect_of
from llamabuild.errors import EnvironmentLacks
from llamabuild.process import run
from llamabuild.types.variant import CMAKE_FALSE
from llamabuild.variants.bench_options import by_option

if TYPE_CHECKING:
    from llamabuild.types.variant import Runtime, Variant

LAYERS = "-ngl"
LIST = "--list-devices"
SECONDS = 60.0


class Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``devices.toml``."""

    backends: dict[str, str]
    no_devices: tuple[str, ...]


@cache
def facts() -> Facts:
    """Return the shipped table."""
    data = Path(__file__).with_name("devices.toml").read_bytes()
    return msgspec.toml.decode(data, type=Facts)


def lacks_device(program: Path, variant: Variant, runtime: Runtime) -> str:
    """Say why layers cannot be put on a GPU; empty if they can, or none are asked for.

    Without a device llama.cpp would compute everything on the CPU, and a sweep would show that
    GPUs bring nothing.

    Args:
        program: The variant's llama-bench.
        variant: What it was built from.
        runtime: How it is run.
    """
    layers = "".join(by_option(runtime.bench).get(LAYERS, ("0",)))
    if not layers.isdecimal() or int(layers) == 0 or _devices(program, runtime):
        return ""
    backends = [
        name
        for key, name in facts().backends.items()
        if variant.cmake.get(key, "").upper() not in CMAKE_FALSE
    ]
    if backends:
        return f"no GPU: the build's {' and '.join(backends)} backend finds no device here"
    return (
        "no GPU: this build has no backend for one; with a device, sweep a variant that sets "
        "GGML_VULKAN, GGML_CUDA or the like under [cmake]"
    )


def _devices(program: Path, runtime: Runtime) -> bool:
    """Tell whether the program lists a device besides the CPU; one that can't say may have some."""
    choices = dialect_of(program, runtime).choices
    if LIST not in choices:
        return True
    try:
        finished = run(
            [program, LIST],
            environment=runtime.environment,
            closed=True,
            timeout_seconds=SECONDS,
        )
    except EnvironmentLacks:
        return True
    listed = [line.strip() for line in finished.stdout.splitlines() if line.startswith("  ")]
    return not finished.ok or any(not line.startswith(facts().no_devices) for line in listed)
