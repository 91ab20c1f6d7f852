"""Was the machine quiet enough? Judged from its own counters, never from the timings."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llamabuild.types.machine import MachineState
    from llamabuild.types.run import Trial


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A share of the block's time, or of one trial's, above which the block is discarded."""

    field: str
    share_above: float
    trial_share_above: float
    trial_seconds_above: float
    """A trial counts by itself only if its counter is above this, too: counters go by ticks, whose
    share of a short trial is large."""
    reason: str
    of_machine: bool = False


@cache
def rules() -> dict[str, Rule]:
    """Return the shipped rules by name."""
    data = Path(__file__).with_name("noise.toml").read_bytes()
    return msgspec.toml.decode(data, type=dict[str, Rule])


def disturbance(trials: Sequence[Trial], logical_cpus: int, quota_cpus: float | None = None) -> str:
    """Return why a block should be discarded, or the empty string.

    What a machine cannot tell (a field that is None) is not held against it.

    Args:
        trials: Of one block.
        logical_cpus: Of the machine.
        quota_cpus: Given where threads are what is varied: a trial that uses it up is then held
            back by its own doing, which is a result and no disturbance.
    """
    states = [
        _without_throttling(trial.state) if _uses_up(trial, quota_cpus) else trial.state
        for trial in trials
        if trial.state is not None
    ]
    return disturbed(states, logical_cpus)


def _uses_up(trial: Trial, quota_cpus: float | None) -> bool:
    threads = trial.output.get("n_threads")
    return quota_cpus is not None and isinstance(threads, int) and threads >= quota_cpus


def _without_throttling(state: MachineState) -> MachineState:
    return msgspec.structs.replace(state, throttled_seconds=None)


def disturbed(states: Sequence[MachineState], logical_cpus: int) -> str:
    """Return what else the machine did at the time, beyond the rules; empty when nothing.

    A burst that hits one trial is little of a block of many arms and much of that arm's result.
    """
    wall_seconds = sum(state.wall_seconds for state in states)
    if wall_seconds <= 0:
        return ""
    for rule in rules().values():
        available = wall_seconds * (logical_cpus if rule.of_machine else 1)
        share = sum(getattr(state, rule.field) or 0.0 for state in states) / available
        if share > rule.share_above:
            return rule.reason.format(share=share)
    for rule in rules().values():
        for state in states:
            available = state.wall_seconds * (logical_cpus if rule.of_machine else 1)
            seconds = getattr(state, rule.field) or 0.0
            if seconds > max(rule.trial_seconds_above, rule.trial_share_above * available):
                share = seconds / available if available > 0 else 1.0
                return f"{rule.reason.format(share=share)} during one trial"
    return ""
