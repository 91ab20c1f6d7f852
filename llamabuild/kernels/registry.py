"""The kernels in the extension module, and which of them this CPU can run.

What there is comes from the module itself, where each kernel's file declares it; nothing is listed
a second time here.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from llamabuild.errors import BadInput, EnvironmentLacks, did_you_mean
from llamabuild.machine.cpu import detect_cpu
from llamabuild.machine.extension import load_extension
from llamabuild.types.base import Data

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llamabuild.types.machine import Cpu

SHAPES = ("vec_dot", "gemv", "gemm")


class Kernel(Data, frozen=True, kw_only=True):
    """A function that ``run`` can call: ours, or ggml's, which have the same signatures."""

    format: str
    shape: str
    """``vec_dot``, ``gemv`` or ``gemm``."""
    panel_rows: int
    """Rows that are interleaved; 0 for vec_dot."""
    symbol: str
    """The function's name."""
    address: int
    features: tuple[str, ...]
    """What the CPU must have."""

    @property
    def row_step(self) -> int:
        """Rows of gemv and gemm are a multiple of this."""
        return 1

    @property
    def column_step(self) -> int:
        """Columns are a multiple of this."""
        return 1


class Implementation(Kernel, frozen=True, kw_only=True):
    """One of our kernels: a shape of a format for an instruction set.

    ``symbol`` is ``lb_SHAPE_FORMAT[_ROWS]_ISA``.
    """

    isa: str
    """The instruction set's name, such as ``avx2``."""
    description: str
    """Of the instruction set."""


class InstructionSet(Data, frozen=True, kw_only=True):
    """One that kernels are written for."""

    name: str
    description: str
    features: tuple[str, ...]
    """What the CPU must have, named as in ``Cpu.features``."""


@cache
def instruction_sets() -> tuple[InstructionSet, ...]:
    """Return those of this architecture, the weakest first."""
    return tuple(
        InstructionSet(name=name, description=text, features=tuple(features.split()))
        for name, text, features in load_extension().kernel_isas()
    )


@cache
def _all() -> tuple[Implementation, ...]:
    isas = {isa.name: isa for isa in instruction_sets()}
    order = list(isas)
    found = [
        Implementation(
            format=weights,
            shape=shape,
            isa=isa,
            panel_rows=panel_rows,
            symbol=symbol or _symbol(weights, shape, isa, panel_rows),
            address=address,
            features=isas[isa].features,
            description=isas[isa].description,
        )
        for weights, shape, isa, panel_rows, symbol, address in load_extension().kernels()
    ]
    return tuple(
        sorted(
            found,
            key=lambda k: (k.format, SHAPES.index(k.shape), order.index(k.isa), k.panel_rows),
        )
    )


def _symbol(weights: str, shape: str, isa: str, panel_rows: int) -> str:
    """Name a kernel that the dynamic linker doesn't know."""
    return "_".join(["lb", shape, weights, *([str(panel_rows)] if panel_rows else []), isa])


@cache
def this_cpu() -> Cpu:
    """Return the processor that kernels run on."""
    return detect_cpu()


def implementations(
    format: str | None = None,  # noqa: A002
    shape: str | None = None,
    isa: str | None = None,
) -> tuple[Implementation, ...]:
    """Return the kernels of this architecture, sorted; what is None matches all.

    Raises:
        BadInput: No kernel has a format, shape or instruction set of that name.
        EnvironmentLacks: The extension module is missing.
    """
    kernels = _all()
    if format is not None:
        _check("format with kernels", format, {k.format for k in kernels})
    if shape is not None:
        _check("shape", shape, SHAPES)
    if isa is not None:
        _check("instruction set with kernels", isa, [i.name for i in instruction_sets()])
    return tuple(
        k
        for k in kernels
        if format in (None, k.format) and shape in (None, k.shape) and isa in (None, k.isa)
    )


def missing_features(kernel: Kernel, cpu: Cpu | None = None) -> tuple[str, ...]:
    """Return what a CPU (None: this one) lacks to run a kernel; empty when it can."""
    have = (cpu or this_cpu()).features
    return tuple(f for f in kernel.features if f not in have)


def require(kernel: Kernel, cpu: Cpu | None = None) -> None:
    """Refuse a kernel that a CPU (None: this one) can't run.

    Raises:
        EnvironmentLacks: It lacks a feature.
    """
    if missing := missing_features(kernel, cpu):
        message = f"{kernel.symbol} needs {' and '.join(missing)}, which this CPU lacks"
        siblings = [k for k in _all() if (k.format, k.shape) == (kernel.format, kernel.shape)]
        able = dict.fromkeys(k.isa for k in siblings if not missing_features(k, cpu))
        raise EnvironmentLacks(message, f"it can run {', '.join(able)}" if able else "")


def choose(
    format: str,  # noqa: A002
    shape: str,
    isa: str | None = None,
    panel_rows: int | None = None,
    cpu: Cpu | None = None,
) -> Implementation:
    """Return the best kernel that a CPU (None: this one) has, or the one that is forced.

    The best is the one of the strongest instruction set and, within that, of the most rows a
    panel.

    Args:
        format: Of the weights.
        shape: ``vec_dot``, ``gemv`` or ``gemm``.
        isa: Force this instruction set.
        panel_rows: Force this layout.
        cpu: Instead of this one.

    Raises:
        BadInput: There is no such kernel.
        EnvironmentLacks: The CPU lacks what the forced kernel needs.
    """
    kernels = implementations(format, shape, isa)
    if panel_rows is not None:
        layouts = sorted({k.panel_rows for k in kernels})
        kernels = tuple(k for k in kernels if k.panel_rows == panel_rows)
        if layouts and not kernels:
            message = f"no {shape} of {format} has {panel_rows} rows a panel"
            raise BadInput(message, f"there is {', '.join(map(str, layouts))}")
    if not kernels:
        message = f"there is no {shape} kernel of {format}" + (f" for {isa}" if isa else "")
        raise BadInput(message, f"see the kernels of {format} with implementations('{format}')")
    runnable = [k for k in kernels if not missing_features(k, cpu)]
    if not runnable:
        require(kernels[-1], cpu)
    order = [i.name for i in instruction_sets()]
    return max(runnable, key=lambda k: (order.index(k.isa), k.panel_rows))


def _check(kind: str, name: str, known: Iterable[str]) -> None:
    names = sorted(known)
    if name not in names:
        message = f"no {kind} is called '{name}'"
        raise BadInput(message, did_you_mean(name, names) or f"known: {', '.join(names)}")
