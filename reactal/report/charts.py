"""Figures of what a report does not know by name: every chart is drawn by the same rules."""

from __future__ import annotations

import re
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from reactal.report.data import ReportData
from reactal.report.figures import HEIGHT, WIDTH
from reactal.report.shown import Chart, Line
from reactal.report.style import ACCENT, INK, MODEL, MUTED, TRUTH, Drawing, canvas, clipped, drawn, quiet_legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["charts"]

Floats = NDArray[np.float64]

MOST_POINTS = 1500  # of one line
MOST_LINES = 12  # more cannot be told apart
CROWDED = 3  # names; more of them stand below the figure
COLOURS = (MODEL, TRUTH, ACCENT, MUTED, INK)


def charts(data: ReportData) -> list[tuple[Chart, Drawing]]:
    """Each chart that has a point, with its drawing."""
    return [(chart, _draw(chart, number)) for number, chart in enumerate(data.charts) if any(line.x for line in chart.lines)]


def _draw(chart: Chart, number: int) -> Drawing:
    shown = chart.lines[:MOST_LINES]
    names = tuple(dict.fromkeys(line.name for line in shown))
    colours = dict(zip(names, cycle(COLOURS), strict=False))  # lines of one name are one kind
    outside = len(names) > CROWDED
    links = []
    with canvas(WIDTH, HEIGHT + (0.2 * -(-len(names) // 2) if outside else 0.0)) as (figure, (panel,)):
        for line in shown:
            x, y = _line(panel, line, colours[line.name])
            rows = _rows(line)
            if line.structures:
                links.append((panel, np.column_stack([x, y]), [line.structures[row] for row in rows]))
        panel.ticklabel_format(useOffset=False)
        if _same_unit(chart):
            _diagonal(panel, square=_of_the_same(chart))
        panel.set(xlabel=clipped(chart.x_label, 60), ylabel=clipped(chart.y_label, 48))
        _legend(figure, panel, outside=outside)
        words = f"{chart.title}: {chart.y_label} against {chart.x_label}; {', '.join(names)}."
        return drawn(figure, name=re.sub(r"[^\w-]", "_", f"chart-{number}-{chart.name}"), description=words, links=links)


def _rows(line: Line) -> NDArray[np.int64]:
    return np.unique(np.linspace(0, max(len(line.x) - 1, 0), min(len(line.x), MOST_POINTS)).astype(np.int64))


def _line(panel: Axes, line: Line, colour: str) -> tuple[Floats, Floats]:
    """What was drawn of it: x and y."""
    rows = _rows(line)
    x, y = (np.asarray(column, dtype=np.float64)[rows] for column in (line.x, line.y))
    doubt = 2 * np.asarray(line.spread, dtype=np.float64)[rows] if line.spread else None
    if line.marks:
        panel.scatter(x, y, s=18, color=colour, alpha=0.65, linewidths=0, label=clipped(line.name), zorder=3)
        if doubt is not None:
            panel.errorbar(x, y, yerr=doubt, linestyle="", color=colour, alpha=0.5, elinewidth=1.0)
    else:
        panel.plot(x, y, color=colour, linewidth=1.7, label=clipped(line.name))
        if doubt is not None:
            panel.fill_between(x, y - doubt, y + doubt, color=colour, alpha=0.16, linewidth=0)
    return x, y


def _diagonal(panel: Axes, *, square: bool) -> None:
    """On which both agree; `square`: the same span both ways, also for a single point."""
    ends = np.concatenate([panel.dataLim.intervalx, panel.dataLim.intervaly])
    ends = ends[np.isfinite(ends)]
    if not len(ends):
        return
    low, high = float(ends.min()), float(ends.max())
    room = 0.05 * max(high - low, abs(high), abs(low)) or 1.0
    span = (low - room, high + room)
    seen = (span, span) if square else (panel.get_xlim(), panel.get_ylim())
    panel.plot(span, span, color=MUTED, linewidth=1.0, zorder=1)
    panel.set(xlim=seen[0], ylim=seen[1])


def _legend(figure: Figure, panel: Axes, *, outside: bool) -> None:
    """Each name once; below the figure where there are many."""
    named = dict(zip(*reversed(panel.get_legend_handles_labels()), strict=True))
    if len(named) < 2:  # nothing to tell apart
        return
    if not outside:
        quiet_legend(panel, handles=list(named.values()), labels=list(named))
        return
    figure.legend(named.values(), named, loc="outside lower center", ncols=2, frameon=False, handlelength=1.6, fontsize=9)


def _of_the_same(chart: Chart) -> bool:
    """What the model and what the reference says of one quantity."""
    return "reference" in chart.x_label and "model" in chart.y_label


def _same_unit(chart: Chart) -> bool:
    """The diagonal says where they agree."""
    units = [re.search(r"\(([^()]+)\)$", label) for label in (chart.x_label, chart.y_label)]
    return all(units) and len({unit[1] for unit in units if unit}) == 1
