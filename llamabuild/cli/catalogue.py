"""``list`` and ``show``: what there is, and what one variant means."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click
import msgspec

from . import options

if TYPE_CHECKING:
    from pathlib import Path

    from llamabuild.types.variant import Variant
    from llamabuild.variants import Catalogue


@click.command("list")
@options.source
@options.variants_dir
@options.as_json
def list_variants(*, source: str | None, variants_dirs: tuple[Path, ...], as_json: bool) -> None:
    """List all variants, what each is, and whether it can run here."""
    from llamabuild.machine.cpu import detect_cpu  # noqa: PLC0415
    from llamabuild.variants import unsupported_reason  # noqa: PLC0415

    from .tables import print_table  # noqa: PLC0415

    catalogue = _catalogue(source, variants_dirs)
    cpu = detect_cpu()
    variants = [catalogue.get(name) for name in catalogue.names()]
    rows = [(v.name, unsupported_reason(v, cpu), v.description) for v in variants]
    if as_json:
        listed = [
            {"name": name, "runs_here": not reason, "reason": reason, "description": text}
            for name, reason, text in rows
        ]
        click.echo(msgspec.json.format(msgspec.json.encode({"variants": listed})).decode())
        return
    print_table(
        ("variant", "runs here", "what it is"),
        [(name, f"no: {reason}" if reason else "yes", text) for name, reason, text in rows],
    )


@click.command("show")
@click.argument("name", metavar="VARIANT")
@options.source
@options.variants_dir
@options.as_json
def show(*, name: str, source: str | None, variants_dirs: tuple[Path, ...], as_json: bool) -> None:
    """Show one variant: its values, who set each, and the commands that build it by hand."""
    from llamabuild.build.plan import reproduction  # noqa: PLC0415
    from llamabuild.machine.cpu import detect_cpu  # noqa: PLC0415
    from llamabuild.variants import unsupported_reason  # noqa: PLC0415

    variant = _catalogue(source, variants_dirs).get(name)
    reason = unsupported_reason(variant, detect_cpu())
    commands = [shlex.join(command) for command in reproduction(variant)]
    if as_json:
        document = {
            **msgspec.to_builtins(variant),
            "runs_here": not reason,
            "reason": reason,
            "commands": commands,
        }
        click.echo(msgspec.json.format(msgspec.json.encode(document)).decode())
        return
    click.echo(f"{variant.name}: {variant.description}\n")
    for key, value in _flat(variant):
        click.echo(f"  {key} = {value}  ({_origin(variant, key)})")
    click.echo(f"\nRuns here: {'no, ' + reason if reason else 'yes'}")
    click.echo("\nThe same ggml and libllama without this program, in a llama.cpp tree's parent:")
    for command in commands:
        click.echo(f"  {command}")


def _catalogue(source: str | None, variants_dirs: tuple[Path, ...]) -> Catalogue:
    from llamabuild.source.pins import load_pins  # noqa: PLC0415
    from llamabuild.variants import load_catalogue  # noqa: PLC0415

    return load_catalogue(source or load_pins().default, options.folders(variants_dirs))


def _flat(variant: Variant) -> list[tuple[str, str]]:
    """Dotted keys with their values as a TOML file would have them, empty ones left out."""
    rows: list[tuple[str, str]] = []
    for key, value in msgspec.to_builtins(variant).items():
        if key in {"name", "description", "origins"} or not value:
            continue
        inside = value.items() if isinstance(value, dict) else [("", value)]
        for name, item in inside:
            if item not in ("", [], (), {}):
                dotted = f"{key}.{name}" if name else key
                rows.append((dotted, msgspec.json.encode(item).decode()))
    return rows


def _origin(variant: Variant, key: str) -> str:
    return variant.origins.get(key, "default")
