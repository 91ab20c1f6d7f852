"""A run of a sweep with known speeds."""

import random

import msgspec

from llamabuild.compare import compare_run
from llamabuild.report.material import prepare
from llamabuild.types.run import Arm
from llamabuild.variants import load_catalogue
from llamabuild.variants.axes import make_sweep
from tests.runs import MACHINE, make_run, make_trial

BLOCKS = 14
SPEED = {1: 1.0, 2: 1.8, 4: 1.1, 8: 0.4}


def material(axis, speed, machine=MACHINE, missing=()):
    """A run of points with known speeds, 1 % of noise."""
    catalogue = load_catalogue("pypi:x==1", [])
    sweep = make_sweep("native", [axis])
    first = sweep.points[0].variant
    arms = tuple(
        Arm(name=name, status="unsupported", reason="no such thing here")
        if name in missing
        else Arm(name=name, status="ready", reason="", variant=catalogue.get(name))
        for name in (point.variant for point in sweep.points)
    )
    run = msgspec.structs.replace(
        make_run(arms=arms, looks=(BLOCKS - 1,)),
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
