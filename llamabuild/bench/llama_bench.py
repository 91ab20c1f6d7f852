"""llama-bench: how to ask it, and a sceptical reading of what it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from llamabuild.variants.bench_options import by_option, without

from .dialect import facts as dialects
from .dialect import translated
from .task import BadOutput, Measured
from .workloads import kinds_of

if TYPE_CHECKING:
    from pathlib import Path

    from llamabuild.types.variant import Runtime

    from .dialect import Dialect
    from .task import Task

THREADS = "-t"


def bench_argv(program: Path, task: Task, runtime: Runtime, dialect: Dialect) -> list[str]:
    """Return the command of one trial; a thread count of the variant's own replaces the run's.

    llama-bench takes an option that is given twice as a list of two tests. The variant's
    arguments are put into the program's words; what it has none for is passed on as it is.
    """
    return [*runtime.launcher, *program_argv(program, task, runtime, dialect)]


def program_argv(program: Path, task: Task, runtime: Runtime, dialect: Dialect) -> list[str]:
    """Return the same without what starts the program."""
    sizes = {kind.option: "0" for kind in kinds_of().values()}
    own = runtime.threads.get(task.workload.kind)
    bench = without(runtime.bench, THREADS) if own else runtime.bench
    threads = () if THREADS in by_option(bench) else (THREADS, str(own or task.threads))
    sizes[kinds_of()[task.workload.kind].option] = str(task.workload.tokens)
    return [
        str(program),
        *("-m", str(task.model), "-o", dialect.format, "-r", str(task.repetitions)),
        *threads,
        *(argument for pair in sizes.items() for argument in pair),
        *translated(bench, dialect).arguments,
    ]


def read_output(text: str, task: Task, dialect: Dialect) -> Measured:
    """Return what one llama-bench process measured.

    Raises:
        BadOutput: Not exactly one complete result for this task, or durations that no clock can
            have measured.
    """
    output = _only_result(text, dialect.format)
    for kind, fact in kinds_of().items():
        expected = task.workload.tokens if kind == task.workload.kind else 0
        if (reported := _field(output, fact.field)) != expected:
            message = f"llama-bench reports {fact.field} {reported}, not {expected}"
            raise BadOutput(message)
    samples = _field(output, "samples_ns")
    if not isinstance(samples, list) or len(samples) != task.repetitions:
        count = len(samples) if isinstance(samples, list) else 0
        message = f"llama-bench printed {count} samples, expected {task.repetitions}"
        raise BadOutput(message)
    if not all(type(sample) is int and sample > 0 for sample in samples):
        message = f"llama-bench printed samples that are not durations: {samples[:3]}"
        raise BadOutput(message)
    return Measured(samples_ns=tuple(samples), tokens=task.workload.tokens, output=output)


def _only_result(text: str, form: str) -> dict[str, Any]:
    """Return the one object in JSON lines or in a JSON array of results."""
    lines = [line for line in text.splitlines() if line.strip()] if form == "jsonl" else [text]
    if len(lines) != 1:
        message = f"llama-bench printed {len(lines)} lines of results, expected 1"
        raise BadOutput(message)
    try:
        output = msgspec.json.decode(lines[0])
    except msgspec.DecodeError as error:
        message = f"llama-bench printed broken JSON ({error})"
        raise BadOutput(message) from error
    if form == "json":
        if not isinstance(output, list) or len(output) != 1:
            message = "llama-bench printed JSON that is not an array of one result"
            raise BadOutput(message)
        output = output[0]
    if not isinstance(output, dict):
        message = "llama-bench printed JSON that is not an object"
        raise BadOutput(message)
    return output


def _field(output: dict[str, Any], name: str) -> Any:  # noqa: ANN401 - unchecked JSON
    """Return a field by whichever of its names the program uses."""
    names = dialects().fields.get(name, (name,))
    return next((output[each] for each in names if each in output), None)
