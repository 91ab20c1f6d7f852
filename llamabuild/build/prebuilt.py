"""Somebody else's llama-bench or libraries as a build of the store, made by no step.

What is measured is a copy under the hash of its content: inspection, check, trials and a resumed
run see the same bytes whatever becomes of the original.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from llamabuild.errors import BadInput, EnvironmentLacks
from llamabuild.process import run
from llamabuild.store.builds import build_folder, collect, files_folder, load_build, publish
from llamabuild.store.locks import named_lock
from llamabuild.store.paths import scratch_dir
from llamabuild.store.usage import mark_used
from llamabuild.types.build import Build, Plan
from llamabuild.types.proof import Prebuilt
from llamabuild.variants.prebuilt import BESIDE_IT, prebuilt_path

from .kernel_files import kernel_files
from .prebuilt_elf import check_architecture
from .prebuilt_staging import (
    BENCH,
    PERPLEXITY,
    copy,
    core_libraries,
    runnable,
    stage_host_program,
    stage_program,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llamabuild.types.machine import Cpu
    from llamabuild.types.variant import Variant

FORMAT = 1
"""Part of every id; raise it when the same files come to be laid out otherwise."""
ID_LENGTH = 16
HELP_SECONDS = 30.0
HELP_BYTES = 1 << 20
HELP_NAMES = ("--n-prompt", "--n-gen", "--repetitions", "--output")
"""Options by which a trial asks; what prints no help about them is no llama-bench."""
BORROWED = "host"
"""Folder of our own llama-perplexity, when it computes with somebody else's libraries."""


class Imported(NamedTuple):
    """What became of a ``prebuilt:PATH``."""

    build: Build
    prebuilt: Prebuilt
    cached: bool
    unchecked: str
    """Why there is no llama-perplexity to check its output with; empty when there is one."""


def import_prebuilt(
    variant: Variant,
    cpu: Cpu,
    host: Build | None,
    examine: Callable[[Sequence[Path]], str] = lambda _: "",
) -> Imported:
    """Take what a prebuilt variant names into the store.

    Args:
        variant: Of :func:`llamabuild.variants.prebuilt.prebuilt_variant`.
        cpu: Of this machine.
        host: A build of ours whose programs run a folder of libraries, and check the output of a
            program that came without a llama-perplexity.
        examine: Is given the files with the kernels before anything of them runs; what it
            returns is why they cannot run on this CPU, or the empty string.

    Raises:
        BadInput: It is no llama-bench and no folder of ggml's and llama's libraries.
        OSError: It, or its folder, cannot be looked at.
        EnvironmentLacks: It cannot run here: another architecture, a library or an instruction
            set is missing, or the libraries do not fit our llama-bench.
    """
    path = prebuilt_path(variant)
    with scratch_dir("prebuilt-") as scratch:
        staged = Path(scratch) / "build"
        files = staged / "files"
        files.mkdir(parents=True)
        program = path / BENCH if path.is_dir() else path
        # Whoever names a folder with a llama-bench in it wants to know about that one.
        kind = "llama-bench" if program.is_file() else "libraries"
        if kind == "libraries":
            unchecked = _stage_libraries(path, files, cpu.architecture, host)
        else:
            unchecked = _stage_bench(program, files, cpu.architecture, host)
        if reason := examine(kernel_files(files)):
            raise EnvironmentLacks(reason)
        build = _build(variant, files)
        with named_lock(f"build-{build.id}"):
            known = load_build(build.id, full=True)
            if known is None:
                _check_help(files / BENCH, path.name)
                publish(build, staged)
            else:
                mark_used(build_folder(build.id))
    return Imported(
        build=known or build,
        prebuilt=Prebuilt(path=str(path), kind=kind),
        cached=known is not None,
        unchecked=unchecked,
    )


def stored_kernel_files(build: Build) -> tuple[Path, ...]:
    """Return :func:`kernel_files` of a build in the store."""
    return kernel_files(files_folder(build.id))


