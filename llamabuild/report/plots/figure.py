"""Making and saving figures: one look, no global state, the same bytes each time."""

from __future__ import annotations

import io
import os
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from llamabuild.report.palette import light
from llamabuild.store.paths import cache_dir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_INCHES = 7.6
PNG_DPI = 160
SMALL, NORMAL = 8.0, 9.0
EDGE = 4.0
"""Points between the figure's left edge and the first letter."""
LEAST_CHARACTERS, MOST_CHARACTERS = 20, 34
INCHES_PER_CHARACTER, NAME_GAP = 0.08, 0.06
"""Of the mean letter of a name at normal size."""
Coords = tuple[str, str]
BESIDE = ("axes fraction", "data")
ABOVE = ("axes fraction", "axes fraction")
DATA = ("data", "data")


@contextmanager
def look() -> Iterator[None]:
    """Draw and save within this; text, fonts and ids are the same everywhere."""
    # Matplotlib keeps lists of fonts; they belong into our cache like everything that we write.
    os.environ.setdefault("MPLCONFIGDIR", str(cache_dir("matplotlib")))
    import matplotlib as mpl  # noqa: PLC0415 - slow to load

    with mpl.rc_context(
        {
            "svg.fonttype": "none",
            "svg.hashsalt": "llamabuild",
            "font.family": "DejaVu Sans",
            "font.size": NORMAL,
            "text.parse_math": False,
            "path.simplify": False,
        }
    ):
        yield


def new_figure(height_inches: float, width_inches: float = WIDTH_INCHES) -> Figure:
    """Return an empty figure with a transparent background."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - slow to load

    return Figure(figsize=(width_inches, height_inches), facecolor="none")


def panel(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Add axes at a place given in inches from the lower left; no frame, quiet ticks."""
    total_width, total_height = figure.get_size_inches()
    axes = figure.add_axes(
        (left / total_width, bottom / total_height, width / total_width, height / total_height),
        facecolor="none",
    )
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(
        length=0, labelsize=SMALL, colors=light("muted"), labelcolor=light("muted"), pad=4
    )
    return axes


def label(
    axes: Axes,
    text: str,
    place: tuple[float, float],
    *,
    coords: Coords = BESIDE,
    offset: tuple[float, float] = (0, 0),
    role: str = "ink",
    size: float = NORMAL,
    bold: bool = False,
    align: Literal["left", "center"] = "left",
) -> None:
    """Write text at a place in the given coordinates plus an offset in points."""
    axes.annotate(
        text, place, xycoords=coords, xytext=offset, textcoords="offset points",
        color=light(role), fontsize=size, fontweight="bold" if bold else "normal",
        ha=align, va="center", annotation_clip=False,
    )  # fmt: skip


def fitting(name: str, characters: int) -> str:
    """Return a name that takes at most so many characters."""
    return name if len(name) <= characters else f"{name[: characters - 1]}…"


def name_column(names: Iterable[str]) -> tuple[float, Callable[[str], str]]:
    """Return the width in inches of a column of names, and what fits a name into it."""
    longest = max((len(name) for name in names), default=0)
    characters = min(MOST_CHARACTERS, max(LEAST_CHARACTERS, longest))
    width = EDGE / 72 + INCHES_PER_CHARACTER * characters + NAME_GAP
    return width, lambda name: fitting(name, characters)


def as_bytes(figure: Figure, kind: str) -> bytes:
    """Return the figure as ``svg`` or ``png``, on white, without a date."""
    buffer = io.BytesIO()
    metadata = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
    with look(), warnings.catch_warnings():
        # A name may have letters that the font lacks; browsers bring their own.
        warnings.filterwarnings("ignore", message="Glyph")
        figure.savefig(
            buffer, format=kind, dpi=PNG_DPI, metadata=metadata, facecolor=light("panel")
        )
    return buffer.getvalue()
