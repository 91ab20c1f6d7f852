"""The sampler that is preloaded into a program, for machines where perf may not sample.

``native/sampler`` is the other half: it stores the program counter at each SIGPROF, which a timer
of the process's CPU time sends to the thread that runs, and writes all of them when the program
exits. The kernel rounds the timer up to a tick of its clock, so a thread is sampled 100 to 1000
times a second. Unlike perf's, its samples count time in the kernel for the function that called.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from llamabuild.errors import EnvironmentLacks
from llamabuild.machine.extension import load_extension
from llamabuild.process import run
from llamabuild.store.paths import scratch_dir

from .command import with_environment
from .recording import CannotSample, Mapping, Recording, Sample
from .settings import settings
from .symbols import read_image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from collections.abc import Mapping as Variables

METHOD = "SIGPROF sampler"
LIBRARY = "libllamabuild_sampler.so"
VARIABLE = "LLAMABUILD_SAMPLES"
PRELOAD = "LD_PRELOAD"
# /proc/self/maps: addresses, rights, offset, device, inode, path.
MAPPED = re.compile(r"([0-9a-f]+)-([0-9a-f]+) ..x. ([0-9a-f]+) \S+ \d+ +(\S.*)")
GONE = " (deleted)"


def record_preloaded(
    argv: Sequence[str],
    *,
    environment: Variables[str, str],
    timeout_seconds: float,
    launcher: Sequence[str] = (),
    on_line: Callable[[str], None] | None = None,
) -> Recording:
    """Run a program with the sampler in it; arguments as :func:`~.perf.record_with_perf`.

    Raises:
        CannotSample: Nothing can be preloaded into it, the sampler was not built, or it wrote
            nothing that can be read.
    """
    image = read_image(argv[0])
    if image is not None and not image.dynamic:
        message = f"{Path(argv[0]).name} is linked statically, so nothing can be preloaded into it"
        raise CannotSample(message)
    # Allocators are preloaded as well: theirs stay, behind ours, which has no malloc.
    preloaded = ":".join(filter(None, [str(sampler_library()), environment.get(PRELOAD, "")]))
    with scratch_dir("sampler-") as folder:
        file = Path(folder) / "samples"
        own = {PRELOAD: preloaded, VARIABLE: str(file)}
        finished = run(
            with_environment(argv, {**environment, **own}, launcher),
            closed=True,
            timeout_seconds=timeout_seconds,
            on_line=on_line,
        )
        if not finished.ok:
            return Recording(METHOD, finished, (), ())
        try:
            with file.open(encoding="utf-8", errors="replace") as lines:
                mappings, samples = read_samples(lines)
        except OSError as error:
            message = "the preloaded sampler wrote nothing"
            raise CannotSample(message) from error
    return Recording(METHOD, finished, mappings, samples)


def sampler_library() -> Path:
    """Return the library that is preloaded.

    Raises:
        CannotSample: It is not installed.
    """
    try:
        extension = load_extension().__file__
    except EnvironmentLacks as lack:
        raise CannotSample(lack.message) from lack
    path = Path(str(extension)).with_name(LIBRARY)
    if not path.is_file():
        message = f"{LIBRARY} is not installed"
        raise CannotSample(message)
    return path


def read_samples(lines: Iterator[str]) -> tuple[list[Mapping], list[Sample]]:
    """Read the sampler's file; ``native/sampler/sampler.cpp`` says how it looks.

    Raises:
        CannotSample: It looks otherwise, or its end is missing.
    """
    mappings: list[Mapping] = []
    since = 0  # what a list of mappings shows was there since the one before
    try:
        for line in lines:
            word, *numbers = line.split()
            if word == "samples":
                return mappings, _samples(lines, int(numbers[0]))
            if word != "maps":
                break
            mappings += _mappings(lines, since)
            since = int(numbers[0])
    except (ValueError, IndexError, StopIteration) as error:
        message = "the preloaded sampler's file is damaged"
        raise CannotSample(message) from error
    message = "the preloaded sampler's file has no samples"
    raise CannotSample(message)


def _mappings(lines: Iterator[str], since: int) -> list[Mapping]:
    mappings: list[Mapping] = []
    for line in lines:
        if line == "end\n":
            return mappings
        if found := MAPPED.fullmatch(line.rstrip("\n")):
            start, end, offset, path = found.groups()
            numbers = int(start, 16), int(end, 16), int(offset, 16)
            mappings.append(Mapping(since, 0, *numbers, path.removesuffix(GONE)))
    message = "the mappings have no end"
    raise ValueError(message)


def _samples(lines: Iterator[str], count: int) -> list[Sample]:
    samples = []
    for _ in range(min(count, settings().most_samples)):
        time_ns, address = next(lines).split()
        samples.append(Sample(int(time_ns), 0, int(address, 16)))
    return samples
