"""``lab`` and ``recommend``: everything at once, as one report."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from . import options
from .durations import Duration
from .variants import refuse_with_resume

if TYPE_CHECKING:
    from pathlib import Path

    from llamabuild.pipeline.lab import LabWishes

models = click.option(
    "--model",
    "models",
    metavar="SPEC",
    multiple=True,
    help="What is tuned; a further one answers what the first can't, such as the quality of words "
    "where weights are random  [default: synthetic:tinyllama-1.1b:Q4_K_M and the real model]",
)

without = click.option(
    "--without",
    multiple=True,
    metavar="LIST",
    callback=options.split,
    help="Parts to leave out; --dry-run lists them.",
)


@click.command("lab")
@click.option(
    "--budget",
    type=Duration(),
    default="60m",
    show_default=True,
    help="Time for all, building included.",
)
@click.option("--target", type=float, default=1.3, show_default=True, help="Ratio to reach.")
@options.goal
@options.base
@models
@options.source
@without
@options.seed
@click.option("--resume", metavar="ID", help="Go on with an interrupted one ('latest' works).")
@click.option("--show", metavar="ID", help="Show a stored one again ('latest' works).")
@click.option("--dry-run", is_flag=True, help="Show the parts and their least times, and stop.")
@options.variants_dir
@options.output
@options.as_json
def command(
    *,
    resume: str | None,
    show: str | None,
    dry_run: bool,
    output: Path,
    as_json: bool,
    **wishes: Any,  # noqa: ANN401
) -> None:
    """Do the whole lab: baseline, threads, memory, builds, the challenge, and what follows.

    Every question gets its answer with number, interval and plot, or the reason why it cannot be
    measured here. The report ends in recommendations, each with the measurement behind it.
    """
    refuse_with_resume(click.get_current_context(), "resume", ("variants_dirs",))
    refuse_with_resume(click.get_current_context(), "show")
    if dry_run:
        _outlook(_wishes(**wishes), as_json=as_json)
        return
    from llamabuild.pipeline import lab as pipeline  # noqa: PLC0415 - keeps --help quick

    from .live_lab import lab_observers  # noqa: PLC0415

    if show is None:
        with lab_observers() as (watching, kernels):
            if resume:
                folders = options.folders(wishes["variants_dirs"])
                show = pipeline.resume_lab(resume, watching, kernels, folders).id
            else:
                show = pipeline.run_lab(_wishes(**wishes), watching, kernels).id
    _report(show, output, as_json=as_json)


@click.command("recommend")
@click.argument("lab", default="latest")
@options.as_json
def recommend(*, lab: str, as_json: bool) -> None:
    """Print what a LAB recommends for production: its id, the start of one, or 'latest'.

    Each recommendation has the rule by which it follows, and the measurement that it rests on.
    """
    import msgspec  # noqa: PLC0415

    from llamabuild.report.lab.material import load_lab  # noqa: PLC0415
    from llamabuild.report.lab.recommend import recommendations  # noqa: PLC0415
    from llamabuild.report.lab.text import render_recommendations  # noqa: PLC0415

    material = load_lab(lab)
    found = recommendations(material)
    if as_json:
        document = {"lab": material.record.id, "recommendations": found}
        click.echo(msgspec.json.format(msgspec.json.encode(document)).decode())
        return
    click.echo(render_recommendations(found), nl=False)


def _wishes(*, variants_dirs: tuple[Path, ...], budget: float, **rest: Any) -> LabWishes:  # noqa: ANN401
    from llamabuild.pipeline.lab import LabWishes  # noqa: PLC0415

    return LabWishes(
        budget_seconds=budget,
        variants_dirs=options.folders(variants_dirs),
        command=("python", "-m", "llamabuild", *sys.argv[1:]),
        **rest,
    )


def _report(lab_id: str, output: Path, *, as_json: bool) -> None:
    from llamabuild.report.lab.assemble import lab_document  # noqa: PLC0415
    from llamabuild.report.lab.material import load_lab  # noqa: PLC0415
    from llamabuild.report.lab.text import render_lab_text  # noqa: PLC0415
    from llamabuild.report.lab.write import write_lab  # noqa: PLC0415
    from llamabuild.report.write import render_json  # noqa: PLC0415

    material = load_lab(lab_id)
    document = lab_document(material)
    page = write_lab(material, document, output / material.record.id)
    click.echo((render_json if as_json else render_lab_text)(document), nl=False)
    click.echo(f"report: {page}", err=True)
    click.echo(f"again:  python -m llamabuild lab --show {material.record.id}", err=True)


def _outlook(wishes: LabWishes, *, as_json: bool) -> None:
    """Print which parts the budget reaches for; nothing is built or measured."""
    import msgspec  # noqa: PLC0415

    from llamabuild.pipeline.lab import outlook  # noqa: PLC0415

    from .live import clock, observer  # noqa: PLC0415
    from .tables import print_table  # noqa: PLC0415

    with observer() as watching:
        rows = outlook(wishes, watching)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(rows)).decode())
        return
    print_table(
        ("part", "what it is", "model", "at least", "about", ""),
        [
            (
                row.name,
                row.title,
                row.model,
                clock(row.least_seconds),
                clock(row.seconds) if row.seconds else "",
                row.reason,
            )
            for row in rows
        ],
    )
