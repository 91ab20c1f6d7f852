"""What the user asks ``kernels`` for, and whether that can be had."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from llamabuild.errors import BadInput, did_you_mean
from llamabuild.kernels.plan import RESIDENCES, Wish
from llamabuild.kernels.registry import choose, implementations, missing_features, require

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llamabuild.types.machine import Machine

MINUTES, QUICK_MINUTES = 10.0, 2.0
MOST_COLUMNS = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelRequest:
    """All wishes; what is None or empty is chosen to suit the machine."""

    quick: bool = False
    formats: tuple[str, ...] = ()
    shapes: tuple[str, ...] = ()
    isas: tuple[str, ...] = ()
    threads: tuple[int, ...] = ()
    residences: tuple[str, ...] = ()
    columns: tuple[int, ...] = ()
    probes: bool = True
    kernels: bool = True
    baselines: tuple[str, ...] | None = None
    """Variants whose ggml kernels run beside ours."""
    seed: int | None = None
    minutes: float | None = None
    command: tuple[str, ...] = ()
    """As it was typed, for the record."""

    @property
    def limit_seconds(self) -> float:
        """How long the run may take."""
        return 60 * (self.minutes or (QUICK_MINUTES if self.quick else MINUTES))


def checked_wish(request: KernelRequest, machine: Machine) -> Wish:
    """Return what to time.

    Raises:
        BadInput: An unknown name, or a number that this machine doesn't have.
        EnvironmentLacks: This CPU can't run an instruction set that was asked for.
    """
    _check_names(request)
    most = len(machine.affinity)
    threads = request.threads or tuple(sorted({1, machine.usable_threads}))
    if wrong := [n for n in threads if not 1 <= n <= most]:
        message = f"kernels on {wrong[0]} threads"
        raise BadInput(message, f"take 1 to {most}, the CPUs that this process may use")
    if wrong := [n for n in request.columns if not 2 <= n <= MOST_COLUMNS]:  # noqa: PLR2004
        message = f"gemm with {wrong[0]} columns"
        raise BadInput(message, f"take 2 to {MOST_COLUMNS}; one column is gemv's")
    if request.columns and request.shapes and "gemm" not in request.shapes:
        message = "only gemm has columns"
        raise BadInput(message, "leave --columns out, or add --shape gemm")
    wish = Wish(
        threads=tuple(sorted(set(threads))),
        quick=request.quick,
        formats=tuple(dict.fromkeys(request.formats)),
        shapes=tuple(dict.fromkeys(request.shapes)),
        isas=tuple(dict.fromkeys(request.isas)),
        residences=tuple(r for r in RESIDENCES if r in request.residences),
        columns=tuple(sorted(set(request.columns))),
    )
    if request.kernels:
        _check_there_is_one(wish)
    return wish


def _check_names(request: KernelRequest) -> None:
    for name in request.formats:
        implementations(name)
    for shape in request.shapes:
        implementations(shape=shape)
    for isa in request.isas:
        found = implementations(isa=isa)
        if found and all(missing_features(kernel) for kernel in found):
            require(found[0])
    for residence in request.residences:
        _check("residence", residence, RESIDENCES)


def _check_there_is_one(wish: Wish) -> None:
    """Refuse a combination that no kernel has, such as gemm of a format without a packed layout."""
    found = [
        kernel
        for name in wish.formats or (None,)
        for shape in wish.shapes or (None,)
        for isa in wish.isas or (None,)
        for kernel in implementations(name, shape, isa)
    ]
    if not found:
        choose(wish.formats[0], wish.shapes[0], wish.isas[0] if wish.isas else None)


def _check(kind: str, name: str, known: Iterable[str]) -> None:
    if name not in known:
        message = f"no {kind} is called '{name}'"
        raise BadInput(message, did_you_mean(name, known) or f"known: {', '.join(known)}")
