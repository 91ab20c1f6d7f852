"""One group of kernels: check each, time the correct ones interleaved, make the rows."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

import msgspec

from llamabuild.errors import EnvironmentLacks
from llamabuild.kernels.timing import time_jobs
from llamabuild.machine.state import read_counters

from .kernels_beside import nearest_in_time
from .kernels_rows import blank_row, group_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from llamabuild.kernels.plan import Group
    from llamabuild.kernels.timing import Job
    from llamabuild.types.kernels import KernelResult, Probe

    from .kernels_check import Check, Checker
    from .kernels_rows import Context

FEWEST_ROUNDS = 6
"""That give an interval at 95 %; a group that is over time stops there."""


def measure_group(
    group: Group,
    *,
    rounds: int,
    seed: int,
    checker: Checker,
    context: Context,
    read: Callable[[], tuple[Probe, ...]],
    should_stop: Callable[[], bool],
    until: float,
) -> tuple[tuple[KernelResult, ...], tuple[Probe, ...]]:
    """Return a row for each job of a group, and the reads beside it.

    Args:
        group: What to time.
        rounds: Samples of each kernel; fewer when it is stopped.
        seed: Of the order within rounds.
        checker: Knows which kernels are correct.
        context: Clock and probes.
        read: Measures the reads beside the group; called before and after.
        should_stop: Asked after each round.
        until: Time on the monotonic clock after which the fewest rounds must do.
    """
    checks: dict[Job, Check] = {}
    failed: dict[Job, KernelResult] = {}

    def fail(job: Job, error: Exception) -> None:
        failed[job] = blank_row(job, status="failed", reason=str(error), check=checks.get(job))

    for job in group.jobs:
        try:
            check = checker.check(job)
        except (EnvironmentLacks, ValueError) as error:
            fail(job, error)
            continue
        checks[job] = check
        if not check.correct:
            reason = (
                f"differs from the scalar reference by {check.error:.1e} of the sum of "
                "absolute terms"
            )
            failed[job] = blank_row(job, status="wrong", reason=reason, check=check)

    def stop(samples: dict[Job, tuple[float, ...]]) -> bool:
        done = min((len(taken) for taken in samples.values()), default=0)
        return should_stop() or (done >= FEWEST_ROUNDS and monotonic() > until)

    beside = read()
    before = read_counters().steal_seconds
    samples = time_jobs(
        [job for job in group.jobs if job not in failed],
        rounds,
        seed,
        should_stop=stop,
        on_failure=fail,
    )
    after = read_counters().steal_seconds
    steal = None if before is None or after is None else max(0.0, after - before)
    beside = (*beside, *read())
    near = nearest_in_time(context.probes, beside)
    timed = group_rows(samples, checks, msgspec.structs.replace(context, probes=near), steal)
    by_job = {**failed, **dict(zip(samples, timed, strict=True))}
    return tuple(by_job[job] for job in group.jobs if job in by_job), beside
