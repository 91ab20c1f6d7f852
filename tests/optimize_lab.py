"""A simulated lab: known effects, noisy trials, builds that take time, and a clock of its own."""

from dataclasses import dataclass, field

import msgspec

from llamabuild.compare.logs import log_ratios
from llamabuild.errors import Interrupted
from llamabuild.optimize.facts import LeverFacts
from llamabuild.optimize.levers import Situation
from llamabuild.optimize.survey import survey, surveyed
from llamabuild.types.optimization import Measured, Measurement, Optimization
from llamabuild.types.run import NOISE_ARM, Schedule
from tests.simulation import BASELINE, MACHINE, MODEL, SOURCE, MockMachine, make_run, workloads

PAIR = ("repack=0", "no-tiled")
FACTS = (
    LeverFacts(name="repack", what="", choices=PAIR[:1], kinds=("pp", "tg"), family="matrix"),
    LeverFacts(name="tiled", what="", choices=PAIR[1:], kinds=("pp", "tg"), family="matrix"),
    LeverFacts(name="memory", what="", choices=("hugealloc", "mimalloc"), kinds=("pp", "tg")),
    LeverFacts(name="polling", what="", choices=("poll=0", "poll=100"), kinds=("pp", "tg")),
    LeverFacts(name="cpus", what="", choices=("cpu-mask=0x3",), kinds=("pp", "tg")),
    LeverFacts(name="compiler", what="", choices=("clang",), kinds=("pp", "tg"), builds=True),
    LeverFacts(name="training", what="", choices=("pgo",), kinds=("pp", "tg"), builds=True),
)
BUILD_SECONDS = {"clang": 60.0, "pgo": 150.0}


@dataclass
class SimulatedLab:
    """Answers as a machine would on which each part has a known effect.

    ``effects`` are ratios by part; ``together`` those of parts that are there at once, which take
    the place of the single ones. ``only`` holds a part's effect to one kind of workload.
    """

    seed: int
    effects: dict[str, float] = field(default_factory=dict)
    together: dict[frozenset, float] = field(default_factory=dict)
    only: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    same: dict[str, str] = field(default_factory=dict)
    noise: float = 0.02
    build_error: float = 1.0
    """Real time of a build over its estimate."""
    trial_seconds: float = 1.1
    check_seconds: float = 4.0
    base_build: float = 0.0
    stop_at: str = ""
    stop_after: float = 0.0
    """Of the stage ``stop_at``, seconds that pass before it is interrupted; they are not lost."""
    progress: float = 0.0
    time: float = 0.0
    built: set = field(default_factory=set)
    stages: list = field(default_factory=list)

    def clock(self):
        return self.time

    def refusal(self, configuration):
        return next((self.refused[part] for part in configuration if part in self.refused), "")

    def identity(self, configuration):
        return "+".join(
            self.same.get(part, part) for part in configuration if self.same.get(part, part)
        )

    @staticmethod
    def build_of(configuration):
        return frozenset(BUILD_SECONDS.keys() & set(configuration))

    def build_seconds(self, configuration):
        key = self.build_of(configuration)
        if key in self.built:
            return 0.0
        return sum(BUILD_SECONDS[part] for part in key) if key else self.base_build

    def ratio(self, configuration, kind):
        left, ratio = set(configuration), 1.0
        for parts, effect in self.together.items():
            if parts <= left:
                ratio *= effect
                left -= parts
        for part in left:
            if self.only.get(part, kind) == kind:
                ratio *= self.effects.get(part, 1.0)
        return ratio

    def measure(self, order):
        if order.stage == self.stop_at:
            self.time += self.stop_after
            self.progress = self.stop_after
            self.stop_at = ""
            raise Interrupted("stopped")
        self.stages.append(order.stage)
        taken = 0.0
        for configuration in ((), *order.configurations):
            taken += self.build_error * self.build_seconds(configuration)
            self.built.add(self.build_of(configuration))
        loads = [load for load in workloads(2) if load.kind in order.kinds]
        arms = len(order.configurations) + 2
        block = self.trial_seconds * arms * len(loads)
        taken += self.check_seconds * arms + block  # warm-up
        blocks = 0
        while blocks < order.most:
            limit = order.seconds if blocks >= order.least else order.hard_seconds
            if taken + block > limit + self.progress:
                break
            taken += block
            blocks += 1
        self.time += taken - self.progress
        self.progress = 0.0
        return Measurement(
            run=order.stage,
            blocks=blocks,
            trial_seconds=self.trial_seconds,
            **self._figures(order, loads, blocks),
        )

    def _figures(self, order, loads, blocks):
        names = {"+".join(each): each for each in order.configurations}
        schedule = Schedule(
            seed=1, warmup_blocks=1, looks=(blocks,), alphas=(0.05,), threshold=0.01
        )
        logs = {}
        for number, load in enumerate(loads):
            run = make_run(tuple(names), schedule)
            run = msgspec.structs.replace(run, workloads=(load,))
            ratios = {name: self.ratio(each, load.kind) for name, each in names.items()}
            machine = MockMachine(noise=self.noise, ratios=ratios)
            trials = machine.trials(run, (self.seed + order.seed + number) % 2**32)
            logs |= log_ratios(run, trials)
        own = {
            name: {load.name: logs[name, load.name] for load in loads}
            for name in (*names, NOISE_ARM)
        }
        return {
            "arms": tuple(Measured(configuration=names[n], logs=own[n]) for n in names),
            "noise": own[NOISE_ARM],
        }


def situation(goal="tg", **changes):
    values = {
        "machine": MACHINE,
        "base": BASELINE,
        "goal": goal,
        "threads": 2,
        "prompt_tokens": 64,
        "kv_quality": None,
        "mask": "0x3",
    }
    return Situation(**{**values, **changes})


def new_record(seed=1, goal="tg", minutes=30.0, **changes):
    record = Optimization(
        id="o1",
        started="2026-11-22T12:00:00+00:00",
        finished="",
        status="running",
        command=("optimize",),
        version="0",
        machine=MACHINE,
        source=SOURCE,
        model=MODEL,
        base=BASELINE,
        threads=2,
        workloads=workloads(2),
        goal=goal,
        target=1.3,
        budget_seconds=60 * minutes,
        seed=seed,
        kv_quality=None,
        trial_seconds=1.5,
        check_seconds=6.0,
    )
    return msgspec.structs.replace(record, **changes)


def surveyed_record(lab, goal="tg", facts=FACTS, **changes):
    record = new_record(seed=lab.seed, goal=goal, **changes)
    return surveyed(record, survey(record, situation(goal), lab, facts))
