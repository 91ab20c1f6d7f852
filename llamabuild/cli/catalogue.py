"""``list`` and ``show``: what there is, and what one variant means."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click
import msgspec

from . import options

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from llamabuild.types.variant import Variant
    from llamabuild.variants import Catalogue


WIDEST_REASON = 34


@click.command("list")
@options.sets
@options.source
@options.variants_dir
@options.as_json
def list_variants(
    *, sets: tuple[str, ...], source: str | None, variants_dirs: tuple[Path, ...], as_json: bool
) -> None:
    """List all variants by kind, what each is, and whether it can run here."""
    from llamabuild.machine.cpu import detect_cpu  # noqa: PLC0415
    from llamabuild.variants import unsupported_reason  # noqa: PLC0415

    catalogue = _catalogue(source, variants_dirs)
    cpu = detect_cpu()
    names = dict.fromkeys(name for each in sets or ("all",) for name in catalogue.in_set(each))
    variants = [catalogue.get(name) for name in names]
    reasons = {variant.name: unsupported_reason(variant, cpu) for variant in variants}
    if as_json:
        listed = [
            {
                "name": v.name,
                "kind": v.kind,
                "runs_here": not reasons[v.name],
                "reason": reasons[v.name],
                "description": v.description,
            }
            for v in variants
        ]
        click.echo(msgspec.json.format(msgspec.json.encode({"variants": listed})).decode())
        return
    _print_by_kind(variants, reasons)


def _print_by_kind(variants: Sequence[Variant], reasons: dict[str, str]) -> None:
    from llamabuild.variants.kinds import KINDS  # noqa: PLC0415

    from .tables import print_groups  # noqa: PLC0415

    def row(variant: Variant) -> tuple[str, str, str]:
        reason = reasons[variant.name]
        return variant.name, f"no: {reason}" if reason else "yes", variant.description

    by_kind = {kind: [row(v) for v in variants if v.kind == kind] for kind in KINDS}
    print_groups(
        ("variant", "runs here", "what it is"),
        [((f"{kind}:", "", KINDS[kind]), rows) for kind, rows in by_kind.items() if rows],
        most={"runs here": WIDEST_REASON},
    )
    missing = sum(map(bool, reasons.values()))
    click.echo(f"{len(variants)} variants, {len(variants) - missing} run here.")
    click.echo("Join them with '+': 'native+clang-19+pgo+mimalloc'; the first is the base.")


@click.command("show")
@click.argument("name", metavar="VARIANT")
@options.source
@options.variants_dir
@options.as_json
def show(*, name: str, source: str | None, variants_dirs: tuple[Path, ...], as_json: bool) -> None:
    """Show one variant: its values, who set each, and the commands that build it by hand."""
    from llamabuild.machine.cpu import detect_cpu  # noqa: PLC0415
    from llamabuild.variants import unsupported_reason  # noqa: PLC0415

    variant = _catalogue(source, variants_dirs).get(name)
    reason = unsupported_reason(variant, detect_cpu())
    tree = _tree_commands(variant)
    commands = _build_commands(variant)
    notes = _tree_notes(variant)
    if as_json:
        document = {
            **msgspec.to_builtins(variant),
            "runs_here": not reason,
            "reason": reason,
            "tree": tree,
            "commands": commands,
            "notes": notes,
            "run": _run_command(variant),
        }
        click.echo(msgspec.json.format(msgspec.json.encode(document)).decode())
        return
    click.echo(f"{variant.name}: {variant.description}")
    click.echo(f"kind: {variant.kind}{_parts(variant)}\n")
    for key, value in _flat(variant):
        click.echo(f"  {key} = {value}  ({_origin(variant, key)})")
    click.echo(f"\nRuns here: {'no, ' + reason if reason else 'yes'}")
    if commands:
        if tree:
            click.echo(f"\nIts tree, {variant.source}:")
        for line in tree:
            click.echo(f"  {line}")
        what = "The same ggml and libllama without this program, in a llama.cpp tree's parent"
        if any(msgspec.structs.astuple(variant.optimize)):
            what += " (the flags reach all files there)"
        click.echo(f"\n{what}:")
    for line in (*commands, *notes):
        click.echo(f"  {line}")
    click.echo(f"\nIt is run as:\n  {_run_command(variant)}")
    for kind, count in variant.runtime.threads.items():
        click.echo(f"  (with -t {count} where {kind} is measured)")


def _build_commands(variant: Variant) -> list[str]:
    """How a person would build it; a library that comes with this program is named by its path."""
    from llamabuild.build.layouts import pinned_layout  # noqa: PLC0415
    from llamabuild.build.plan import by_hand  # noqa: PLC0415
    from llamabuild.variants.prebuilt import is_prebuilt  # noqa: PLC0415

    if is_prebuilt(variant.source):
        return []
    file, found = _allocator(variant)
    linked = f"{found} -Wl,-rpath,{found.rpartition('/')[0]}" if found != file else f"-l:{file}"
    return [
        shlex.join(word.replace(f"-l:{file}", linked) if file else word for word in command)
        for command in by_hand(variant, pinned_layout(variant.source))
    ]


def _tree_commands(variant: Variant) -> list[str]:
    """How a person would get its tree; none where no command is known."""
    from llamabuild.build.by_hand import tree_by_hand  # noqa: PLC0415
    from llamabuild.variants.prebuilt import is_prebuilt  # noqa: PLC0415

    if is_prebuilt(variant.source):
        return []
    return [shlex.join(command) for command in tree_by_hand(variant.source)]


def _tree_notes(variant: Variant) -> list[str]:
    """What a tree of unknown layout may need besides; nothing is fetched to find out."""
    from llamabuild.build.by_hand import provided_by_hand  # noqa: PLC0415
    from llamabuild.build.layouts import layouts, pinned_layout  # noqa: PLC0415
    from llamabuild.variants.prebuilt import is_prebuilt  # noqa: PLC0415

    if is_prebuilt(variant.source) or pinned_layout(variant.source):
        return []
    notes = [f"(llama.cpp is the tree of {variant.source})"]
    for layout in layouts():
        own = [f"-D{name}={value}" for name, value in layout.cmake.items()]
        notes.append(f"(if it has {layout.has}, cmake needs {shlex.join(own)}, too)")
        provided = map(shlex.join, provided_by_hand(layout.absent))
        notes += [f"(and before cmake: {command})" for command in provided]
    return notes


def _allocator(variant: Variant) -> tuple[str, str]:
    """The file name of its allocator, and where it is if it came with this program."""
    from llamabuild.build.by_hand import allocator_file  # noqa: PLC0415
    from llamabuild.errors import EnvironmentLacks  # noqa: PLC0415
    from llamabuild.machine.allocators import (  # noqa: PLC0415
        allocator_entry,
        allocator_library,
    )

    if not variant.allocator.name:
        return "", ""
    file = allocator_file(variant.allocator)
    if not allocator_entry(variant.allocator.name).bundled:
        return file, file
    try:
        return file, str(allocator_library(variant.allocator.name))
    except EnvironmentLacks:  # why is said under "Runs here"
        return file, file


def _run_command(variant: Variant) -> str:
    """How a person would run it; where a system's allocator lies is for the loader to find."""
    from llamabuild.build.by_hand import hand_folder  # noqa: PLC0415
    from llamabuild.machine.allocators import PRELOAD, allocator_entry  # noqa: PLC0415
    from llamabuild.variants.prebuilt import is_prebuilt, prebuilt_path  # noqa: PLC0415

    if is_prebuilt(variant.source):
        path = prebuilt_path(variant)
        if path.is_dir():
            return f"(the libraries of {shlex.quote(str(path))}, by a llama-bench that is compiled)"
        return shlex.join([str(path), "-m", "MODEL.gguf", *variant.runtime.bench])
    words: dict[str, str] = {}
    if variant.allocator.name:
        _, library = _allocator(variant)
        if variant.allocator.how == PRELOAD and library:
            words["LD_PRELOAD"] = library
        words |= allocator_entry(variant.allocator.name).environment
    words |= variant.runtime.environment
    program = f"{hand_folder(variant.name)}/bin/llama-bench"
    model = f"{'-'.join(filter(None, ['MODEL', variant.runtime.quantization]))}.gguf"
    words_of_bench = [program, "-m", model, *variant.runtime.bench]
    assignments = [f"{name}={shlex.quote(value)}" for name, value in words.items()]
    return " ".join([*assignments, shlex.join([*variant.runtime.launcher, *words_of_bench])])


def _catalogue(source: str | None, variants_dirs: tuple[Path, ...]) -> Catalogue:
    from llamabuild.source.pins import load_pins  # noqa: PLC0415
    from llamabuild.variants import load_catalogue  # noqa: PLC0415

    return load_catalogue(source or load_pins().default, options.folders(variants_dirs))


def _parts(variant: Variant) -> str:
    return f" of {', '.join(variant.parts)}" if variant.parts else ""


def _flat(variant: Variant) -> list[tuple[str, str]]:
    """Dotted keys with their values as a TOML file would have them, empty ones left out."""
    rows: list[tuple[str, str]] = []
    for key, value in msgspec.to_builtins(variant).items():
        if key in {"name", "description", "kind", "parts", "origins"} or not value:
            continue
        inside = value.items() if isinstance(value, dict) else [("", value)]
        for name, item in inside:
            if item not in ("", False, [], (), {}):
                dotted = f"{key}.{name}" if name else key
                rows.append((dotted, msgspec.json.encode(item).decode()))
    return rows


def _origin(variant: Variant, key: str) -> str:
    return variant.origins.get(key, "default")
