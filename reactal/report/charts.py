"""Figures of what a report does not know by name: every chart is drawn by the same rules."""

from __future__ import annotations

import re
from itertools import cycle

import numpy as np

from reactal.report.data import ReportData
from reactal.report.figures import HEIGHT, WIDTH
from reactal.report.shown import Chart
from reactal.report.style import ACCENT, INK, MODEL, MUTED, TRUTH, Drawing, canvas, clipped, drawn, quiet_legend

__all__ = ["charts"]

MOST_POINTS = 1500  # of one line
MOST_LINES = 12  # more cannot be told apart


def charts(data: ReportData) -> list[tuple[Chart, Drawing]]:
    """Each chart that has a point, with its drawing."""
    return [(chart, _draw(chart, number)) for number, chart in enumerate(data.charts) if any(line.x for line in chart.lines)]


def _draw(chart: Chart, number: int) -> Drawing:
    links = []
    with canvas(WIDTH, HEIGHT) as (figure, (panel,)):
        for line, colour in zip(chart.lines[:MOST_LINES], cycle((MODEL, TRUTH, ACCENT, MUTED, INK)), strict=False):
            rows = np.unique(np.linspace(0, max(len(line.x) - 1, 0), min(len(line.x), MOST_POINTS)).astype(int))
            x, y = (np.asarray(column, dtype=float)[rows] for column in (line.x, line.y))
            doubt = 2 * np.asarray(line.spread, dtype=float)[rows] if line.spread else None
            if line.marks:
                panel.scatter(x, y, s=18, color=colour, alpha=0.65, linewidths=0, label=clipped(line.name), zorder=3)
                if doubt is not None:
                    panel.errorbar(x, y, yerr=doubt, linestyle="", color=colour, alpha=0.5, elinewidth=1.0)
            else:
                panel.plot(x, y, color=colour, linewidth=1.7, label=clipped(line.name))
                if doubt is not None:
                    panel.fill_between(x, y - doubt, y + doubt, color=colour, alpha=0.16, linewidth=0)
            if line.structures:
                links.append((panel, np.column_stack([x, y]), [line.structures[row] for row in rows]))
        if _same_unit(chart):
            ends = panel.dataLim.intervalx
            panel.plot(ends, ends, color=MUTED, linewidth=1.0, zorder=1)
        panel.set(xlabel=clipped(chart.x_label, 60), ylabel=clipped(chart.y_label, 48))
        quiet_legend(panel)
        names = ", ".join(line.name for line in chart.lines[:MOST_LINES])
        words = f"{chart.title}: {chart.y_label} against {chart.x_label}; {names}."
        return drawn(figure, name=re.sub(r"[^\w-]", "_", f"chart-{number}-{chart.name}"), description=words, links=links)


def _same_unit(chart: Chart) -> bool:
    """One quantity against the same: the diagonal says where they agree."""
    units = [re.search(r"\(([^()]+)\)$", label) for label in (chart.x_label, chart.y_label)]
    return all(units) and len({unit[1] for unit in units if unit}) == 1
