"""``profile``: what the hardware does while a build runs, and what holds it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from llamabuild.errors import GateFailed

from . import options
from .variants import make_request

if TYPE_CHECKING:
    from pathlib import Path

    from llamabuild.pipeline import Request


def _options(function: options.F) -> options.F:
    variant = click.argument("variant", default="native")
    simulate = click.option(
        "--simulate/--no-simulate",
        default=None,
        help="Run valgrind as well  [default: where the CPU's cache misses can't be counted]",
    )
    show = click.option("--show", metavar="RUN", help="Show a stored profile again.")
    how = [option for option in options.how if option is not options.seed]
    return options.decorated(
        function, [variant, options.model, options.source, simulate, show, *how]
    )


@click.command("profile")
@_options
def command(
    *,
    variant: str,
    source: str | None,
    simulate: bool | None,
    show: str | None,
    output: Path,
    as_json: bool,
    **wishes: Any,  # noqa: ANN401
) -> None:
    """Profile one VARIANT, by default upstream's own build, on each workload.

    Instructions per cycle, cache and branch misses where the CPU's counters can be read, simulated
    ones where not; hot functions, the instructions of the hottest loop, a flame graph, and whether
    memory or arithmetic holds it back, by each way of telling.
    """
    from llamabuild.report.profile_document import load_profile  # noqa: PLC0415
    from llamabuild.report.profile_text import render_profile  # noqa: PLC0415
    from llamabuild.report.profile_write import write_profile  # noqa: PLC0415
    from llamabuild.report.write import render_json  # noqa: PLC0415

    if show is None:
        wishes["sources"] = (source,) if source else ()
        show = _made(make_request(names=(variant,), baseline=variant, **wishes), simulate)
    document = load_profile(show)
    page = write_profile(document, output / document.run.id)
    click.echo(render_json(document) if as_json else render_profile(document), nl=False)
    click.echo(f"profile: {page}", err=True)
    click.echo(f"again:   python -m llamabuild profile --show {document.run.id}", err=True)
    if any(found.reason for found in document.workloads):
        raise click.exceptions.Exit(GateFailed.exit_code)


def _made(request: Request, simulate: bool | None) -> str:
    """Make a profile and return its id."""
    from llamabuild.pipeline.profile import run_profile  # noqa: PLC0415

    from .live import observer  # noqa: PLC0415

    with observer() as watching:
        return run_profile(request, watching, simulate=simulate).id
