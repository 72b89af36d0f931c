"""How figures look: one palette for light and dark, text that stays text, the same bytes for the same figure.

Colours are those of Okabe and Ito (2008), told apart by colour-blind readers too. Figures are drawn in marker colours that
are replaced by CSS variables, so that the page decides what they are.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

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
    "canvas",
    "clipped",
    "quiet_legend",
    "to_svg",
]

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
    "font.size": 9.5,
    "axes.labelsize": 9.5,
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
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
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


def clipped(text: str, most: int = 28) -> str:
    """Names of any length must leave room for the figure."""
    return text if len(text) <= most else text[: most - 1] + "…"


def to_svg(figure: Figure, *, name: str, description: str) -> str:
    """As an element to put into a page. Call it inside `canvas`: the settings decide the text."""
    import matplotlib as mpl

    with mpl.rc_context({"svg.hashsalt": name}):  # ids are the same in every run and differ between figures
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = buffer.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    body = text[text.index(">", text.index("<svg")) + 1 :]
    body = re.sub(r'<g id="[^"]*"', "<g", body)  # nobody refers to groups, and every figure names them alike
    box = re.search(r'viewBox="([^"]+)"', text)
    for drawn, variable in _VARIABLES.items():
        body = re.sub(drawn, f"var(--{variable})", body, flags=re.IGNORECASE)
    body = body.replace("'DejaVu Sans', sans-serif", "var(--sans)")
    label = description.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return f'<svg viewBox="{box.group(1) if box else ""}" role="img" aria-label="{label}">{body}'
