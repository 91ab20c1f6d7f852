"""Which variants are wanted: by name, by set, or by crossing axes."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from llamabuild.errors import BadInput, did_you_mean
from llamabuild.types.base import Data

from .compose import CannotCombine
from .prebuilt import is_prebuilt
from .settings import checked_setting, is_setting
from .strict import Table, read_strict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from .catalogue import Catalogue

BY_DEFAULT = ("simd", "own")
MOST_COMBINATIONS = 200


class Wanted(Data, frozen=True, kw_only=True):
    """A variant that was asked for, and why there is none if there is none."""

    name: str
    reason: str = ""
    """Why its parts don't go together."""


class CrossFile(Table, frozen=True, kw_only=True):
    """A file of axes: every combination of one entry of each axis, on one base."""

    base: str
    axes: tuple[tuple[str, ...], ...]
    """Names to add to the base; ``""`` adds nothing."""
    names: tuple[str, ...] = ()
    """Further variants, as they are."""


def wanted(
    catalogue: Catalogue,
    names: Sequence[str],
    sets: Sequence[str] = (),
    crossed: Path | None = None,
    *,
    points: Sequence[str] = (),
    without: Sequence[str] = (),
) -> tuple[Wanted, ...]:
    """Return what was asked for, each once, in the order of asking.

    Args:
        catalogue: All variants.
        names: By name; they are not looked up here.
        sets: Kinds, or ``all``; with what cannot run here, so that it becomes a row.
        crossed: File of axes; combinations that don't go together are returned with the reason.
        points: Of a sweep, by name; the same holds for them.
        without: Names among all of these that are not wanted after all.

    Without any of these: the variants of instruction sets, and the user's own.

    Raises:
        BadInput: An unknown set, a file of axes that is wrong, or something to be left out that
            nobody asked for.
    """
    chosen = [Wanted(name=name) for name in names]
    nothing = not names and not sets and not points and crossed is None
    for each in BY_DEFAULT if nothing else sets:
        chosen += [Wanted(name=name) for name in catalogue.in_set(each)]
    if crossed is not None:
        chosen += cross(catalogue, crossed)
    chosen += _tried(catalogue, points)
    first = {item.name: item for item in reversed(chosen)}
    if unasked := [name for name in without if name not in first]:
        message = f"'{unasked[0]}' is to be left out, and nothing of that name was asked for"
        raise BadInput(message, did_you_mean(unasked[0], first) or "'list' shows what is in a set")
    order = dict.fromkeys(item.name for item in chosen)
    return tuple(first[name] for name in order if name not in without)


def cross(catalogue: Catalogue, path: Path) -> tuple[Wanted, ...]:
    """Return the combinations that a file of axes asks for.

    Raises:
        BadInput: The file is wrong, names an unknown variant, or asks for too many.
    """
    file = read_strict(path, CrossFile, "a file of axes")
    _check(path, catalogue, file)
    combinations = ("+".join(filter(None, parts)) for parts in product((file.base,), *file.axes))
    return tuple(_tried(catalogue, dict.fromkeys((*combinations, *file.names))))


def _check(path: Path, catalogue: Catalogue, file: CrossFile) -> None:
    count = 1
    for number, axis in enumerate(file.axes):
        if not axis:
            message = f"{path}: axes[{number}] is empty"
            raise BadInput(message, "an axis needs at least one entry; '' adds nothing")
        count *= len(axis)
        # Checked as it grows: the product itself may be astronomical.
        if count > MOST_COMBINATIONS:
            message = f"{path}: axes make more than {MOST_COMBINATIONS} combinations"
            raise BadInput(message, "shorten an axis, or split the file")
    keys = {"base": (file.base,), "names": file.names}
    keys |= {f"axes[{number}]": axis for number, axis in enumerate(file.axes)}
    for key, entries in keys.items():
        for entry in entries:
            if key.startswith("axes") and is_setting(entry):
                checked_setting(entry)
            elif is_prebuilt(entry):
                continue  # a path, looked at when it is taken
            elif (entry or not key.startswith("axes")) and not catalogue.knows(entry):
                message = f"{path}: {key}: unknown variant '{entry}'"
                raise BadInput(message, catalogue.suggestion(entry))


def _tried(catalogue: Catalogue, names: Iterable[str]) -> Iterator[Wanted]:
    for name in names:
        try:
            catalogue.get(name)
        except CannotCombine as error:
            yield Wanted(name=name, reason=str(error))
        else:
            yield Wanted(name=name)
