"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

GOALS = ("tg", "pp", "both", "server")
F = TypeVar("F", bound="Callable[..., Any]")

names = click.argument("names", nargs=-1, metavar="[VARIANT]...")
source = click.option(
    "--source",
    metavar="SPEC",
    help="llama.cpp tree: pypi:NAME==VERSION, git:URL@REF or path:DIR.",
)
sources = click.option(
    "--source",
    "sources",
    metavar="SPEC",
    multiple=True,
    help="llama.cpp tree (pypi:, git:, path:); several are a version axis, the baseline's first.",
)
model = click.option(
    "--model", metavar="SPEC", help="Path, hf:REPO/FILE, or synthetic:PRESET[:QUANT]."
)
training_model = click.option(
    "--model",
    metavar="SPEC",
    help="What variants with PGO or BOLT are trained on, as for 'variants'.",
)
variants_dir = click.option(
    "--variants-dir",
    "variants_dirs",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of your own variant files  [default: ./variants if it exists]",
)


def split(_context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> Any:  # noqa: ANN401
    """Return ``--set a,b --set c`` as one list."""
    return tuple(name.strip() for value in given for name in value.split(",") if name.strip())


sets = click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="LIST",
    callback=split,
    help="Variants of a kind, such as simd, compilers or allocators, or all.",
)
without = click.option(
    "--without",
    multiple=True,
    metavar="LIST",
    callback=split,
    help="Leave these out of the set, such as those without SIMD, which take the longest.",
)
goal = click.option(
    "--goal",
    type=click.Choice(GOALS),
    default="both",
    show_default=True,
    help="Generation, prompts, both alike, or as a server of chats needs them.",
)
base = click.option(
    "--from", "base", metavar="VARIANT", default="native", show_default=True, help="Baseline."
)
output = click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("llamabuild-report"),
    show_default=True,
    help="Where the report goes.",
)
cross = click.option(
    "--cross",
    type=click.Path(path_type=Path, dir_okay=False),
    help="TOML file of axes (base, axes, names): every combination of one entry each.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object to stdout.")


def folders(variants_dirs: tuple[Path, ...]) -> tuple[Path, ...] | None:
    """None when no folder was named, so that the default applies."""
    return variants_dirs or None


def decorated(function: F, decorators: Iterable[Callable[..., Any]]) -> F:
    """Add options in the order in which the help shows them."""
    for decorator in reversed(list(decorators)):
        function = decorator(function)
    return function


how_long = (
    click.option(
        "--blocks",
        type=click.IntRange(1, 10_000),
        help="Exactly this many blocks  [default: stop at 12, 18 or 24]",
    ),
    click.option("--quick", is_flag=True, help="3 blocks: shows that all works, proves little."),
    click.option("--resume", metavar="RUN", help="Go on with an interrupted run ('latest' works)."),
)
"""Of a comparison, which stops by itself."""
seed = click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    help="Of the blocks' order  [default: random]",
)
how = (
    click.option("--workloads", metavar="LIST", help="Such as pp,tg or pp512,tg64."),
    click.option(
        "--threads",
        type=click.IntRange(1, 4096),
        help="[default: physical cores within quota and affinity]",
    ),
    seed,
    variants_dir,
    output,
    as_json,
)
"""How something is measured, and where the report goes."""


def measuring(function: F) -> F:
    """Add the options of a measurement."""
    baseline = click.option(
        "--baseline",
        metavar="VARIANT",
        help="What ratios refer to  [default: avx2 among SIMD variants, else native]",
    )
    return decorated(
        function, [names, sets, without, cross, model, sources, baseline, *how_long, *how]
    )
