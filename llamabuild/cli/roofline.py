"""``roofline``: how fast a model can be on this machine, and how near its builds come."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from . import options

if TYPE_CHECKING:
    from llamabuild.report.roofline_document import RooflineDocument


@click.command("roofline")
@click.option(
    "--model", metavar="SPEC", help="Path, hf:REPO/FILE, or synthetic:…  [default: the run's]"
)
@click.option(
    "--run", metavar="RUN", help="Of variants, for their shares  [default: this machine's last]"
)
@click.option("--threads", type=click.IntRange(1, 4096), help="[default: those of the run]")
@click.option("--measure", is_flag=True, help="Probe the machine first if that was not done yet.")
@options.as_json
def command(*, as_json: bool, **wishes: Any) -> None:  # noqa: ANN401
    """Show how many tokens a second this machine allows, and the share that each build reaches.

    The bounds follow from the bytes and operations that a token takes, as the model's header has
    them, and from the probes of 'kernels'.
    """
    from llamabuild.pipeline.roofline import RooflineRequest, make_roofline  # noqa: PLC0415

    from .live_kernels import kernel_observer  # noqa: PLC0415

    request = RooflineRequest(command=("python", "-m", "llamabuild", *sys.argv[1:]), **wishes)
    with kernel_observer() as watching:
        document = make_roofline(request, watching, partial(click.echo, err=True))
    if as_json:
        from llamabuild.report.write import render_json  # noqa: PLC0415

        click.echo(render_json(document), nl=False)
    else:
        _print(document)


def _print(document: RooflineDocument) -> None:
    from llamabuild.report import numbers  # noqa: PLC0415
    from llamabuild.report.sections.roofline import advice, limit_words  # noqa: PLC0415

    from .tables import print_table  # noqa: PLC0415

    found, model = document.roofline, document.model
    click.echo(f"{model.name} {model.quantization} on {document.machine.cpu.brand}")
    for limits in found.limits:
        click.echo(limit_words(limits))
    if found.bounds:
        print_table(
            (
                "workload",
                "threads",
                "bytes/token",
                "operations/token",
                "bandwidth allows",
                "arithmetic allows",
                "bound by",
            ),
            [
                [
                    " of ".join(filter(None, [bound.workload, bound.variant])),
                    str(bound.threads),
                    numbers.size(bound.bytes_per_token),
                    numbers.operations(bound.operations_per_token),
                    f"{numbers.throughput(bound.bandwidth_tokens_per_second)} tokens/s",
                    f"{numbers.throughput(bound.compute_tokens_per_second)} tokens/s",
                    bound.limited_by,
                ]
                for bound in found.bounds
            ],
        )
    if found.shares:
        print_table(
            ("build", "workload", "threads", "tokens/s", "of the bound", "verdict"),
            [
                [
                    share.variant,
                    share.workload,
                    str(share.threads),
                    numbers.throughput(share.tokens_per_second),
                    numbers.part(share.share),
                    share.verdict,
                ]
                for share in found.shares
            ],
        )
        for workload, verdict, names, text in advice(found):
            click.echo(f"{workload}, {verdict} ({', '.join(names)}): {text}")
        click.echo(f"shares of run {document.run}, probes of kernel run {found.kernel_run}")
    elif not document.run:
        click.echo(
            "no finished run of variants here to show; 'python -m llamabuild variants' makes one"
        )
    for note in (*document.notes, *([found.missing] if found.missing else [])):
        click.echo(f"note: {note}")
