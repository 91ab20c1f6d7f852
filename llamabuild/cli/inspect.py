"""``inspect``: which SIMD a file's machine code uses, and whether it is what was expected."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from llamabuild import inspect
from llamabuild.errors import GateFailed

from . import options
from .output import ending_with

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llamabuild.types.inspection import ExpectationResult, Inspection
    from llamabuild.types.variant import Expectation


@click.command()
@click.argument("target", metavar="PATH|VARIANT")
@click.option(
    "--function",
    metavar="GLOB",
    help="Only functions whose demangled name matches, such as 'ggml_vec_dot_*'.",
)
@click.option(
    "--require", default="", metavar="G,..", help="Fail unless each of these ISA groups is there."
)
@click.option(
    "--forbid", default="", metavar="G,..", help="Fail if one of these ISA groups is there."
)
@options.source
@options.variants_dir
@options.as_json
def command(
    *,
    target: str,
    function: str | None,
    require: str,
    forbid: str,
    source: str | None,
    variants_dirs: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Show which SIMD machine code uses, function by function.

    PATH is an ELF executable, library, object, an archive or a wheel; VARIANT one that is built,
    with its own expectations. Exits with 1 when an expectation fails. Members of a wheel or a thin
    archive that can't be read are named and left out; of a thin archive those count that lie in
    its own folder or below.
    """
    paths: tuple[Path, ...] = (Path(target),)
    expectations = asked = _asked(function, require, forbid)
    if not _is_there(paths[0]):
        from llamabuild.build.lookup import built_variant  # noqa: PLC0415

        paths, own = built_variant(
            target,
            source=source,
            variants_dirs=options.folders(variants_dirs),
            on_progress=partial(click.echo, err=True),
        )
        expectations = (*own, *asked)
    elif source or variants_dirs:
        message = f"--source and --variants-dir are for a variant; {target} is a file"
        raise click.UsageError(message)
    skipped: list[dict[str, str]] = []

    def skip(name: str, reason: str) -> None:
        skipped.append({"file": name, "reason": reason})

    inspections = [i for path in paths for i in inspect.inspect_file(path, on_skip=skip)]
    results = inspect.check_expectations(inspections, expectations)
    with ending_with(_failure(target, results)):  # the reasons are part of what is printed
        if as_json:
            _print_json(inspections, results, function, skipped)
        else:
            from llamabuild.inspect.summary import summary  # noqa: PLC0415

            click.echo("\n".join(summary(inspections, results, function, skipped)))


def _failure(target: str, results: Sequence[ExpectationResult]) -> GateFailed | None:
    failed = sum(not result.passed for result in results)
    return (
        GateFailed(f"{target}: {failed} of {len(results)} expectations failed") if failed else None
    )


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that no file can have
        return False


def _asked(function: str | None, require: str, forbid: str) -> tuple[Expectation, ...]:
    if not require and not forbid:
        return ()
    from llamabuild.types.variant import Expectation  # noqa: PLC0415

    required, forbidden = (
        inspect.checked_groups(text.replace(",", " ").split()) for text in (require, forbid)
    )
    return (Expectation(binary="*", function=function or "*", require=required, forbid=forbidden),)


def _print_json(
    inspections: Sequence[Inspection],
    results: Sequence[ExpectationResult],
    function: str | None,
    skipped: Sequence[Mapping[str, str]],
) -> None:
    """One file is one object; several are listed under ``files``."""
    from msgspec.json import encode  # noqa: PLC0415
    from msgspec.structs import asdict, replace  # noqa: PLC0415

    if function is not None:
        inspections = [
            replace(i, functions=inspect.function_glob(i, function)) for i in inspections
        ]
    passed = "passed" if all(result.passed for result in results) else "failed"
    verdict = {
        "skipped": skipped,
        "expectations": results,
        "verdict": passed if results else "unchecked",
    }
    if len(inspections) == 1:
        document = {**asdict(inspections[0]), **verdict}
    else:
        document = {"files": inspections, **verdict}
    click.echo(encode(document))
