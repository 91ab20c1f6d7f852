"""``llamabuild explain``: which part of a composed variant did it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from llamabuild.errors import BuildFailed, Inconclusive

from . import options


@click.command("explain")
@click.argument("run")
@click.argument("variant", required=False)
@click.option(
    "--blocks",
    type=click.IntRange(1, 10_000),
    help="Exactly this many blocks  [default: stop at 12, 18 or 24]",
)
@click.option("--quick", is_flag=True, help="3 blocks: shows that all works, proves little.")
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), help="Of the blocks' order  [default: random]"
)
@options.variants_dir
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("llamabuild-report"),
    show_default=True,
    help="Where the report goes.",
)
@options.as_json
def command(
    *,
    run: str,
    variant: str | None,
    blocks: int | None,
    quick: bool,
    seed: int | None,
    variants_dirs: tuple[Path, ...],
    output: Path,
    as_json: bool,
) -> None:
    """Say which part of a composed VARIANT of a stored RUN makes the difference.

    By default the fastest composed variant, such as native+clang+pgo, against the run's baseline.
    It is measured anew, against itself without each of its parts, with the model, workloads and
    threads of RUN.
    """
    from llamabuild.compare import limits  # noqa: PLC0415 - keeps --help quick
    from llamabuild.pipeline import Request  # noqa: PLC0415
    from llamabuild.pipeline.explain import explain_run  # noqa: PLC0415
    from llamabuild.report.explain import explain_document, render_explain  # noqa: PLC0415
    from llamabuild.report.write import render_json, write_file, write_report  # noqa: PLC0415

    from .live import observer  # noqa: PLC0415

    wishes = Request(
        blocks=blocks,
        quick=quick,
        seed=seed,
        variants_dirs=options.folders(variants_dirs),
        command=("python", "-m", "llamabuild", *sys.argv[1:]),
    )
    with observer() as watching:
        explained = explain_run(run, variant, wishes, watching)
    document = explain_document(
        explained.run,
        explained.explains,
        explained.attribution,
        limits(explained.attribution.comparisons),
    )
    folder = output / explained.run.id
    text, data = render_explain(document), render_json(document)
    write_file(folder / "explain.txt", text.encode())
    write_file(folder / "explain.json", data.encode())
    page = write_report(explained.run.id, folder)
    click.echo(data if as_json else text, nl=False)
    click.echo(f"report: {page}", err=True)
    if any(arm.status == "build failed" for arm in explained.run.arms):
        raise click.exceptions.Exit(BuildFailed.exit_code)
    if not document.usable:
        message = "the copy of the baseline differs from the baseline"
        raise Inconclusive(message, "the machine was too noisy to trust this run; run it again")
