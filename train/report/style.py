"""How the plots look: a palette that colour-blind people can tell apart, readable when small."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from neurograsp.edge_runtime.contract.errors import MissingExtra

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PALETTE = ("#0072b2", "#d55e00", "#009e73", "#a5568b", "#b87a00", "#2f8fc4", "#5b5b5b", "#7a4b1e")
"""After Okabe and Ito (2008), the light hues darkened for white paper."""

MODEL_COLOURS = {"float": PALETTE[0], "int8": PALETTE[1], "linear": PALETTE[2]}
INK = "#1a1a1a"
FAINT = "#8a8a8a"
DPI = 160
LONGEST_NAME = 24

_SETTINGS: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.labelsize": 11,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 12,
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "grid.color": "#e3e3e3",
    "grid.linewidth": 0.8,
    "legend.fontsize": 10,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "text.parse_math": False,  # names come from the bundle
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
}


@contextmanager
def drawing() -> Iterator[None]:
    """Matplotlib with our settings, and as it was before afterwards.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise MissingExtra("matplotlib", "train") from error
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


def new_figure(width_in: float, height_in: float) -> "Figure":
    """A figure of its own, outside of pyplot; it draws with Agg."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width_in, height_in), dpi=DPI)


def png(figure: "Figure") -> bytes:
    """The figure as PNG in 128 colours, a third of the size; Pillow comes with matplotlib."""
    from PIL import Image

    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    small = io.BytesIO()
    picture = Image.open(drawn).convert("RGB").quantize(128, dither=Image.Dither.NONE)
    picture.save(small, format="png", optimize=True)
    return small.getvalue()


def colour(index: int) -> str:
    return PALETTE[index % len(PALETTE)]


def dash(index: int) -> str:
    """Line style: the palette's second round is dashed, the third dotted."""
    return ("-", "--", ":")[index // len(PALETTE) % 3]


def short(name: str, longest: int = LONGEST_NAME) -> str:
    """A name for a plot: printable and not too long."""
    printable = "".join(letter if letter.isprintable() else "?" for letter in name)
    return printable if len(printable) <= longest else printable[: longest - 1] + "…"
