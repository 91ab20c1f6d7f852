"""Small runs and trials for tests that need some."""

from llamabuild.pipeline.choose import choose_arms
from llamabuild.pipeline.request import Request
from llamabuild.types.inputs import Model, Source
from llamabuild.types.machine import Cpu, Machine, MachineState
from llamabuild.types.run import Arm, Run, Schedule, Trial, Workload

PP = Workload(name="pp64", kind="pp", tokens=64, seconds=0.0, max_repetitions=8)
TG = Workload(name="tg16", kind="tg", tokens=16, seconds=0.0, max_repetitions=8)

CPU = Cpu(
    architecture="x86_64",
    vendor="AuthenticAMD",
    brand="Test CPU",
    microarchitecture="zen4",
    features=("avx2", "bmi2", "f16c", "fma", "sse42", "ssse3"),
    logical_cpus=2,
    physical_cores=2,
    threads_per_core=1,
    caches=(),
    hypervisor="",
)

MACHINE = Machine(
    fingerprint="f00d",
    cpu=CPU,
    affinity=(0, 1),
    quota_cpus=None,
    usable_threads=2,
    numa_nodes=1,
    memory_bytes=24 << 30,
    transparent_huge_pages="madvise",
    governor="unknown",
    turbo="unknown",
    operating_system="Debian 12",
    kernel="6.1",
    libc="glibc 2.36",
)

SOURCE = Source(
    spec="pypi:llama-cpp-python==0.3.36",
    version="0.3.36",
    digest="d" * 64,
    archive_sha256="a" * 64,
    tree="/nowhere",
)


def make_model(path: str = "/nowhere/model.gguf") -> Model:
    return Model(
        spec="default",
        path=path,
        sha256="b" * 64,
        size_bytes=98_362_432,
        architecture="llama",
        name="SmolLM2-135M",
        quantization="Q4_1",
        parameters=134_515_008,
        layers=30,
        embedding_length=576,
        context_length=8192,
        vocabulary=49_152,
        synthetic=False,
    )


def make_run(
    run_id: str = "20261122-120000-abcd",
    arms: tuple[Arm, ...] = (),
    workloads: tuple[Workload, ...] = (PP, TG),
    looks: tuple[int, ...] = (12,),
    model: Model | None = None,
) -> Run:
    return Run(
        id=run_id,
        started="2026-11-22T12:00:00+00:00",
        finished="",
        status="running",
        command=("python", "-m", "llamabuild", "variants"),
        version="0.1.0",
        machine=MACHINE,
        tools=(),
        source=SOURCE,
        model=model or make_model(),
        baseline="avx2",
        threads=2,
        schedule=Schedule(
            seed=1, warmup_blocks=1, looks=looks, alphas=(0.05,) * len(looks), threshold=0.01
        ),
        workloads=workloads,
        arms=arms,
    )


def make_state(wall: float = 1.0, **changes: float) -> MachineState:
    values = {
        "wall_seconds": wall,
        "user_seconds": wall,
        "system_seconds": 0.0,
        "peak_rss_bytes": 1 << 28,
        "minor_faults": 1,
        "major_faults": 0,
        "voluntary_switches": 1,
        "involuntary_switches": 1,
        "steal_seconds": 0.0,
        "foreign_seconds": 0.0,
        "throttled_seconds": 0.0,
        "runnable_threads": 1,
        "load_1min": 0.1,
        "frequency_mhz": 2600.0,
        "transparent_huge_pages": "madvise",
    }
    return MachineState(**{**values, **changes})


def make_trial(
    block: int = 0,
    position: int = 0,
    workload: str = "pp64",
    arm: str = "avx2",
    samples_ns: tuple[int, ...] = (1_000_000, 1_100_000),
    state: MachineState | None = None,
    status: str = "ok",
) -> Trial:
    return Trial(
        block=block,
        position=position,
        workload=workload,
        arm=arm,
        status=status,
        error="",
        started="2026-11-22T12:00:01.000+00:00",
        samples_ns=samples_ns,
        tokens=64,
        output={"n_prompt": 64, "n_gen": 0},
        state=state or make_state(),
    )


def chosen(catalogue, cpu, names=(), baseline=None, sources=()):
    """Return the name of the baseline and the arms of a request."""
    request = Request(names=names, baseline=baseline, sources=sources)
    choice = choose_arms(catalogue, cpu, request)
    return choice.baseline, choice.arms
