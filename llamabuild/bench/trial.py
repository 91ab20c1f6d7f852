"""One trial: one fresh process of one arm on one workload, with the machine's state."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from llamabuild.machine.state import StateMeter
from llamabuild.process import run
from llamabuild.types.run import Trial

from .driver import command_of
from .task import BadOutput

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from llamabuild.process import Finished
    from llamabuild.types.variant import Runtime

    from .task import Task


def run_trial(
    program: Path,
    task: Task,
    runtime: Runtime,
    *,
    arm: str,
    block: int,
    position: int,
    timeout_seconds: float,
    execute: Callable[..., Finished] = run,
) -> Trial:
    """Run the program once. A crash, a hang or nonsense becomes a trial with its reason."""
    command = command_of(program, task, runtime)
    started = datetime.now(UTC)
    meter = StateMeter()
    finished = execute(
        command.argv,
        environment=runtime.environment,
        closed=True,
        timeout_seconds=timeout_seconds,
    )
    state = meter.finish(finished.usage, finished.wall_seconds, finished.peak_rss_bytes)
    status, error = "ok", ""
    samples: tuple[int, ...] = ()
    tokens = task.workload.tokens
    output: dict[str, Any] = {}
    if finished.timed_out:
        status, error = "timeout", f"no result within {timeout_seconds:.0f} s"
    elif not finished.ok:
        status, error = "crashed", finished.failure()
    else:
        try:
            measured = command.read(finished)
        except BadOutput as bad:
            status, error = "bad output", str(bad)
        else:
            samples, tokens, output = measured.samples_ns, measured.tokens, measured.output
    # Where the model lies on this machine is nobody's business in a stored run.
    if "model_filename" in output:
        output = {**output, "model_filename": task.model.name}
    return Trial(
        block=block,
        position=position,
        workload=task.workload.name,
        arm=arm,
        status=status,
        error=error,
        started=started.isoformat(timespec="milliseconds"),
        samples_ns=samples,
        tokens=tokens,
        output=output,
        state=state,
    )
