"""Layers on a GPU: what is missing is said, and nothing else is measured under that name."""

import msgspec
import pytest

from llamabuild.pipeline.devices import lacks_device
from llamabuild.types.variant import Runtime
from llamabuild.variants import load_catalogue

HELP = "  --list-devices    list available devices and exit\\n  -ngl, --n-gpu-layers <n>"
NONE = "Available devices:\\n  (none)"
ONE = "Available devices:\\n  Vulkan0: A card (8192 MiB, 8000 MiB free)"


@pytest.fixture
def bench(tmp_path):
    """Return a function that writes a llama-bench with this help and these devices."""

    def write(text=HELP, devices=NONE, code=0):
        program = tmp_path / "llama-bench"
        program.write_text(
            f'#!/bin/sh\nif [ "$1" = --help ]; then printf "{text}\\n"; exit 0; fi\n'
            f'printf "{devices}\\n"; exit {code}\n'
        )
        program.chmod(0o755)
        return program

    return write


@pytest.fixture
def native():
    return load_catalogue("pypi:x==1", []).get("native")


ON_GPU = Runtime(bench=("-ngl", "99"))


BLAS = "Available devices:\\n  BLAS: OpenBLAS (0 MiB, 0 MiB free)"


@pytest.mark.parametrize("devices", [NONE, BLAS])
def test_a_build_for_the_cpu_says_what_it_takes(bench, native, devices):
    assert "has no backend for one" in lacks_device(bench(devices=devices), native, ON_GPU)
    assert "has no backend for one" in lacks_device(bench(), native, ON_GPU)
    assert "GGML_VULKAN" in lacks_device(bench(), native, ON_GPU)


def test_a_backend_without_a_device_is_named(bench, native):
    vulkan = msgspec.structs.replace(native, cmake={**native.cmake, "GGML_VULKAN": "ON"})
    assert lacks_device(bench(), vulkan, ON_GPU) == (
        "no GPU: the build's Vulkan backend finds no device here"
    )


@pytest.mark.parametrize("layers", ["0", "-1"])
def test_no_layers_need_no_device(bench, native, layers):
    assert lacks_device(bench(), native, Runtime(bench=("-ngl", layers))) == ""
    assert lacks_device(bench(), native, Runtime()) == ""


def test_a_device_is_enough(bench, native):
    assert lacks_device(bench(devices=ONE), native, ON_GPU) == ""


def test_a_program_that_does_not_tell_is_tried(bench, native):
    assert lacks_device(bench(text="  -ngl <n>"), native, ON_GPU) == ""


def test_a_program_that_fails_to_tell_is_tried(bench, native):
    assert lacks_device(bench(code=1), native, ON_GPU) == ""
