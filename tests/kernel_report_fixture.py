"""A realistic run of ``kernels``, made up, on the machine of ``report_fixture``."""

from __future__ import annotations

import random

from llamabuild.types.inputs import Traffic
from tests import report_fixture
from tests.kernel_runs import make_kernel_run, make_probe, make_result, make_spread

KIB, MIB = 1 << 10, 1 << 20
KERNEL_RUN_ID = "20261122-101500-51ac"
TRAFFIC = Traffic(
    bytes_per_token={"Q8_0": 30_081_636, "F32": 140_544, "Q4_1": 66_355_200},
    operations_per_token={"Q8_0": 56_623_104, "Q4_1": 212_336_640},
    last_token_operations={"Q8_0": 56_623_104, "Q4_1": 5_308_416},
    kv_bytes_per_position=23_040,
    attention_operations_per_position=69_120,
)
SIZES = (16 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB, 16 * MIB, 64 * MIB, 256 * MIB, 1024 * MIB)
READ = {"L1": 190e9, "L2": 95e9, "L3": 34e9, "memory": 12e9}
CHASE = {"L1": 1.7, "L2": 5.2, "L3": 31.0, "memory": 118.0}
BYTES = {"q4_0": 144, "q8_0": 272, "q4_K": 144, "q5_K": 176, "q6_K": 210, "f16": 512}
NS = {"q4_0": 4.1, "q8_0": 4.4, "q4_K": 4.6, "q5_K": 6.3, "q6_K": 7.0, "f16": 16.5}
GAIN = {"q4_0": 2.6, "q8_0": 2.7, "q4_K": 2.9, "q5_K": 1.9, "q6_K": 1.7, "f16": 0.97}
RIVAL = "ggml:native"


def level(per_thread, threads):
    for name, size in (("L1", 48 * KIB), ("L2", 2 * MIB), ("L3", 260 * MIB // threads)):
        if per_thread <= size:
            return name
    return "memory"


def probes():
    noise = random.Random(11)
    made = []
    for threads in (1, 2):
        for size in SIZES:
            for width, streams, part in (
                (256, 1, 0.6),
                (256, 4, 0.85),
                (512, 1, 0.7),
                (512, 4, 1.0),
                (512, 16, 0.93),
            ):
                where = level(size, threads)
                value = READ[where] * threads * part * noise.uniform(0.96, 1.04)
                made.append(
                    make_probe(
                        value=value, spread=make_spread(value), threads=threads,
                        working_set_bytes=size * threads, residence=where,
                        isa="avx2" if width == 256 else "avx512", width_bits=width, streams=streams,
                    )
                )  # fmt: skip
        for name, isa, value in (("int8", "avx2", 0.6e12), ("int8", "avx512vnni", 1.1e12),
                                 ("f32", "avx512", 0.18e12)):  # fmt: skip
            made.append(
                make_probe(
                    name=name, kind="compute", unit="operations/s", isa=isa, threads=threads,
                    value=value * threads, spread=make_spread(value * threads), residence="",
                    working_set_bytes=0, pages="", streams=12,
                )
            )  # fmt: skip
    for pages, factor in (("4K", 1.3), ("huge", 1.0)):
        for size in SIZES:
            where = level(size, 1)
            value = CHASE[where] * (factor if size > MIB else 1)
            made.append(
                make_probe(
                    name="latency", kind="latency", unit="ns", value=value, pages=pages, streams=1,
                    spread=make_spread(value), working_set_bytes=size, residence=where,
                )
            )  # fmt: skip
    for name in ("write", "copy", "triad", "triad_nt"):
        value = 8e9
        nt = name.endswith("_nt")
        made.append(
            make_probe(
                name=name, value=value, spread=make_spread(value), threads=2, residence="memory",
                working_set_bytes=1024 * MIB, note="" if nt else "less memory than wanted",
                allocated_bytes_per_second=None if nt else value * 4 / 3,
            )
        )  # fmt: skip
    return tuple(made)


def kernels():
    made = []
    for threads in (1, 2):
        for where, slower in (("L1", 1.0), ("L2", 1.1), ("L3", 2.2), ("memory", 6.0)):
            for name, base in NS.items():
                made += group(name, base * slower / threads, where, threads, slower)
    for reason, status in (("this CPU lacks avxvnni", "unsupported"),):
        made.append(
            make_result(
                format="q4_0", isa="avxvnni", status=status, reason=reason, ns_per_256=None,
                cycles_per_256=None, bytes_per_second=None, operations_per_second=None, bound="",
                share_of_bound=None, spread=None, ratio=None, low=None, high=None, against="",
                correct=None, max_error=None, function="lb_gemv_q4_0_8_avxvnni",
            )
        )  # fmt: skip
    return tuple(made)


def group(name, ns, where, threads, slower):
    """Ours in two instruction sets, and ggml's, in one place."""
    gain = 1 + (GAIN[name] - 1) / slower**0.5
    shape = "vec_dot" if name == "f16" else "gemv"
    against = f"{RIVAL} ggml_{shape}_{name}"
    rows = [
        ("llamabuild", "avx512vnni", ns, gain, f"lb_{shape}_{name}_8_avx512vnni"),
        ("llamabuild", "avx2", ns * 1.6, gain / 1.6, f"lb_{shape}_{name}_8_avx2"),
        (RIVAL, "", ns * gain, 1.0, f"ggml_{shape}_{name}"),
    ]
    found = []
    for by, isa, time, ratio, function in rows:
        speed = BYTES[name] / time * 1e9
        wide = by != RIVAL
        found.append(
            make_result(
                format=name, shape=shape, isa=isa, by=by, function=function, residence=where,
                threads=threads, ns_per_256=time, cycles_per_256=time * threads * 3,
                bytes_per_second=speed, operations_per_second=512 / time * 1e9,
                panel_rows=0 if shape == "vec_dot" else 8, spread=make_spread(time),
                bound="compute" if where == "L1" else "bandwidth",
                share_of_bound=min(0.97, speed / (READ[where] * threads)),
                ratio=ratio, low=ratio * 0.97 if wide else None,
                high=ratio * 1.03 if wide else None, against=against,
            )
        )  # fmt: skip
    return found


def kernel_run(**changes):
    fields = {
        "id": KERNEL_RUN_ID,
        "machine": report_fixture.machine(),
        "probes": probes(),
        "kernels": kernels(),
        "notes": ("huge pages could not be had for 1 GiB: 4 KiB pages were used",),
    }
    return make_kernel_run(**{**fields, **changes})
