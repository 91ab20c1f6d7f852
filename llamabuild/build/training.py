"""The training run: a short llama-bench on the run's model, with sizes that no workload has."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING

import msgspec

from llamabuild.errors import BuildFailed
from llamabuild.process import run
from llamabuild.types.build import Stage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llamabuild.types.inputs import Model

FACTS = Path(__file__).with_name("training.toml")


class ProfileFlags(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Flags of one family of compilers, for ggml and the decode part of libllama."""

    generate: tuple[str, ...]
    use: tuple[str, ...]
    """``{data}`` stands for the profile's folder."""


class Training(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``training.toml`` says."""

    program: str
    arguments: tuple[str, ...]
    newer: tuple[str, ...]
    timeout_seconds: float
    gcc: ProfileFlags
    clang: ProfileFlags

    def flags(self, family: str) -> ProfileFlags:
        """Return those of ``gcc`` or ``clang``."""
        return self.clang if family == "clang" else self.gcc


@cache
def training() -> Training:
    """Return the shipped facts."""
    return msgspec.toml.decode(FACTS.read_bytes(), type=Training)


@cache
def training_digest() -> str:
    """Return the SHA-256 of all that decides a training run but program and model."""
    return hashlib.sha256(msgspec.json.encode(training())).hexdigest()


def training_arguments(tree: Path) -> tuple[str, ...]:
    """Return what the program of a source tree is run with: without the options that it lacks.

    Read from its source, as an instrumented program that is asked for help would count that, too.
    """
    program = training().program
    texts = [path.read_text("utf-8", "replace") for path in tree.glob(f"*/{program}/{program}.cpp")]
    lacking = [name for name in training().newer if texts and not any(name in t for t in texts)]
    return tuple(argument for argument in training().arguments if argument not in lacking)


def training_command(tree: Path) -> str:
    """Return the command as a person reads it, such as ``llama-bench -t 1 -p 24 -n 5``."""
    return " ".join((training().program, *training_arguments(tree)))


def train(  # noqa: PLR0917 - what is run, on what, and where its output goes
    name: str,
    binaries: Path,
    arguments: tuple[str, ...],
    model: Model,
    log: IO[bytes],
    environment: Mapping[str, str],
) -> Stage:
    """Run the instrumented program of a folder to its end.

    A variant's own runtime settings stay out of it: what differs in them alone shares a build,
    and so the profile.

    Args:
        name: Of the variant, for messages.
        binaries: Folder with the instrumented program and its libraries.
        arguments: Of :func:`training_arguments`.
        model: What it runs.
        log: Receives what it prints.
        environment: Where the counters go.

    Raises:
        BuildFailed: It crashed or took too long.
    """
    argv: tuple[str | Path, ...] = (
        binaries / training().program,
        "-m",
        model.path,
        *arguments,
    )
    log.write(f"$ {' '.join(map(str, argv))}\n".encode())
    log.flush()
    finished = run(
        argv,
        environment=environment,
        closed=True,
        timeout_seconds=training().timeout_seconds,
        log=log,
    )
    if not finished.ok:
        program, how = training().program, finished.failure()
        message = f"{name}: the training run of the instrumented {program} {how}"
        raise BuildFailed(message)
    return Stage(
        name="train",
        seconds=finished.wall_seconds,
        cpu_seconds=finished.usage.ru_utime + finished.usage.ru_stime,
    )
