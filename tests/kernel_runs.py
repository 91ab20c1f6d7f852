"""Made-up runs of ``kernels``."""

from llamabuild.types.kernels import Clock, GgmlLibrary, KernelResult, KernelRun, Probe, Spread
from tests.runs import make_run


def make_spread(value=1.0, **changes):
    fields = {
        "low": 0.9 * value,
        "high": 1.1 * value,
        "samples": 12,
        "stable": True,
        "steal_seconds": 0.0,
    }
    return Spread(**{**fields, **changes})


def make_probe(**changes):
    fields = {
        "name": "read",
        "kind": "bandwidth",
        "value": 1e11,
        "unit": "bytes/s",
        "spread": make_spread(1e11),
        "threads": 1,
        "working_set_bytes": 16 << 10,
        "residence": "L1",
        "isa": "avx2",
        "width_bits": 256,
        "streams": 4,
        "pages": "4K",
    }
    return Probe(**{**fields, **changes})


def make_result(**changes):
    fields = {
        "format": "q4_K",
        "shape": "gemv",
        "isa": "avx2",
        "by": "llamabuild",
        "function": "lb_gemv_q4_K_8_avx2",
        "panel_rows": 8,
        "rows": 8,
        "length": 2048,
        "columns": 1,
        "residence": "L1",
        "weight_bytes": 9216,
        "threads": 1,
        "ns_per_256": 5.0,
        "cycles_per_256": 15.0,
        "bytes_per_second": 2.88e10,
        "operations_per_second": 1.024e11,
        "bound": "bandwidth",
        "share_of_bound": 0.288,
        "spread": make_spread(5.0),
        "ratio": 2.0,
        "low": 1.9,
        "high": 2.1,
        "against": "ggml:native ggml_gemv_q4_K_8x8_q8_K",
        "correct": True,
        "max_error": 1e-7,
    }
    return KernelResult(**{**fields, **changes})


def make_kernel_run(**changes):
    fields = {
        "id": "20261122-120000-abcd",
        "started": "2026-11-22T12:00:00+00:00",
        "finished": "2026-11-22T12:08:00+00:00",
        "status": "done",
        "command": ("python", "-m", "llamabuild", "kernels"),
        "version": "0.0",
        "quick": False,
        "seed": 7,
        "rounds": 12,
        "level": 0.95,
        "threads": (1, 2),
        "machine": make_run().machine,
        "clock": Clock(hz=3e9, spread=make_spread(3e9), timer="clock_gettime"),
        "libraries": (GgmlLibrary(name="ggml:native", build_id="b1", sha256="00"),),
        "probes": (make_probe(),),
        "kernels": (make_result(),),
    }
    return KernelRun(**{**fields, **changes})
