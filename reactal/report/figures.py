"""The figures in which the campaign itself is followed; None where there is nothing to draw yet.

All are of one width, so that they stand two and two on a screen, one above the other on a telephone,
and in a column of a paper."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reactal.report.data import ReportData
from reactal.report.style import (
    ACCENT,
    LINE,
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
from reactal.report.wording import money, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["WIDTH", "barrier_curve", "control_curve", "cost_by_stage", "force_curve", "path_profile"]

WIDTH, HEIGHT = 4.9, 3.7  # inches
FINE = 24  # points of a smooth line between two images

Floats = NDArray[np.float64]


def force_curve(data: ReportData) -> Drawing | None:
    """Error of the random arm against the labels paid for."""
    rows, limit = data.iterations, data.random_arm.limit
    dots = np.array([(row.labels, error) for row in rows for error in row.arm_errors], dtype=float).reshape(-1, 2)
    means = [(r.labels, r.arm_mae, r.arm_low, r.arm_high) for r in rows if r.arm_mae is not None]
    if not (len(dots) or means):
        return None
    words = "Force error on structures drawn at random against labels asked for"
    with canvas(WIDTH, HEIGHT) as (figure, (panel,)):
        if len(dots):
            panel.scatter(dots[:, 0], dots[:, 1], s=16, color=MODEL, alpha=0.4, linewidths=0, label="one structure")
        if means:
            x, mean, low, high = np.array(means, dtype=float).T
            panel.plot(x, mean, color=MODEL, marker="o", markersize=4, label="mean of the recent ones")
            panel.fill_between(x, low, high, where=np.isfinite(low), color=MODEL, alpha=0.16, linewidth=0, label="95 % interval")
            words += f": from {number(mean[0], 3)} at {x[0]:.0f} labels to {number(mean[-1], 3)} eV/Å at {x[-1]:.0f}"
        if limit is not None:
            panel.axhline(limit, color=MUTED, linestyle=(0, (4, 3)), linewidth=1.1)
            place: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "ha": "right", "va": "bottom"}
            panel.annotate("limit", (1.0, limit), color=MUTED, fontsize=9, **place)
        panel.set(yscale="log", xlabel="labels asked for", ylabel="force MAE (eV/Å)")
        plain_log(panel, "y")
        quiet_legend(panel)
        return drawn(figure, name="learning", description=f"{words}.")


def barrier_curve(data: ReportData) -> Drawing | None:
    """Error of the barrier at the model's saddle against the labels paid for."""
    tolerance = data.barrier_tolerance_kcal
    known = [(r.labels, r.barrier_error_kcal, r.focus) for r in data.iterations if r.barrier_error_kcal is not None]
    if not known:
        return None
    points = np.array(known, dtype=float)
    with canvas(WIDTH, HEIGHT) as (figure, (panel,)):
        if tolerance is not None:
            panel.axhspan(-tolerance, tolerance, color=TRUTH, alpha=0.13, linewidth=0, label=f"tolerance ±{tolerance:g}")
        panel.axhline(0.0, color=MUTED, linewidth=0.9)
        panel.plot(points[:, 0], points[:, 1], color=TRUTH, linewidth=1.4)
        wide, focus = points[points[:, 2] == 0], points[points[:, 2] == 1]
        panel.scatter(wide[:, 0], wide[:, 1], s=26, color=TRUTH, zorder=3, label="round")
        if len(focus):
            hollow: dict[str, Any] = {"color": PAPER, "edgecolors": TRUTH, "linewidths": 1.5}
            panel.scatter(focus[:, 0], focus[:, 1], s=30, zorder=3, label="focus round", **hollow)
        if np.abs(points[:, 1]).max() > 20 * (tolerance or 1.0):
            panel.set_yscale("symlog", linthresh=2 * (tolerance or 1.0))  # the first rounds must not flatten the last
            plain_log(panel, "y")
        panel.set(xlabel="labels asked for", ylabel="model − reference (kcal/mol)")
        quiet_legend(panel)
        words = f"Barrier error at the model's saddle: {number(points[0, 1])} kcal/mol at {points[0, 0]:.0f} labels"
        return drawn(figure, name="barrier", description=f"{words}, {number(points[-1, 1])} at {points[-1, 0]:.0f}.")


