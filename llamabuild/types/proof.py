"""What is known of a variant because it was seen to run, outside of all timing."""

from __future__ import annotations

from .base import Data


class FunctionShare(Data, frozen=True, kw_only=True):
    """One function's part of the samples."""

    name: str
    """Demangled; ``[unknown]`` where no symbol covers the samples."""
    library: str
    """File name without folders."""
    share: float
    """Of all samples of the workload, 0 to 1."""
    groups: tuple[str, ...] = ()
    """ISA groups of its machine code, by its inspection; empty when it was not inspected."""


class Execution(Data, frozen=True, kw_only=True):
    """Which functions ran during one workload, and for what share of the time."""

    workload: str
    method: str
    """Such as ``perf cpu-clock`` or ``SIGPROF sampler``; empty when nothing was sampled."""
    samples: int
    functions: tuple[FunctionShare, ...] = ()
    """Largest share first, down to 0.5 %."""
    libraries: dict[str, float] = {}
    """Share of samples by file, largest first."""
    loaded: tuple[str, ...] = ()
    """Files ``libggml-cpu*`` that were loaded; of several, the one it settled on is the last."""
    reason: str = ""
    """Why nothing was sampled."""


class Allocation(Data, frozen=True, kw_only=True):
    """Whose malloc the process used, and where its memory lay while it ran."""

    expected: str
    """What the variant promises; empty when it promises nothing."""
    library: str
    """File name of the library to which the symbol ``malloc`` was bound."""
    passed: bool
    reason: str = ""
    """One sentence when it failed."""
    resident_bytes: int | None = None
    """Resident memory once the model is loaded; None where it could not be read."""
    huge_bytes: int | None = None
    """The part of it on huge pages of 2 MiB or more."""
    weights_bytes: int | None = None
    """Resident memory of the mappings that hold weights, an eighth of the model or more each; what
    lies beside weights in one of them counts, too."""
    weights_huge_bytes: int | None = None
    """The part of that on huge pages."""


class Prebuilt(Data, frozen=True, kw_only=True):
    """A program that somebody else built."""

    path: str
    """As the user gave it; meaningful on this machine alone."""
    kind: str
    """``llama-bench`` or ``libraries``."""
    missing: tuple[str, ...] = ()
    """ISA groups that this CPU has and its kernels don't use, of those that matter to ggml."""
