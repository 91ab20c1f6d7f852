"""Which functions a real workload runs: two ways of sampling must say the same."""

from pathlib import Path

import msgspec
import pytest

from llamabuild.build.lookup import KERNEL_LIBRARY, binaries
from llamabuild.inspect import inspect_file
from llamabuild.interrupts import Interrupts
from llamabuild.model import resolve_model
from llamabuild.pipeline.execution import prove_executions
from llamabuild.pipeline.observer import Observer
from llamabuild.report.execution_words import execution_sentence
from llamabuild.sampling import CannotSample, choose
from llamabuild.sampling.perf import METHOD as PERF
from llamabuild.sampling.perf import usable_perf
from llamabuild.sampling.preload import METHOD as PRELOADED
from llamabuild.store.builds import load_build
from llamabuild.types.run import Arm, Workload
from llamabuild.types.variant import Variant
from tests.runs import make_run

# One thread: how long two wait for each other depends on what else the machine does.
THREADS = 1
TG = Workload(name="tg16", kind="tg", tokens=16, seconds=0.25, max_repetitions=8)
KERNELS = {
    "avx2": "ggml_vec_dot_q4_1_q8_1",
    # A build without SIMD runs ggml's portable fallback, which every build contains.
    "generic": "ggml_vec_dot_q4_1_q8_1_generic",
}


def no_perf(*_args, **_options):
    raise CannotSample("switched off for this test")


def arm_of(name: str, files: Path) -> Arm:
    build = load_build(files.parent.name)
    found = tuple(i for path in binaries(build, (KERNEL_LIBRARY,)) for i in inspect_file(path))
    variant = Variant(name=name, description="", source="")
    return Arm(
        name=name, status="ready", reason="", variant=variant, build=build, inspections=found
    )


@pytest.fixture(scope="module")
def executions(built):
    """Return the executions of three builds by the preloaded sampler, and of one by perf."""
    model = resolve_model(None)

    def sampled(*names):
        arms = tuple(arm_of(name, built[name]) for name in names)
        run = make_run(arms=arms, workloads=(TG,), model=model)
        run = msgspec.structs.replace(run, threads=THREADS)
        proved = prove_executions(run, Observer(), Interrupts())
        return {arm.name: arm.executions[0] for arm in proved}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("llamabuild.pipeline.execution.remembered", lambda _key: None)
        patch.setattr("llamabuild.pipeline.execution.remember", lambda *_: None)
        best = sampled("avx2")["avx2"]
        patch.setattr(choose, "record_with_perf", no_perf)
        return {**sampled("generic", "avx2"), "best": best}


def kernel(executions, name, which=""):
    """Return the kernel that a variant should spend its time in."""
    execution = executions[which or name]
    assert execution.reason == ""
    [found] = [function for function in execution.functions if function.name == KERNELS[name]]
    return found


@pytest.mark.parametrize("name", KERNELS)
def test_token_generation_runs_the_kernel_of_the_models_quantization(executions, name):
    execution = executions[name]
    assert execution.method == PRELOADED
    found = kernel(executions, name)
    assert found == execution.functions[0]
    assert found.share > 0.4
    library, share = next(iter(execution.libraries.items()))
    assert library == found.library
    assert library.startswith("libggml-cpu.so")
    assert share > 0.85
    assert execution.loaded == (library,)


def test_the_join_says_which_simd_ran(executions):
    fast, plain = (kernel(executions, name).groups for name in ("avx2", "generic"))
    assert "avx2" in fast
    assert not any(group.startswith(("avx512", "avxvnni")) for group in fast)
    assert plain
    assert not any(group.startswith("avx") for group in plain)
    words = execution_sentence(executions["avx2"])
    assert f" % of tg16 in {KERNELS['avx2']} (AVX2, no VNNI)" in words


def test_perf_and_the_preloaded_sampler_agree(executions):
    """Where perf may not sample, the best method is the other one, and it agrees with itself."""
    try:
        usable_perf()
    except CannotSample:
        assert executions["best"].method == PRELOADED
    else:
        assert executions["best"].method == PERF
    first, second = kernel(executions, "avx2", "best"), kernel(executions, "avx2")
    assert first.groups == second.groups
    assert first.share == pytest.approx(second.share, abs=0.12)
