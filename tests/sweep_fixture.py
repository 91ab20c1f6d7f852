"""A run of a sweep with known speeds."""

import random

import msgspec

from llamabuild.compare import compare_run
from llamabuild.report.material import prepare
from llamabuild.types.run import Arm, Axis, Quality
from llamabuild.variants import load_catalogue
from llamabuild.variants.axes import make_sweep
from tests.runs import MACHINE, make_model, make_run, make_trial

BLOCKS = 14
SPEED = {1: 1.0, 2: 1.8, 4: 1.1, 8: 0.4}


def material(axis, speed, machine=MACHINE, missing=(), model=None, dressed=lambda arm: arm):
    """A run of points with known speeds, 1 % of noise; ``dressed`` adds to its arms."""
    catalogue = load_catalogue("pypi:x==1", [])
    sweep = make_sweep("native", [axis])
    first = sweep.points[0].variant
    arms = tuple(
        Arm(name=name, status="unsupported", reason="no such thing here")
        if name in missing
        else dressed(Arm(name=name, status="ready", reason="", variant=catalogue.get(name)))
        for name in (point.variant for point in sweep.points)
    )
    run = msgspec.structs.replace(
        make_run(arms=arms, looks=(BLOCKS - 1,), model=model),
        baseline=first,
        sweep=sweep,
        machine=machine,
    )
    dice = random.Random(1)
    trials = []
    for block in range(BLOCKS):
        for arm in [*(arm.name for arm in arms if arm.status == "ready"), "A′"]:
            own = first if arm == "A′" else arm
            for workload in ("pp64", "tg16"):
                duration = 1e9 / speed(own) * dice.uniform(0.99, 1.01)
                trial = make_trial(block, 0, workload, arm, (int(duration),))
                trials.append(msgspec.structs.replace(trial, output={"n_threads": 2}))
    return prepare(run, tuple(trials), compare_run(run, trials))


def threads_of(name):
    return int(name.partition("threads=")[2])


FORMATS = {
    # bytes, KL divergence, speed
    "F16": (270_000_000, 0.0, 1.0),
    "Q8_0": (145_000_000, 0.001, 1.6),
    "Q5_K_M": (112_000_000, 0.02, 1.4),
    "Q4_0": (92_000_000, 0.08, 2.0),
    "Q2_K": (88_000_000, 0.4, 2.2),
}


def format_of(name):
    return name.partition("quantization=")[2]


def formats_material(*, quantized=False, synthetic=False, missing=()):
    """A sweep over formats of a model that is 256, or, quantized already, 576 wide."""
    own = "Q4_1" if quantized else "F16"
    model = msgspec.structs.replace(
        make_model(),
        quantization=own,
        size_bytes=98_000_000 if quantized else FORMATS["F16"][0],
        embedding_length=576 if quantized else 256,
        synthetic=synthetic,
        tensor_bytes={own: 90_000_000, "F32": 1_000},
    )
    values = tuple(name for name in FORMATS if not quantized or name != "F16")

    def dressed(arm):
        name = format_of(arm.name)
        size, divergence, _ = FORMATS[name]
        held = {"Q4_0": 60_000_000, "IQ4_NL": 29_000_000, "F32": 1_000}
        made = msgspec.structs.replace(
            model, sha256=name.ljust(64, "0"), size_bytes=size, quantization=name, tensor_bytes=held
        )
        known = Quality(
            reference=own,
            text_sha256="ab" * 32,
            tokens=4080,
            mean_kl_divergence=divergence,
            kl_divergence_error=divergence / 20,
            perplexity=20 + 10 * divergence,
            perplexity_error=0.5,
            reference_perplexity=20.0,
            top_token_agreement=1 - divergence,
        )
        unknown = Quality(reference=own, reason="what random weights say means nothing")
        return msgspec.structs.replace(
            arm,
            model=None if name == own else made,
            quality=unknown if synthetic else known,
        )

    axis = Axis(setting="quantization", what="", values=values)
    gone = tuple(f"native+quantization={name}" for name in missing)
    return material(axis, lambda name: FORMATS[format_of(name)][2], MACHINE, gone, model, dressed)