def _stage_bench(program: Path, files: Path, architecture: str, host: Build | None) -> str:
    header = runnable(program, architecture)
    stage_program(program, header, files, BENCH)
    beside = program.parent / PERPLEXITY
    if beside.is_file():
        try:
            stage_program(beside, runnable(beside, architecture), files, PERPLEXITY)
        except (BadInput, EnvironmentLacks) as error:
            (files / PERPLEXITY).unlink(missing_ok=True)
            return f"the llama-perplexity beside it cannot be used: {error}"
        return ""
    libraries = [path.name for path in core_libraries(files)]
    none = "there is no llama-perplexity beside it"
    if not libraries:
        return f"{none}, and it is statically linked"
    if host is None:
        return none
    borrowed = files / BORROWED
    borrowed.mkdir()
    for name in libraries:
        (borrowed / name).symlink_to(Path("..") / name)
    reason = stage_host_program(files_folder(host.id), PERPLEXITY, borrowed, architecture)
    if reason:
        for path in borrowed.iterdir():
            path.unlink()
        borrowed.rmdir()
        return f"{none}, and {reason}"
    (files / PERPLEXITY).symlink_to(Path(BORROWED) / PERPLEXITY)
    return ""


def _stage_libraries(folder: Path, files: Path, architecture: str, host: Build | None) -> str:
    libraries = [path for path in core_libraries(folder) if path.is_file()]
    if not libraries:
        message = f"'{folder.name}' holds neither a llama-bench nor ggml's and llama's libraries"
        raise BadInput(message, "name the folder with libllama.so and libggml*.so")
    for library in libraries:
        check_architecture(library, architecture)
    # Links come last: one whose target was copied stays a link.
    for library in sorted(libraries, key=Path.is_symlink):
        real = library.resolve().name
        if library.is_symlink() and (files / real).exists():
            (files / library.name).symlink_to(real)
        else:
            copy(library, files / library.name)
    if host is None:
        message = "there is no build of ours whose llama-bench could use these libraries"
        raise EnvironmentLacks(message, "build the baseline first")
    ours = files_folder(host.id)
    if reason := stage_host_program(ours, BENCH, files, architecture, folder):
        raise EnvironmentLacks(reason)
    return stage_host_program(ours, PERPLEXITY, files, architecture, folder)


def _build(variant: Variant, files: Path) -> Build:
    """Describe the staged files as a build; nothing in it depends on where they came from."""
    found = collect(files)
    # Time and path are left out of the id: the same files are the same build.
    identity = msgspec.json.encode({"prebuilt": FORMAT, "files": found})
    build_id = hashlib.sha256(identity).hexdigest()[:ID_LENGTH]
    return Build(
        id=build_id,
        plan=Plan(
            build_id=build_id,
            variant=variant.name,
            source_digest="",
            steps=(),
            compilers=(),
            native_resolution="",
            outputs=tuple(name for name in (BENCH, PERPLEXITY) if (files / name).exists()),
        ),
        files=found,
        seconds=0.0,
        cpu_seconds=0.0,
        size_bytes=sum(file.size_bytes for file in found),
        compiled=0,
        cache_hits=-1,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _check_help(program: Path, name: str) -> None:
    """Ask for the help text, the first time that anything of it runs.

    Raises:
        BadInput: It prints no help of a llama-bench.
        EnvironmentLacks: It dies of an instruction that this CPU lacks.
    """
    finished = run(
        [program, "--help"],
        environment=BESIDE_IT,
        closed=True,
        timeout_seconds=HELP_SECONDS,
        output_limit=HELP_BYTES,
    )
    text = finished.stdout + finished.stderr
    absent = [word for word in HELP_NAMES if word not in text]
    if not absent:
        return
    if "SIGILL" in finished.failure():
        message = f"'{name}' executes an instruction that this CPU lacks (SIGILL at its start)"
        raise EnvironmentLacks(message, "build it for this CPU")
    if finished.ok:
        message = f"'{name}' is not a llama-bench: its --help does not name {absent[0]}"
        raise BadInput(message, "name a llama-bench")
    message = f"'{name}' is not a llama-bench that runs here: asked for --help it "
    raise BadInput(message + finished.failure().replace(str(program), name))
