"""A profile with everything in it, for tests of what is made from one."""

from llamabuild.pipeline.profile_subject import Subject
from llamabuild.profiling import verdict
from llamabuild.types.inspection import FunctionIsa, Inspection
from llamabuild.types.profile import (
    COUNTED,
    LOST,
    NOT_SUPPORTED,
    Count,
    Counters,
    Flame,
    Hot,
    Instruction,
    Loop,
    Opinion,
    ProfileRun,
    Rate,
    SimulatedFunction,
    Simulation,
    Stack,
    WorkloadProfile,
)
from llamabuild.types.proof import FunctionShare
from llamabuild.types.run import Arm
from llamabuild.types.variant import Runtime, Variant
from tests.runs import MACHINE, SOURCE, make_model
from tests.unit.test_sampling_execution import build_of

KERNEL = FunctionShare(
    name="ggml_vec_dot_q4_1_q8_1", library="libggml-cpu.so", share=0.6, groups=("avx2", "fma")
)
WAITING = FunctionShare(name="[unknown]", library="libgomp.so.1.0.0", share=0.3)
STACKS = (
    Stack(frames=("main", "llama_decode", "ggml_vec_dot_q4_1_q8_1"), share=0.6),
    Stack(frames=("main", "[libgomp.so.1.0.0]"), share=0.3),
    Stack(frames=("main", "evil<script>&\"'"), share=0.1),
)


def count(role, event, value, status=COUNTED, running=1.0, unit=""):
    return Count(role=role, event=event, value=value, unit=unit, running=running, status=status)


def rate(name, title, value, unit, origin="counted"):
    return Rate(name=name, title=title, value=value, unit=unit, origin=origin, basis="a / b")


def opinion(source, said):
    return Opinion(
        source=source, measure="measure", value=0.7, unit="of it", verdict=said, rule="the rule"
    )


SIMULATION = Simulation(
    tool="callgrind of valgrind-3.19.0",
    variant="avx2",
    build_id="b" * 16,
    workload="tg2",
    scope="the last of 3 computed batches, one thread, loading left out",
    caches="D1 32 KiB 8-way, LL 32,768 KiB 16-way",
    counts={"instructions": 1000, "l1_misses": 50, "llc_misses": 20},
    rates=(rate("llc_mpki", "last-level misses", 20.0, "per 1000 instructions", "simulated"),),
    functions=(
        SimulatedFunction(
            name="ggml_vec_dot_q4_1_q8_1",
            library="libggml-cpu.so",
            instructions=900,
            reads=400,
            l1_misses=45,
            ll_misses=15,
        ),
    ),
    reason="native: valgrind cannot run its avx512f",
)


def make_workload(name="tg16", **changes):
    values = {
        "workload": name,
        "kind": name[:2],
        "tokens": int(name[2:]),
        "tokens_per_second": 39.1,
        "counters": Counters(
            repetitions=4,
            seconds=1.6,
            counts=(
                count("task_clock", "task-clock", 827.8, unit="msec"),
                count("cycles", "cycles", 1e9, running=0.75),
                count("llc_misses", "LLC-load-misses", None, NOT_SUPPORTED, 0.0),
                count("page_faults", "page-faults", None, LOST),
            ),
            reason="not supported: LLC-load-misses",
        ),
        "rates": (
            rate("ipc", "instructions per cycle", 0.73, ""),
            rate("l1_miss_rate", "L1 misses", 0.0212, "per access"),
            rate("llc_bandwidth", "read from memory, by last-level misses", 12.3e9, "bytes/s"),
            rate("memory_stall_share", "cycles stalled on memory", 0.41, "of all cycles"),
        ),
        "hot": (
            Hot(
                event="CPU time", method="perf cpu-clock", samples=1824, functions=(KERNEL, WAITING)
            ),
        ),
        "loop": Loop(
            function="ggml_vec_dot_q4_1_q8_1",
            library="libggml-cpu.so",
            event="CPU time",
            samples=600,
            share=0.9,
            instructions=(
                Instruction(
                    address=0x1000, text="vpmaddubsw ymm0,ymm1,ymm2", groups=("avx2",), share=0.9
                ),
                Instruction(address=0x1005, text="jg 1000 <f+0x0>"),
            ),
            groups={"avx2": 1},
        ),
        "simulation": SIMULATION,
        "verdict": verdict(
            [opinion("roofline", "memory-bound"), opinion("counters", "compute-bound")]
        ),
        "flame": Flame(source="call chains by perf", unit="CPU time", stacks=STACKS),
    }
    return WorkloadProfile(**{**values, **changes})


def make_profile(*workloads, **changes):
    values = {
        "id": "20261127-174755-2deb",
        "started": "2026-11-27T17:47:55+00:00",
        "finished": "2026-11-27T17:52:29+00:00",
        "status": "done",
        "command": ("python", "-m", "llamabuild", "profile", "--model", "/secret/place/m.gguf"),
        "version": "0.1.0",
        "machine": MACHINE,
        "source": SOURCE,
        "model": make_model("/secret/place/m.gguf"),
        "variant": "native",
        "build_id": "a" * 16,
        "threads": 2,
        "kernel_run": "",
        "workloads": workloads or (make_workload("pp64"), make_workload()),
        "notes": ("counters: not supported: LLC-load-misses",),
    }
    return ProfileRun(**{**values, **changes})


def arm_of(name="native", *groups):
    functions = (
        FunctionIsa(name="f", address=0, size=9, instructions=1, vector=1, groups={"avx2": 1}),
    )
    inspection = Inspection(
        file="libggml-cpu.so",
        architecture="x86_64",
        instructions=1,
        vector=1,
        highest="avx2",
        groups=dict.fromkeys(groups, 1),
        functions=functions,
        stripped=False,
    )
    variant = Variant(name=name, description="", source="")
    return Arm(
        name=name,
        status="pending",
        reason="",
        variant=variant,
        build=build_of(name),
        inspections=(inspection,),
    )


def subject_of(arm):
    return Subject(arm=arm, runtime=Runtime(), model=make_model(), machine=MACHINE, threads=2)


class FakeMaker:
    def __init__(self, made):
        self.made = made
        self.asked = []

    def make_all(self, arms, _interrupts, *, build_missing):
        assert build_missing
        self.asked += [arm.name for arm in arms]
        return tuple(self.made(arm) for arm in arms)


class FakeCatalogue:
    def knows(self, _name):
        return True

    def get(self, name):
        return Variant(name=name, description="", source="")
