"""What the user asks ``kernels`` for, and whether that can be had."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from llamabuild.errors import BadInput, EnvironmentLacks, did_you_mean
from llamabuild.kernels.ggml import QUAD
from llamabuild.kernels.plan import RESIDENCES, Wish
from llamabuild.kernels.registry import implementations, missing_features
from llamabuild.types.base import Data

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
    if not request.kernels:
        _check_only_probes(request)
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


def dropped(wish: Wish) -> list[str]:
    """Return what was asked for by name and can't be had, while the rest goes on."""
    notes = [f"{combination.missing}: left out" for combination in _combinations(wish, empty=True)]
    if not wish.columns:
        return notes
    if odd := [n for n in wish.columns if n % QUAD]:
        numbers = ", ".join(map(str, odd))
        notes.append(f"ggml's gemm takes columns by {QUAD}: it doesn't run beside {numbers}")
    if "gemm" not in wish.shapes:
        having = {kernel.format for kernel in implementations(shape="gemm")}
        notes.extend(
            f"no gemm kernel of {name}: --columns is of no use for it"
            for name in wish.formats
            if name not in having
        )
    return notes


def _check_names(request: KernelRequest) -> None:
    for name in request.formats:
        implementations(name)
    for shape in request.shapes:
        implementations(shape=shape)
    for isa in request.isas:
        found = implementations(isa=isa)
        if found and all(missing_features(kernel) for kernel in found):
            raise _lacking(isa)
    for residence in request.residences:
        _check("residence", residence, RESIDENCES)


def _lacking(isa: str) -> EnvironmentLacks:
    found = {kernel.isa: kernel for kernel in implementations()}
    lacks = " and ".join(missing_features(found[isa]))
    able = ", ".join(name for name, kernel in found.items() if not missing_features(kernel))
    message = f"the instruction set {isa} needs {lacks}, which this CPU lacks"
    return EnvironmentLacks(message, f"it can run {able}")


class Combination(Data, frozen=True, kw_only=True):
    """A format, a shape and an instruction set that were asked for; empty: any."""

    format: str
    shape: str
    isa: str

    @property
    def missing(self) -> str:
        """For people: that no kernel is all of these."""
        shape = f"{self.shape} kernel" if self.shape else "kernel"
        of = f" of {self.format}" if self.format else ""
        return f"no {shape}{of}" + (f" for {self.isa}" if self.isa else "")


def _combinations(wish: Wish, *, empty: bool) -> list[Combination]:
    """Return those of what was named that no kernel is (``empty``), or that some is."""
    return [
        Combination(format=name, shape=shape, isa=isa)
        for name in wish.formats or ("",)
        for shape in wish.shapes or ("",)
        for isa in wish.isas or ("",)
        if empty is not bool(implementations(name or None, shape or None, isa or None))
    ]


def _check_there_is_one(wish: Wish) -> None:
    """Refuse a combination that no kernel has, such as gemm of a format without a packed layout."""
    if _combinations(wish, empty=False):
        return
    message = "; ".join(each.missing for each in _combinations(wish, empty=True))
    named = "".join(f" --format {name}" for name in wish.formats)
    raise BadInput(message, f"'python -m llamabuild kernels --list{named}' shows what there is")


def _check_only_probes(request: KernelRequest) -> None:
    """Refuse options that only kernels have."""
    given = {
        "--format": request.formats,
        "--shape": request.shapes,
        "--isa": request.isas,
        "--residence": request.residences,
        "--columns": request.columns,
        "--baseline-builds": request.baselines is not None,
    }
    if useless := [option for option, value in given.items() if value]:
        message = f"--only-probes times no kernels, which {' and '.join(useless)} would choose"
        raise BadInput(message, "leave one of them out")


def _check(kind: str, name: str, known: Iterable[str]) -> None:
    if name not in known:
        message = f"no {kind} is called '{name}'"
        raise BadInput(message, did_you_mean(name, known) or f"known: {', '.join(known)}")
