"""How figures look: one palette for light and dark, text that stays text, the same bytes for the same figure.

Colours are those of Okabe and Ito (2008), told apart by colour-blind readers too. Figures are drawn in marker colours that
are replaced by CSS variables, so that the page decides what they are.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "ACCENT",
    "INK",
    "LINE",
    "MODEL",
    "MUTED",
    "PAPER",
    "TRUTH",
    "Drawing",
    "Spots",
    "canvas",
    "clipped",
    "drawn",
    "plain_log",
    "quiet_legend",
    "spots",
]

DOTS_PER_INCH = 200  # of a PNG
_POINTS_PER_INCH = 72.0  # of an SVG

# drawn colour -> CSS variable of the page
INK, MUTED, LINE, PAPER = "#101113", "#5b6168", "#d5d9de", "#fefefd"
MODEL, TRUTH, ACCENT = "#0072b2", "#d55e01", "#9a5b87"
_VARIABLES = {
    INK: "ink",
    MUTED: "muted",
    LINE: "line",
    PAPER: "paper",
    MODEL: "model",
    TRUTH: "truth",
    ACCENT: "accent",
}
_SETTINGS: Any = {  # matplotlib types it by a literal of every setting there is
    "svg.fonttype": "none",
    "text.parse_math": False,  # a dollar in a name is a dollar
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10.0,
    "axes.labelsize": 10.0,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.unicode_minus": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 9.0,
    "ytick.labelsize": 9.0,
    "legend.frameon": False,
    "legend.fontsize": 9.0,
    "lines.linewidth": 2.0,
}


@contextmanager
def canvas(width: float, height: float, columns: int = 1, **layout: Any) -> Iterator[tuple[Figure, list[Axes]]]:
    """A figure of that many inches with `columns` panels side by side, outside pyplot's global state."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(width, height), layout="constrained")
        panels = figure.subplots(1, columns, squeeze=False, **layout)[0]
        figure.patch.set_alpha(0.0)
        for panel in panels:
            panel.patch.set_alpha(0.0)
        yield figure, list(panels)


def quiet_legend(panel: Axes, **where: Any) -> None:
    """A legend where there is something to tell apart."""
    if panel.get_legend_handles_labels()[0]:
        panel.legend(**{"loc": "best", "handlelength": 1.6, "borderaxespad": 0.2, **where})


def plain_log(panel: Axes, axis: str) -> None:
    """0.05 rather than 10^-2 and half a tick."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    which = panel.xaxis if axis == "x" else panel.yaxis
    if panel.get_xscale() == "log" if axis == "x" else panel.get_yscale() == "log":
        which.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    which.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", "−")))
    which.set_minor_formatter(NullFormatter())


def clipped(text: str, most: int = 28) -> str:
    """Names of any length must leave room for the figure."""
    return text if len(text) <= most else text[: most - 1] + "…"


@final
@dataclass(frozen=True)
class Spots:
    """Where structures lie in a picture: the structure of each spot by its place in the report's list, and x and y in the
    units of the picture's viewBox."""

    structure: tuple[int, ...]
    x: tuple[float, ...]
    y: tuple[float, ...]


@final
@dataclass(frozen=True, eq=False)
class Drawing:
    """One figure: as an element of the page, and as a file of its own in the colours of day."""

    name: str
    element: str
    svg: str
    spots: Spots
    figure: Figure

    def png(self) -> bytes:
        """For slides, and for readers that draw no SVG."""
        buffer = io.BytesIO()
        self.figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH, facecolor=PAPER, metadata={"Software": None})
        return buffer.getvalue()


def spots(figure: Figure, panel: Axes, points: ArrayLike, structures: Sequence[int]) -> Spots:
    """The structures drawn at `points` (n, 2) of a panel; negative ones are nobody's. Call it once the figure is laid out."""
    at = np.asarray(panel.transData.transform(np.asarray(points, dtype=float).reshape(-1, 2))) / figure.dpi * _POINTS_PER_INCH
    height = figure.get_figheight() * _POINTS_PER_INCH
    kept = [i for i, owner in enumerate(structures) if owner >= 0 and np.isfinite(at[i]).all()]
    return Spots(
        tuple(int(structures[i]) for i in kept),
        tuple(round(float(at[i, 0]), 1) for i in kept),
        tuple(round(height - float(at[i, 1]), 1) for i in kept),
    )


def drawn(figure: Figure, *, name: str, description: str, links: Sequence[tuple[Axes, ArrayLike, Sequence[int]]] = ()) -> Drawing:
    """The finished figure. Call it inside `canvas`: the settings decide the text. `links` are what `spots` takes."""
    import matplotlib as mpl

    with mpl.rc_context({"svg.hashsalt": name}):  # ids are the same in every run and differ between figures
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = re.sub(r"<metadata>.*?</metadata>", "", buffer.getvalue(), flags=re.DOTALL)
    found = [spots(figure, *link) for link in links]
    together = Spots(
        tuple(owner for one in found for owner in one.structure),
        tuple(x for one in found for x in one.x),
        tuple(y for one in found for y in one.y),
    )
    return Drawing(name, _element(text, description), text, together, figure)


def _element(text: str, description: str) -> str:
    """Whose colours are the page's."""
    body = text[text.index(">", text.index("<svg")) + 1 :]
    body = re.sub(r'<g id="[^"]*"', "<g", body)  # nobody refers to groups, and every figure names them alike
    box = re.search(r'viewBox="([^"]+)"', text)
    for colour, variable in _VARIABLES.items():
        body = re.sub(colour, f"var(--{variable})", body, flags=re.IGNORECASE)
    body = body.replace("'DejaVu Sans', sans-serif", "var(--sans)")
    label = description.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return f'<svg viewBox="{box.group(1) if box else ""}" role="img" aria-label="{label}">{body}'
