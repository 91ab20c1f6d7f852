"""The catalogue: the files shipped with the package, and the user's own above them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from llamabuild.errors import BadInput, did_you_mean

from .compose import compose
from .file import read_variant_file
from .kinds import ALL, KINDS, check_set
from .prebuilt import is_prebuilt, prebuilt_variant
from .resolve import Layered, kind_of
from .settings import is_setting, with_settings
from .versions import parse_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llamabuild.types.variant import Variant

    from .resolve import Files


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All variant files by name, each with the layers that carry it, lowest first."""

    files: dict[str, tuple[Layered, ...]]
    default_source: str

    def names(self) -> tuple[str, ...]:
        """Return all names by kind; in each from the least that a CPU must have to the most."""
        return tuple(sorted(self.files, key=self._rank))

    def kind(self, name: str) -> str:
        """Return the kind of a variant that has a file."""
        return kind_of(name, self.files)

    def in_set(self, name: str) -> tuple[str, ...]:
        """Return the names of one kind, or of all kinds.

        Raises:
            BadInput: There is no set of that name.
        """
        wanted = check_set(name)
        return tuple(each for each in self.names() if wanted in {ALL, self.kind(each)})

    def knows(self, name: str) -> bool:
        """Tell whether every part of a name is known; they may still not go together."""
        try:
            files = self._with_settings(name)
            return all(parse_name(part, files) for part in name.split("+"))
        except BadInput:
            return False

    def suggestion(self, name: str) -> str:
        """Say which name was probably meant, or which there are."""
        return did_you_mean(name, self.files) or f"known: {', '.join(self.names())}"

    def get(self, name: str) -> Variant:
        """Return a variant with everything it inherits filled in.

        Args:
            name: That of a file (``native``), with a version of its compiler (``clang-19``),
                or several joined by ``+``, the base first; further ones may be settings
                (``native+threads=4``).

        Raises:
            CannotCombine: Parts that don't go together.
            BadInput: Unknown name, a prebuilt program that is not there, or a broken chain of
                ``extends``.
        """
        if is_prebuilt(name):  # a path may hold anything, '+' as well
            return prebuilt_variant(name)
        return compose(name, self._with_settings(name), self.default_source)

    def _with_settings(self, name: str) -> Files:
        base, *further = name.split("+")
        if is_setting(base):
            message = f"'{base}' says how something is run, not what"
            raise BadInput(message, f"name a build before it: 'native+{base}'")
        return with_settings(self.files, further)

    def _rank(self, name: str) -> tuple[int, bool, bool, int, str]:
        variant = self.get(name)
        need, order = variant.requires, [str(kind) for kind in KINDS]
        return (
            order.index(variant.kind),
            not need.architecture,
            need.architecture != "x86_64",
            len(need.cpu),
            name,
        )


def shipped_folder() -> Path:
    """Return the folder of the shipped files, in an installed package or in a checkout."""
    packaged = Path(__file__).parent / "catalogue"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "variants"


def load_catalogue(default_source: str, folders: Iterable[Path] | None = None) -> Catalogue:
    """Read all variant files.

    Args:
        default_source: Source of variants that name none.
        folders: The user's folders, lowest first; by default ``variants/`` of the working
            directory where there is one.

    Raises:
        BadInput: A file that is not right, or a folder that does not exist.
    """
    own = (Path("variants"),) if folders is None and Path("variants").is_dir() else folders or ()
    files: dict[str, tuple[Layered, ...]] = {}
    shipped = shipped_folder()
    for folder in (shipped, *(f for f in own if not _same(f, shipped))):
        if not folder.is_dir():
            message = f"{folder}: there is no such folder of variants"
            raise BadInput(message)
        for path in sorted(folder.glob("*.toml")):
            label = path.name if folder == shipped else str(path)
            layer = Layered(label=label, file=read_variant_file(path))
            files[path.stem] = (*files.get(path.stem, ()), layer)
    return Catalogue(files=files, default_source=default_source)


def _same(first: Path, second: Path) -> bool:
    return first.exists() and second.exists() and first.samefile(second)
