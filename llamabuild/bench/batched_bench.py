"""llama-batched-bench: several sequences at once; the mode is their number.

It makes the prompts of all sequences as one batch, then generates a token for each of them at a
time. Prompts are measured with one generated token, generation with one token of a prompt, and
throughput is that of all sequences together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from .common import padded_context
from .task import BadOutput, Measured

if TYPE_CHECKING:
    from llamabuild.process import Finished

    from .task import Task

OPTIONS: tuple[str, ...] = ("--output-format",)
TIMES = {"pp": "t_pp", "tg": "t_tg"}
"""Field of the seconds that a kind of workload took."""


def arguments(task: Task, mode: str) -> list[str]:
    """Return its arguments; one more repetition than asked for warms up, as llama-bench does."""
    prompt, generated = _sizes(task)
    context = int(mode) * padded_context(prompt + generated)
    return [
        *("-c", str(context), "-npp", str(prompt), "-ntg", str(generated)),
        *("-npl", ",".join([mode] * (task.repetitions + 1)), "--output-format", "jsonl"),
    ]


def read(finished: Finished, task: Task, mode: str) -> Measured:
    """Return the repetitions but for the first.

    Raises:
        BadOutput: Not one complete result for each of them.
    """
    results = [_object(line) for line in finished.stdout.splitlines() if line.startswith("{")]
    if len(results) != task.repetitions + 1:
        message = f"it printed {len(results)} results, expected {task.repetitions + 1}"
        raise BadOutput(message)
    asked = dict(zip(("pp", "tg", "pl"), (*_sizes(task), int(mode)), strict=True))
    for result in results:
        said = {name: result.get(name) for name in asked}
        if said != asked:
            message = f"it reports {said}, not {asked}"
            raise BadOutput(message)
    counted = results[1:]
    seconds = [result.get(TIMES[task.workload.kind]) for result in counted]
    if not all(isinstance(value, float) and value > 0 for value in seconds):
        message = f"it printed times that are not durations: {seconds[:3]}"
        raise BadOutput(message)
    return Measured(
        samples_ns=tuple(round(float(value or 0) * 1e9) for value in seconds),
        tokens=task.workload.tokens * int(mode),
        output={name: _together([each.get(name) for each in counted]) for name in counted[0]},
    )


def _sizes(task: Task) -> tuple[int, int]:
    """Tokens of each prompt and generated after it."""
    tokens = task.workload.tokens
    return (tokens, 1) if task.workload.kind == "pp" else (1, tokens)


def _object(line: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except msgspec.DecodeError as error:
        message = f"it printed broken JSON ({error})"
        raise BadOutput(message) from error


def _together(values: list[Any]) -> Any:  # noqa: ANN401 - unchecked JSON
    """What all repetitions say, or what each of them says."""
    return values[0] if all(value == values[0] for value in values) else values
