"""The figures in which every point is a structure: parity, uncertainty against error, and where the campaign has been."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reactal.report.data import ParityPoints, ReportData
from reactal.report.figures import WIDTH
from reactal.report.shown import MapPoints
from reactal.report.style import (
    ACCENT,
    INK,
    MODEL,
    MUTED,
    PAPER,
    TRUTH,
    Drawing,
    canvas,
    clipped,
    drawn,
    plain_log,
    quiet_legend,
)
from reactal.report.wording import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["MOST_POINTS", "energy_parity", "exploration_map", "force_parity", "uncertainty_against_error"]

MOST_POINTS = 1500  # of one cloud; a page of megabytes opens slowly and shows nothing more
TALL = 4.3  # inches
MOST_COLOURS = 40  # a longer scale would be drawn as a bitmap
LEAST = 1e-4  # eV/angstrom, what a logarithm can still show

Floats = NDArray[np.float64]
Cloud = tuple[Floats, Sequence[int]]


def energy_parity(data: ReportData) -> Drawing | None:
    """Energies of the model against the reference, trained-on and blind structures apart."""
    return _parity(data, "energy", unit="kcal/mol")


def force_parity(data: ReportData) -> Drawing | None:
    """Force components, likewise."""
    return _parity(data, "force", unit="eV/Å")


def _parity(data: ReportData, what: str, *, unit: str) -> Drawing | None:
    trained, blind = (_pairs(data, points, what) for points in (data.trained_on, data.blind))
    both = np.concatenate([trained[0], blind[0]])
    if not len(both):
        return None
    room = 0.04 * (float(np.ptp(both)) or 1.0)
    ends = (float(both.min()) - room, float(both.max()) + room)
    links: list[tuple[Axes, Floats, Sequence[int]]] = []
    words = []
    with canvas(WIDTH, TALL) as (figure, (panel,)):
        panel.plot(ends, ends, color=MUTED, linewidth=1.0, zorder=1)
        for (points, owners), colour, size, name in ((trained, MODEL, 13, "trained on"), (blind, TRUTH, 22, "not seen before")):
            if len(points):
                gaps = np.abs(points[:, 0] - points[:, 1])
                rows = _thinned(gaps)
                words.append(f"{name}: MAE {_three(float(gaps.mean()))} {unit}")
                panel.scatter(
                    points[rows, 0], points[rows, 1], s=size, color=colour, alpha=0.55, linewidths=0, zorder=3, label=words[-1]
                )
                links.insert(0, (panel, points[rows], [owners[i] for i in rows] if owners else []))
        panel.set(xlim=ends, ylim=ends, xlabel=f"reference ({unit})", ylabel=f"model ({unit})")
        panel.set_aspect("equal", adjustable="box")
        quiet_legend(panel, loc="upper left")  # a corner that a parity plot leaves empty
        kind = "Energies" if what == "energy" else "Force components"
        said = f"{kind} of the model against the reference; {'; '.join(words)}."
        return drawn(figure, name=f"parity-{what}", description=said, links=links)


def uncertainty_against_error(data: ReportData) -> Drawing | None:
    """Does the committee know when it errs? Disagreement against error, with the bound made from them."""
    pairs = data.uncertainty
    x, y = np.asarray(pairs.disagreement, dtype=float), np.asarray(pairs.error, dtype=float)
    if not len(x):
        return None
    x, y = np.maximum(x, LEAST), np.maximum(y, LEAST)
    rows = _thinned(y / x)
    with canvas(WIDTH, TALL) as (figure, (panel,)):
        ends = np.geomspace(x.min() / 1.6, x.max() * 1.6, 60)
        panel.plot(ends, ends, color=MUTED, linewidth=1.0, label="error = disagreement")
        if pairs.factor is not None:
            bound = pairs.factor * np.maximum(ends, pairs.floor)
            share = "" if pairs.coverage is None else f" {pairs.coverage:.0%}"
            panel.plot(ends, bound, color=ACCENT, label=f"conformal bound,{share}: {pairs.factor:.2g} × disagreement")
            panel.fill_between(ends, 1e-9, bound, color=ACCENT, alpha=0.09, linewidth=0)
        panel.scatter(x[rows], y[rows], s=24, color=TRUTH, alpha=0.8, linewidths=0, zorder=3, label="random structure")
        if data.trust_region.radius is not None:
            panel.axvline(data.trust_region.radius, color=INK, linestyle=(0, (4, 3)), linewidth=1.1, label="trust radius")
        panel.set(xscale="log", yscale="log", xlabel="disagreement (eV/Å)", ylabel="largest force error (eV/Å)")
        panel.set_ylim(min(y.min(), x.min()) / 1.8, max(y.max(), (pairs.factor or 1.0) * x.max()) * 6.0)
        plain_log(panel, "x")
        plain_log(panel, "y")
        quiet_legend(panel, loc="upper left")
        owners = [pairs.structures[i] for i in rows] if pairs.structures else []
        words = f"Committee disagreement against largest force error of {len(x)} random structures, with the conformal bound."
        return drawn(figure, name="uncertainty", description=words, links=[(panel, np.column_stack([x, y])[rows], owners)])


def exploration_map(data: ReportData) -> Drawing | None:
    """Where the campaign has been, coloured by the round that labelled it."""
    points = data.map
    if points is None or not points.x:
        return None
    x, y, rounds = np.asarray(points.x), np.asarray(points.y), np.asarray(points.iteration)
    with canvas(WIDTH, 4.1) as (figure, (panel,)):
        unseen = rounds < 0
        if unseen.any():
            look: dict[str, Any] = {
                "s": 7,
                "color": MUTED,
                "alpha": 0.35,
                "linewidths": 0,
                "label": "explored last, not labelled",
            }
            panel.scatter(x[unseen], y[unseen], **look)
        panel.plot(points.path_x, points.path_y, color=INK, linewidth=1.2, alpha=0.75, zorder=3, label="path of the model")
        seen = ~unseen
        if seen.any():
            _coloured(panel, np.column_stack([x, y])[seen], rounds[seen])
        _named(panel, points)
        share = [f" ({percent(value)} of variance)" for value in points.explained] + ["", ""]
        panel.set(xlabel=f"first component{share[0]}", ylabel=f"second component{share[1]}")
        panel.margins(0.07)
        quiet_legend(panel)
        words = f"Map of {int(seen.sum())} labelled structures over {len(set(rounds[seen].tolist()))} rounds, with the path."
        links = [
            (panel, np.column_stack([x, y])[part], [points.structures[i] for i in np.flatnonzero(part)])
            for part in (seen, unseen)
        ]
        return drawn(figure, name="map", description=words, links=links if points.structures else ())


def _coloured(panel: Axes, points: Floats, rounds: NDArray[np.int64]) -> None:
    import matplotlib as mpl
    from matplotlib.colors import ListedColormap, Normalize
    from matplotlib.ticker import MaxNLocator

    last = max(1, int(rounds.max()))
    steps = np.linspace(0.25, 0.92, min(last + 1, MOST_COLOURS))  # the ends of the scale vanish on black and on white
    scale = Normalize(-0.5, last + 0.5)
    middle = ListedColormap(mpl.colormaps["viridis"](steps))
    dots = panel.scatter(points[:, 0], points[:, 1], s=20, c=rounds, cmap=middle, norm=scale, alpha=0.85, linewidths=0, zorder=4)
    bar = panel.figure.colorbar(dots, ax=panel, label="round that labelled it", pad=0.02, aspect=28)
    bar.ax.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    bar.outline.set_visible(False)
    bar.solids.set_alpha(1.0) if bar.solids is not None else None


def _named(panel: Axes, points: MapPoints) -> None:
    for name, x, y in points.marks:
        panel.plot([x], [y], marker="D", markersize=7, color=PAPER, markeredgecolor=INK, markeredgewidth=1.5, zorder=6)
        around: dict[str, Any] = {"xytext": (0, 10), "textcoords": "offset points", "ha": "center", "fontsize": 9}
        panel.annotate(clipped(name), (x, y), zorder=7, fontweight="bold", **around)


def _pairs(data: ReportData, points: ParityPoints, what: str) -> Cloud:
    """Reference and model (n, 2), and whose they are."""
    columns = (getattr(points, f"{what}_reference"), getattr(points, f"{what}_model"))
    pairs: Floats = np.asarray(columns, dtype=np.float64).reshape(2, -1).T
    if what == "energy" or not points.structures:
        return pairs, points.structures
    sizes = [3 * len(data.structures[owner].numbers) for owner in points.structures]
    return pairs, np.repeat(points.structures, sizes).tolist()


def _thinned(weight: Floats) -> NDArray[np.int64]:
    """Rows in their order: all of a few, the heaviest of many and every k-th of the rest."""
    if len(weight) <= MOST_POINTS:
        return np.arange(len(weight))
    order = np.argsort(weight)[::-1]
    worst, rest = order[: MOST_POINTS // 10], order[MOST_POINTS // 10 :]
    step = -(-len(rest) // (MOST_POINTS - len(worst)))
    return np.sort(np.concatenate([worst, rest[::step]]))


def _three(value: float) -> str:
    return f"{value:.3f}" if value < 1 else f"{value:.2f}"
