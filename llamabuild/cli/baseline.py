"""``baseline``: where one stands before anything is tuned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from . import options
from .variants import exit_of, make_request

if TYPE_CHECKING:
    from pathlib import Path


def _options(function: options.F) -> options.F:
    trials = click.option(
        "--trials", type=click.IntRange(1, 1000), default=5, show_default=True, help="Of each."
    )
    variant = click.argument("variant", default="native")
    wishes = [variant, trials, options.model, options.source, *options.how]
    return options.decorated(function, wishes)


@click.command("baseline")
@_options
def command(
    *,
    variant: str,
    trials: int,
    source: str | None,
    output: Path,
    as_json: bool,
    **wishes: Any,  # noqa: ANN401
) -> None:
    """Measure one VARIANT trial by trial, by default upstream's own build, and show the machine.

    Each trial is a process of its own: prompt time, generation time, tokens per second and peak
    memory. The report has the rest: what ran, which SIMD it used, how near it comes to the
    machine's limits.
    """
    from llamabuild.pipeline import run_variants  # noqa: PLC0415
    from llamabuild.report.baseline import baseline_document, render_baseline  # noqa: PLC0415
    from llamabuild.report.material import load  # noqa: PLC0415
    from llamabuild.report.write import render_json, write_material  # noqa: PLC0415

    from .live import observer  # noqa: PLC0415

    wishes["sources"] = (source,) if source else ()
    request = make_request(names=(variant,), baseline=variant, blocks=trials, **wishes)
    with observer() as watching:
        run = run_variants(request, watching)
    material = load(run.id)
    document = baseline_document(material)
    page = write_material(material, output / run.id)
    render = render_json if as_json else render_baseline
    click.echo(render(document), nl=False)
    click.echo(f"report: {page}", err=True)
    exit_of(run, material.document)
