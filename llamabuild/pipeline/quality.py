"""What each format of the model says, against the model that it was made from."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from llamabuild.bench.quality import (
    Sample,
    chunks_for,
    documentation,
    measure_quality,
    memory_key,
    reference_bytes,
    remember,
    remembered,
    unknown,
    write_reference,
)
from llamabuild.store.builds import files_folder
from llamabuild.store.paths import scratch_dir
from llamabuild.types.run import model_of

from .allocation import runtime_with_allocator
from .check import PROGRAM
from .fitting import USABLE

if TYPE_CHECKING:
    from llamabuild.interrupts import Interrupts
    from llamabuild.types.run import Arm, Quality, Run

    from .observer import Observer

RANDOM = "what random weights say means nothing"
NO_TEXT = "the source tree has no documentation to read (docs/*.md)"
TOO_LARGE = "the model that it was made from does not fit into this machine's memory"


def measure_qualities(run: Run, observer: Observer, interrupts: Interrupts) -> tuple[Arm, ...]:
    """Return the arms, the ready ones that ask for a format with their quality.

    What cannot be measured has its reason; nothing is raised for it.

    Raises:
        Interrupted: Someone asked to stop.
    """
    wanting = [arm.name for arm in run.arms if _wants(arm)]
    if not wanting:
        return run.arms
    if reason := _impossible(run):
        lacking = unknown(run.model.quantization, reason)
        return tuple(
            msgspec.structs.replace(arm, quality=lacking) if arm.name in wanting else arm
            for arm in run.arms
        )
    with scratch_dir("quality-") as folder:
        asked = _Asked(run, Path(folder), observer)
        arms = []
        for arm in run.arms:
            interrupts.check()
            known = msgspec.structs.replace(arm, quality=asked.of(arm)) if _wants(arm) else arm
            arms.append(known)
    return tuple(arms)


def _wants(arm: Arm) -> bool:
    asks = arm.variant is not None and arm.variant.runtime.quantization
    return (
        bool(asks) and arm.status == "ready" and (arm.quality is None or bool(arm.quality.reason))
    )


def _impossible(run: Run) -> str:
    """Say why no format of this model can be compared, if so."""
    if run.model.synthetic:
        return RANDOM
    if run.model.size_bytes > USABLE * run.machine.memory_bytes > 0:
        return TOO_LARGE
    return "" if documentation(Path(run.source.tree)) else NO_TEXT


class _Asked:
    """One text, and the reference's answer to it once somebody needs it."""

    def __init__(self, run: Run, folder: Path, observer: Observer) -> None:
        text = documentation(Path(run.source.tree))
        self._run = run
        self._observer = observer
        self._baseline = next(arm for arm in run.arms if arm.name == run.baseline)
        self._trouble: str | None = None
        self._sample = Sample(
            text=folder / "text.md",
            text_sha256=hashlib.sha256(text).hexdigest(),
            chunks=chunks_for(run.model.parameters),
            reference=folder / "reference",
            reference_name=run.model.quantization,
            threads=run.threads,
        )
        self._sample.text.write_bytes(text)

    def of(self, arm: Arm) -> Quality:
        """Return what is known of an arm, measured if need be."""
        assert arm.build is not None
        assert arm.variant is not None
        assert self._baseline.build is not None
        assert self._baseline.variant is not None
        model = model_of(self._run, arm)
        own, theirs = map(runtime_with_allocator, (arm.variant, self._baseline.variant))
        key = memory_key(
            *(arm.build.id, self._baseline.build.id, model.sha256, self._run.model.sha256),
            runtimes=(theirs, own),
            sample=self._sample,
        )
        if found := remembered(key):
            return found
        if self._trouble is None:
            self._observer.note(f"quality: reading the text with {self._run.model.quantization}")
            program = files_folder(self._baseline.build.id) / PROGRAM
            self._trouble = self._no_room() or write_reference(
                program, theirs, Path(self._run.model.path), self._sample
            )
        if self._trouble:
            return unknown(self._sample.reference_name, self._trouble)
        self._observer.note(f"quality: reading the text with {model.quantization}")
        program = files_folder(arm.build.id) / PROGRAM
        found = measure_quality(program, own, Path(model.path), self._sample)
        remember(key, found)
        return found

    def _no_room(self) -> str:
        needed = reference_bytes(self._sample.chunks, self._run.model.vocabulary)
        free = shutil.disk_usage(self._sample.reference.parent).free
        if free >= needed:
            return ""
        return f"its reference takes {needed / 1e9:.1f} GB of disk, and {free / 1e9:.1f} are free"