def path_profile(data: ReportData) -> Drawing | None:
    """Energy along the path: the committee and its spread, with the reference where it was computed."""
    path = data.path
    if not path.progress:
        return None
    x, y, spread = (np.asarray(column, dtype=float) for column in (path.progress, path.model_kcal, path.spread_kcal))
    at, truth = np.asarray(path.labelled_progress, dtype=float), np.asarray(path.labelled_kcal, dtype=float)
    with canvas(WIDTH, HEIGHT) as (figure, (panel,)):
        fine, line, band = _smooth(x, y, spread)
        panel.fill_between(fine, line - 2 * band, line + 2 * band, color=MODEL, alpha=0.18, linewidth=0, label="committee ± 2σ")
        panel.plot(fine, line, color=MODEL)
        panel.plot(x, y, color=MODEL, linestyle="", marker="o", markersize=3.6, label="model")
        for here, said, true in zip(at, path.labelled_model_kcal, truth, strict=False):
            panel.plot([here, here], [said, true], color=TRUTH, linewidth=1.3, zorder=3)
        hollow: dict[str, Any] = {"color": PAPER, "edgecolors": TRUTH, "linewidths": 1.6, "zorder": 4}
        panel.scatter(at, truth, s=38, label=f"reference, {clipped(data.theory)}", **hollow)
        above: dict[str, Any] = {"xytext": (0, 8), "textcoords": "offset points", "ha": "center", "fontsize": 9}
        last = {name: point for name, *point in zip(path.names, at, truth, strict=False)}  # each name once, or they would pile up
        for name, point in last.items():
            panel.annotate(clipped(name), tuple(point), **above)
        panel.margins(y=0.16)
        panel.set(xlabel="progress along the path (Å)", ylabel="energy relative to reactant (kcal/mol)")
        quiet_legend(panel)
        links = [
            (panel, np.column_stack([at, truth]), path.labelled_structures),
            (panel, np.column_stack([x, y]), path.structures),
        ]
        return drawn(figure, name="path", description=_path_in_words(x, y, references=len(at)), links=links)


def _path_in_words(x: Floats, y: Floats, *, references: int) -> str:
    top = int(np.argmax(y))
    highest = f"highest {number(float(y[top]), 1)} kcal/mol at {number(float(x[top]))} Å"
    return f"Energy along the reaction path: {len(x)} images, {highest}, with {references} reference energies."


def _smooth(x: Floats, *columns: Floats) -> tuple[Floats, ...]:
    """x and the columns between the images, without new maxima; as they are where two images coincide."""
    from scipy.interpolate import PchipInterpolator

    if len(x) < 3 or not (np.diff(x) > 0).all():
        return (x, *columns)
    fine = np.linspace(x[0], x[-1], FINE * (len(x) - 1) + 1)
    return (fine, *(np.asarray(PchipInterpolator(x, column)(fine)) for column in columns))


def control_curve(data: ReportData) -> Drawing | None:
    """The same test's error of models trained on what was chosen and on what was drawn at random, where both are known."""
    control = data.control
    if control is None or not control.labels:
        return None
    with canvas(WIDTH, HEIGHT) as (figure, (panel,)):
        panel.plot(control.labels, control.force_mae, color=MUTED, marker="s", markersize=4, label="drawn at random")
        panel.plot(control.active_labels, control.active_force_mae, color=MODEL, marker="o", markersize=4, label="chosen")
        panel.set(yscale="log", xlabel="labels", ylabel="force MAE (eV/Å)")
        plain_log(panel, "y")
        quiet_legend(panel)
        saved = "" if control.saved is None else f" Choosing saved {number(control.saved, 0)} labels."
        words = f"Force error against labels of models trained on chosen and on random structures.{saved}"
        return drawn(figure, name="control", description=words)


def cost_by_stage(data: ReportData) -> Drawing | None:
    """Where the time and the labels went."""
    stages = [stage for stage in data.stages if stage.seconds > 0 or stage.labels]
    if not stages:
        return None
    names = [clipped(stage.stage) for stage in stages][::-1]
    paid = any(stage.money for stage in stages)
    with canvas(WIDTH, 1.5 + 0.36 * len(names), 2 + paid, sharey=True) as (figure, panels):
        seconds, labels = [s.seconds for s in stages][::-1], [float(s.labels) for s in stages][::-1]
        _bars(panels[0], names, seconds, title="Seconds", colour=MODEL)
        _bars(panels[1], names, labels, title="Labels", colour=TRUTH)
        if paid:
            _bars(panels[2], names, [s.money for s in stages][::-1], title="Price", colour=ACCENT, said=money, least=0.0)
        words = "; ".join(f"{stage.stage} {stage.seconds:.0f} s, {stage.labels} labels" for stage in stages)
        spent = f"; labels cost {money(sum(stage.money for stage in stages))} by the price table" if paid else ""
        return drawn(figure, name="cost", description=f"Seconds and labels by stage: {words}{spent}.")


def _bars(
    panel: Axes,
    names: list[str],
    values: list[float],
    *,
    title: str,
    colour: str,
    said: Callable[[float], str] = "{:.0f}".format,
    least: float = 1.0,
) -> None:
    """`said`: what stands beside a bar; an axis is at least so long."""
    panel.barh(names, values, height=0.62, color=colour, linewidth=0)
    for row, value in enumerate(values):
        panel.annotate(said(value), (value, row), xytext=(4, 0), textcoords="offset points", va="center", fontsize=8.5)
    panel.set_title(title)
    panel.set_xlim(0, 1.4 * max(*values, least))
    panel.grid(visible=False)
    panel.spines[["bottom", "left"]].set_visible(False)
    panel.tick_params(length=0, labelbottom=False)
    panel.axvline(0.0, color=LINE, linewidth=1.0)
