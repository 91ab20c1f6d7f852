"""``kernels --list``: every implementation, and whether this CPU can run it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from llamabuild.kernels.registry import implementations, missing_features

from .tables import print_table

if TYPE_CHECKING:
    from llamabuild.kernels.registry import Implementation


def print_list(
    formats: tuple[str, ...], shapes: tuple[str, ...], isas: tuple[str, ...], *, as_json: bool
) -> None:
    """Print the kernels of these formats, shapes and instruction sets; empty: of all.

    Raises:
        BadInput: An unknown name.
    """
    found = [
        kernel
        for name in formats or (None,)
        for shape in shapes or (None,)
        for isa in isas or (None,)
        for kernel in implementations(name, shape, isa)
    ]
    if as_json:
        import msgspec  # noqa: PLC0415

        document = {"kernels": [_entry(kernel) for kernel in found]}
        click.echo(msgspec.json.format(msgspec.json.encode(document)).decode())
        return
    headers = ("kernel", "format", "shape", "rows", "instruction set", "needs", "here")
    print_table(
        headers,
        [
            [
                kernel.symbol,
                kernel.format,
                kernel.shape,
                str(kernel.panel_rows or ""),
                kernel.isa,
                ", ".join(kernel.features),
                _here(kernel),
            ]
            for kernel in found
        ],
    )


def _here(kernel: Implementation) -> str:
    lacks = missing_features(kernel)
    return f"no: this CPU lacks {', '.join(lacks)}" if lacks else "yes"


def _entry(kernel: Implementation) -> dict[str, object]:
    lacks = missing_features(kernel)
    return {
        "function": kernel.symbol,
        "format": kernel.format,
        "shape": kernel.shape,
        "panel_rows": kernel.panel_rows,
        "isa": kernel.isa,
        "description": kernel.description,
        "features": kernel.features,
        "runs_here": not lacks,
        "missing": lacks,
    }
