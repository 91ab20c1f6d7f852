"""A lab whose parts are the made-up runs of the other reports."""

from functools import cache

import msgspec

from llamabuild.lab import parts
from llamabuild.optimize.engine import run_stages
from llamabuild.report.kernel_material import prepare_kernels
from llamabuild.report.lab.material import LabMaterial
from llamabuild.report.material import prepare
from llamabuild.report.optimize_document import optimize_document
from llamabuild.report.optimize_material import OptimizeMaterial
from llamabuild.report.profile_document import profile_document
from llamabuild.types.lab import DONE, LEFT_OUT, Lab, LabPart
from llamabuild.variants.axes import make_axis
from tests import report_fixture, sweep_fixture
from tests.kernel_report_fixture import kernel_run
from tests.optimize_lab import SimulatedLab, surveyed_record
from tests.profile_fixture import make_profile, make_workload
from tests.runs import MACHINE, make_model
from tests.unit.test_optimize_deploy import deployed

LAB_ID = "l20261127-120000-abcd"
NO_TOOL = "the tree has no llama-batched-bench"
DONE_PARTS = (
    "limits", "baseline", "profile", "misses", "threads", "affinity", "waiting", "quantization",
    "builds", "challenge", "kernels",
)  # fmt: skip


def lab_record(**changes):
    values = {
        "id": LAB_ID,
        "started": "2026-11-27T12:00:00+00:00",
        "finished": "2026-11-27T12:40:00+00:00",
        "status": "done",
        "command": ("python", "-m", "llamabuild", "lab", "--model", "/secret/place/m.gguf"),
        "version": "0.1.0",
        "machine": MACHINE,
        "models": (make_model("/secret/place/m.gguf"),),
        "source": "",
        "base": "native",
        "target": 1.3,
        "goal": "both",
        "budget_seconds": 2700.0,
        "seed": 3,
        "parts": tuple(_part(name) for name in parts()),
        "spent_seconds": 2400.0,
    }
    return Lab(**{**values, **changes})


def _part(name):
    if name in DONE_PARTS:
        return LabPart(name=name, status=DONE, run=f"run-of-{name}", model="m", seconds=60.0)
    return LabPart(name=name, status=LEFT_OUT, reason=NO_TOOL)


@cache
def built():
    return prepare(report_fixture.run(), report_fixture.trials(), report_fixture.comparison_set())


@cache
def optimized(*effects):
    lab = SimulatedLab(3, dict(effects))
    done = run_stages(surveyed_record(lab), lab, lambda _: None)
    done = msgspec.structs.replace(
        done,
        status="done",
        peak_bytes={"base": 700_000_000, "native+hugealloc": 750_000_000},
        deployment=deployed("native+hugealloc"),
    )
    return OptimizeMaterial(optimize_document(done))


@cache
def threads(**changed):
    """Two threads are the best; eight are worse than one."""
    axis = make_axis("threads", ["1", "2", "4", "8"], {})
    speed = sweep_fixture.SPEED | {int(name[1:]): value for name, value in changed.items()}
    return sweep_fixture.material(axis, lambda name: speed[sweep_fixture.threads_of(name)])


@cache
def waiting(spinning=1.2):
    axis = make_axis("poll", ["0", "100"], {})
    return sweep_fixture.material(axis, lambda name: spinning if "poll=100" in name else 1.0)


@cache
def pinning(bound=1.0):
    axis = make_axis("cpu-mask", ["0x1", "0x3"], {})
    return sweep_fixture.material(axis, lambda name: bound if "0x3" in name else 1.0)


@cache
def layers(*measured):
    """A sweep over layers on a GPU, of which only these could be measured."""
    axis = make_axis("gpu-layers", ["0", "99"], {})
    gone = [f"native+gpu-layers={n}" for n in ("0", "99") if n not in measured]
    return sweep_fixture.material(axis, lambda _: 1.0, missing=gone)


@cache
def formats():
    return sweep_fixture.formats_material()


def lab_material(**changes):
    values = {
        "record": lab_record(),
        "runs": {
            "baseline": built(),
            "threads": threads(),
            "affinity": pinning(),
            "quantization": formats(),
            "waiting": waiting(0.8),
            "builds": built(),
        },
        "profiles": {
            "profile": profile_document(make_profile()),
            "misses": profile_document(make_profile(make_workload("pp32"))),
        },
        "kernels": {"kernels": prepare_kernels(kernel_run())},
        "optimizations": {"challenge": optimized(("pgo", 1.15), ("hugealloc", 1.35))},
    }
    return LabMaterial(**{**values, **changes})
