"""What programs that read real text need before they are timed: prompts and saved beginnings."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from llamabuild.bench import Inputs
from llamabuild.bench.completion import ON
from llamabuild.bench.prompts import (
    END,
    SHORT_WORDS,
    cut,
    long_text,
    save_prefix,
    tokens_of,
)
from llamabuild.bench.task import Task
from llamabuild.errors import BadInput
from llamabuild.store.builds import files_folder
from llamabuild.store.paths import scratch_dir

from .allocation import runtime_with_allocator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llamabuild.interrupts import Interrupts
    from llamabuild.types.run import Arm, Run, Workload
    from llamabuild.types.variant import Runtime

    from .observer import Observer

LONG, SHORT = "ttft", "gen"
"""Kinds of workloads with a prompt of so many tokens, and with one that only comes before."""


@contextmanager
def trial_inputs(run: Run, observer: Observer, interrupts: Interrupts) -> Iterator[Inputs]:
    """Yield the files that trials of the run read besides the model; they are gone afterwards.

    Raises:
        BadInput: A prompt is too short to be parted.
        BuildFailed: A program could not read or save a prompt.
        Interrupted: Someone asked to stop.
    """
    draft = Path(run.draft.path) if run.draft else None
    if not any(workload.kind in {LONG, SHORT} for workload in run.workloads):
        yield Inputs(draft=draft)
        return
    with scratch_dir("prompts-") as folder:
        prompts: dict[str, Path] = {}
        prefixes: dict[tuple[str, str], Path] = {}
        for workload in run.workloads:
            prompt = Path(folder) / f"{workload.name}.txt"
            if workload.kind == SHORT:
                prompt.write_text(long_text(SHORT_WORDS), "utf-8")
            else:
                observer.note(f"{workload.name}: cutting the prompt and saving its beginning")
                prefixes |= _saved(run, workload, prompt, interrupts)
            prompts[workload.name] = prompt
        yield Inputs(prompts=prompts, prefixes=prefixes, draft=draft)


def _saved(
    run: Run, workload: Workload, prompt: Path, interrupts: Interrupts
) -> dict[tuple[str, str], Path]:
    """Write the prompt, and for each arm that asks for it the state after its beginning."""
    baseline = next(arm for arm in run.arms if arm.name == run.baseline)
    # A word is a token or more.
    prompt.write_text(long_text(workload.tokens), "utf-8")
    pieces = tokens_of(_program(baseline), _task(run, workload, prompt), _runtime(baseline))
    prompt.write_text(cut(pieces, workload.tokens), "utf-8")
    text = cut(pieces, max(workload.tokens - END, workload.tokens // 2))
    if not text:
        message = f"workload '{workload.name}' is too short to have its beginning saved"
        raise BadInput(message, f"name a longer one, such as {LONG}64")
    beginning = prompt.with_suffix(".beginning.txt")
    beginning.write_text(text, "utf-8")
    saved = {}
    for number, arm in enumerate(run.arms):
        interrupts.check()
        if arm.status != "ready" or arm.variant is None or arm.variant.runtime.mode != ON:
            continue
        state = prompt.with_suffix(f".{number}.state")
        save_prefix(_program(arm), _task(run, workload, beginning, state), _runtime(arm))
        saved[arm.name, workload.name] = state
    return saved


def _task(run: Run, workload: Workload, prompt: Path, prefix: Path | None = None) -> Task:
    return Task(
        model=Path(run.model.path),
        workload=workload,
        repetitions=1,
        threads=run.threads,
        prompt=prompt,
        prefix=prefix,
    )


def _program(arm: Arm) -> Path:
    assert arm.build is not None
    assert arm.variant is not None
    return files_folder(arm.build.id) / arm.variant.runtime.program


def _runtime(arm: Arm) -> Runtime:
    assert arm.variant is not None
    return runtime_with_allocator(arm.variant)
