"""``sweep``: one variant, run in several ways."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from llamabuild.errors import BadInput

from . import options
from .variants import make_request, refuse_with_resume, run_and_report

SPECULATIVE, DRAFT = "speculative", "draft"

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from llamabuild.types.run import Sweep


def _options(function: options.F) -> options.F:
    base = click.option(
        "--variant", default="native", show_default=True, help="What is run; it may be composed."
    )
    draft = click.option(
        "--draft-model", metavar="SPEC", help="What guesses tokens at 'speculative draft'."
    )
    wishes = [base, options.model, draft, options.source, *options.how_long, *options.how]
    return options.decorated(function, wishes)


@click.command(
    "sweep",
    epilog="'python -m llamabuild sweep --axes' lists the axes.",
    context_settings={"ignore_unknown_options": True},  # -1 is a value
)
@click.argument("words", nargs=-1, metavar="[AXIS [VALUE]...]...")
@click.option("--axes", is_flag=True, help="List the axes and their values, and stop there.")
@_options
def command(
    *,
    words: tuple[str, ...],
    axes: bool,
    variant: str,
    source: str | None,
    output: Path,
    as_json: bool,
    **wishes: Any,  # noqa: ANN401
) -> None:
    """Run one variant in several ways, side by side, and show what each way brings.

    A value may be a range: 1..8, 1..64*2, 0..100+25. Without values an axis takes its own.
    Several axes are crossed: 'sweep threads 1 2 kv-cache f16 q8_0' measures four points
    and the default. Nothing is built for a point; an axis that needs another program than
    llama-bench (parallel, prompt-cache, speculative) builds that once, for all of its points.
    Any other option of llama-bench is an axis as 'arg:--cpu-strict 0 1'.
    """
    if axes:
        _list_axes(as_json=as_json)
        return
    refuse_with_resume(click.get_current_context())
    wishes["sources"] = (source,) if source else ()
    if wishes["resume"]:
        run_and_report(make_request(**wishes), output, as_json=as_json)
        return
    sweep = _sweep(variant, words, draft=bool(wishes["draft_model"]))
    request = make_request(sweep=sweep, baseline=sweep.points[0].variant, **wishes)
    run_and_report(request, output, as_json=as_json)


def _sweep(variant: str, words: Sequence[str], *, draft: bool) -> Sweep:
    """A word that names a setting begins an axis; what follows are its values.

    A draft model is among the values of its axis when none are named.
    """
    from llamabuild.machine.detect import detect_machine  # noqa: PLC0415
    from llamabuild.variants.axes import make_axis, make_sweep, words_here  # noqa: PLC0415
    from llamabuild.variants.prebuilt import is_prebuilt  # noqa: PLC0415
    from llamabuild.variants.settings import ARGUMENT, settings  # noqa: PLC0415

    if is_prebuilt(variant):
        message = f"'{variant}' is built already, and settings are for variants that are built here"
        raise BadInput(message, "name one, such as --variant native")
    if not words:
        message = "nothing to vary"
        raise BadInput(message, "name an axis, such as 'sweep threads'; --axes lists them")
    named: list[tuple[str, list[str]]] = []
    for word in words:
        if word.startswith("-") and not word[1:].isdecimal():
            message = f"No such option: {word} (llama-bench's own are axes as {ARGUMENT}{word})"
            raise click.UsageError(message)
        if word in settings() or word.startswith(ARGUMENT) or not named:
            named.append((word, []))
        else:
            named[-1][1].append(word)
    for name, values in named:
        if draft and name == SPECULATIVE and not values:
            values += [*settings()[name].sweep, DRAFT]
    here = words_here(detect_machine().usable_threads)
    return make_sweep(variant, [make_axis(name, values, here) for name, values in named])


def _list_axes(*, as_json: bool) -> None:
    import msgspec  # noqa: PLC0415

    from llamabuild.machine.detect import detect_machine  # noqa: PLC0415
    from llamabuild.variants.axes import make_axis, words_here  # noqa: PLC0415
    from llamabuild.variants.settings import ARGUMENT, settings  # noqa: PLC0415

    from .tables import print_table  # noqa: PLC0415

    here = words_here(detect_machine().usable_threads)
    none = () if here["affinity"] else ("affinity",)
    values = {
        name: make_axis(name, (), here).values if setting.sweep and name not in none else ()
        for name, setting in settings().items()
    }
    if as_json:
        axes = {
            name: {"what": setting.what, "values": values[name], "example": setting.example}
            for name, setting in settings().items()
        }
        click.echo(msgspec.json.format(msgspec.json.encode(axes)).decode())
        return
    rows = [
        (
            name,
            setting.what,
            " ".join(values[name]) or f"none by default; such as {setting.example}",
        )
        for name, setting in settings().items()
    ]
    rows.append((f"{ARGUMENT}--OPTION", "any other option of llama-bench", "such as 0 1"))
    print_table(("axis", "what it is", "values"), rows)
