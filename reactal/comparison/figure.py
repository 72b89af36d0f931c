"""A comparison as a figure: a learning curve for each region, and what each strategy costs against random."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from reactal.comparison.outcome import METRICS, Comparison
from reactal.comparison.records import ALL
from reactal.report.style import canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw"]

# Okabe and Ito (2008), told apart by colour-blind readers too; what the others are held against is black
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6bb1", "#7f7f7f", "#b15928", "#f0e442")
PEER = "#101113"
PANEL = 3.4  # inches
MOST_REGIONS = 4


def draw(comparison: Comparison, folder: Path, *, title: str, metric: str = "force_mae") -> list[Path]:
    """`comparison.png` and `comparison.svg` in the folder, on white."""
    regions = [name for name in comparison.regions if any(c.region == name and c.metric == metric for c in comparison.curves)]
    regions = regions[:MOST_REGIONS]
    files = [folder / f"comparison.{suffix}" for suffix in ("png", "svg")]
    with canvas(PANEL * (len(regions) + 1) + 0.6, PANEL, len(regions) + 1) as (figure, panels):
        figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
        colours = _colours(comparison)
        for panel, region in zip(panels, regions, strict=False):
            _curves(panel, comparison, metric=metric, region=region, colours=colours)
        panels[0].set_ylabel(f"{metric.replace('_', ' ').replace('mae', 'MAE')} ({METRICS[metric]})")
        _ratios(panels[-1], comparison, metric=metric, regions=regions, colours=colours)
        handles, names = panels[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=min(len(names), 8))
        for file in files:
            metadata = {"Date": None} if file.suffix == ".svg" else None  # the same figure has the same bytes
            figure.savefig(file, dpi=160, facecolor="white", metadata=metadata)
    return files


def _colours(comparison: Comparison) -> dict[str, str]:
    peer = comparison.verdicts[0].against
    others = [name for name in comparison.strategies if name != peer]
    return {peer: PEER, **{name: COLOURS[number % len(COLOURS)] for number, name in enumerate(others)}}


def _curves(panel: Axes, comparison: Comparison, *, metric: str, region: str, colours: dict[str, str]) -> None:
    panel.set_title("whole test set" if region == ALL else region)
    panel.set_xlabel("labels")
    for name, colour in colours.items():
        curve = comparison.curve(name, metric=metric, region=region)
        mean, low, high = (
            np.array([np.nan if (v := getattr(point, part)) is None else v for point in curve.points], dtype=float)
            for part in ("mean", "low", "high")
        )
        style = "--" if colour == PEER else "-"
        panel.plot(curve.labels, mean, style, color=colour, marker="o", markersize=3, linewidth=1.5, label=name)
        panel.fill_between(curve.labels, low, high, where=np.isfinite(low).tolist(), color=colour, alpha=0.1, linewidth=0)
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.set_xticks(curve.labels, [str(labels) for labels in curve.labels], rotation=45)
    panel.minorticks_off()
    _plain(panel)


def _plain(panel: Axes) -> None:
    """0.05 rather than a power of ten, at values that stand in the panel."""
    low, high = panel.get_ylim()
    steps = [m * 10.0**e for e in range(-6, 4) for m in (1, 1.5, 2, 3, 5, 7) if low <= m * 10.0**e <= high]
    panel.set_yticks(steps, [f"{value:g}" for value in steps])


def _ratios(panel: Axes, comparison: Comparison, *, metric: str, regions: list[str], colours: dict[str, str]) -> None:
    peer = comparison.verdicts[0].against
    names = [name for name in colours if name != peer]
    panel.set_title(f"labels needed, of {peer}'s")
    panel.axvline(1.0, color=PEER, linestyle="--", linewidth=1.2)
    for row, region in enumerate(regions):
        for place, name in enumerate(names):
            ratio = comparison.verdict(name, metric=metric, region=region).labels_ratio
            if ratio.mean is None:
                continue
            y = row + 0.8 * (place + 0.5) / max(len(names), 1) - 0.4
            panel.plot(ratio.mean, y, "o", color=colours[name], markersize=4)
            if ratio.low is not None and ratio.high is not None:
                panel.plot([ratio.low, ratio.high], [y, y], color=colours[name], linewidth=1.3)
    panel.set_yticks(range(len(regions)), ["all" if region == ALL else region for region in regions])
    panel.set_ylim(len(regions) - 0.5, -0.5)
    panel.set_xlabel("at equal error (95 % interval)")
