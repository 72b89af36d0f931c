"""The figures of a report, each an SVG element; an empty text where there is nothing to draw yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reactal.report.data import IterationRow, ParityPoints, ReportData
from reactal.report.style import ACCENT, INK, LINE, MODEL, MUTED, PAPER, TRUTH, canvas, clipped, quiet_legend, to_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["MOST_POINTS", "cost_by_stage", "learning_curve", "parity", "path_profile", "uncertainty_against_error"]

MOST_POINTS = 2500  # of one cloud; a page of megabytes opens slowly and shows nothing more
WIDE, HALF = 9.6, 4.9  # inches

Floats = NDArray[np.float64]


def learning_curve(data: ReportData) -> str:
    """Error of the random arm and of the barrier against the labels paid for."""
    rows = data.iterations
    if not any(row.arm_errors or row.arm_mae is not None or row.barrier_error_kcal is not None for row in rows):
        return ""
    with canvas(WIDE, 3.3, 2) as (figure, (force, barrier)):
        _arm_panel(force, rows, limit=data.random_arm.limit)
        _barrier_panel(barrier, rows, tolerance=data.barrier_tolerance_kcal)
        for panel in (force, barrier):
            panel.set_xlabel("labels asked for")
        return to_svg(figure, name="learning", description="Random-arm force error and barrier error against labels")


def _arm_panel(panel: Axes, rows: tuple[IterationRow, ...], *, limit: float | None) -> None:
    panel.set_title("Force error on structures drawn at random")
    panel.set_ylabel("force MAE (eV/Å)")
    dots = np.array([(row.labels, error) for row in rows for error in row.arm_errors], dtype=float).reshape(-1, 2)
    if len(dots):
        panel.scatter(dots[:, 0], dots[:, 1], s=16, color=MODEL, alpha=0.4, linewidths=0, label="one structure")
    means = [(r.labels, r.arm_mae, r.arm_low, r.arm_high) for r in rows if r.arm_mae is not None]
    if means:
        x, mean, low, high = np.array(means, dtype=float).T
        panel.plot(x, mean, color=MODEL, marker="o", markersize=4, label="mean of the recent ones")
        panel.fill_between(x, low, high, where=np.isfinite(low), color=MODEL, alpha=0.16, linewidth=0, label="95 % interval")
    if limit is not None:
        panel.axhline(limit, color=MUTED, linestyle=(0, (4, 3)), linewidth=1.1)
        place: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "ha": "right", "va": "bottom"}
        panel.annotate("limit", (1.0, limit), color=MUTED, fontsize=8.5, **place)
    if len(dots) or means:
        panel.set_yscale("log")
        _plain_log(panel, "y")
    quiet_legend(panel)


def _barrier_panel(panel: Axes, rows: tuple[IterationRow, ...], *, tolerance: float | None) -> None:
    panel.set_title("Barrier error at the model's saddle")
    panel.set_ylabel("model − reference (kcal/mol)")
    points = np.array([(r.labels, r.barrier_error_kcal, r.focus) for r in rows if r.barrier_error_kcal is not None], dtype=float)
    points = points.reshape(-1, 3)
    if tolerance is not None:
        panel.axhspan(-tolerance, tolerance, color=TRUTH, alpha=0.13, linewidth=0, label=f"tolerance ±{tolerance:g}")
    panel.axhline(0.0, color=MUTED, linewidth=0.9)
    panel.plot(points[:, 0], points[:, 1], color=TRUTH, linewidth=1.4)
    wide, focus = points[points[:, 2] == 0], points[points[:, 2] == 1]
    panel.scatter(wide[:, 0], wide[:, 1], s=26, color=TRUTH, zorder=3, label="round")
    if len(focus):
        hollow: dict[str, Any] = {"color": PAPER, "edgecolors": TRUTH, "linewidths": 1.5}
        panel.scatter(focus[:, 0], focus[:, 1], s=30, zorder=3, label="focus round", **hollow)
    if len(points) and np.abs(points[:, 1]).max() > 20 * (tolerance or 1.0):
        panel.set_yscale("symlog", linthresh=2 * (tolerance or 1.0))  # the first rounds must not flatten the last
        _plain_log(panel, "y")
    quiet_legend(panel)


def path_profile(data: ReportData) -> str:
    """Energy along the path: the committee and its spread, with the reference where it was computed."""
    path = data.path
    if not path.progress:
        return ""
    x, y, spread = (np.asarray(column, dtype=float) for column in (path.progress, path.model_kcal, path.spread_kcal))
    with canvas(WIDE, 3.9) as (figure, (panel,)):
        panel.fill_between(x, y - 2 * spread, y + 2 * spread, color=MODEL, alpha=0.18, linewidth=0, label="committee ± 2σ")
        panel.plot(x, y, color=MODEL, marker="o", markersize=3.2, label="model")
        at, truth = np.asarray(path.labelled_progress, dtype=float), np.asarray(path.labelled_kcal, dtype=float)
        panel.scatter(
            at, truth, s=48, color=PAPER, edgecolors=TRUTH, linewidths=1.8, zorder=4, label=f"reference, {clipped(data.theory)}"
        )
        above: dict[str, Any] = {"xytext": (0, 9), "textcoords": "offset points", "ha": "center", "fontsize": 8.5}
        last = {name: point for name, *point in zip(path.names, at, truth, strict=False)}  # each name once, or they would pile up
        for name, point in last.items():
            panel.annotate(clipped(name), tuple(point), **above)
        panel.margins(y=0.14)
        panel.set_xlabel("progress along the path (Å)")
        panel.set_ylabel("energy relative to reactant (kcal/mol)")
        quiet_legend(panel)
        return to_svg(figure, name="path", description="Energy along the reaction path, model against reference")


def parity(data: ReportData) -> str:
    """Model against reference, trained-on and blind structures apart."""
    if not (data.trained_on.energy_reference or data.blind.energy_reference):
        return ""
    with canvas(WIDE, 4.5, 2) as (figure, (energy, force)):
        for panel, what, title, unit in (
            (energy, "energy", "Energies", "kcal/mol"),
            (force, "force", "Force components", "eV/Å"),
        ):
            panel.set_title(title)
            _parity_panel(panel, _pairs(data.trained_on, what), _pairs(data.blind, what), unit=unit)
        return to_svg(figure, name="parity", description="Energies and forces of the model against the reference")


def _parity_panel(panel: Axes, trained: Floats, blind: Floats, *, unit: str) -> None:
    both = np.concatenate([trained, blind])
    low, high = (float(both.min()), float(both.max())) if len(both) else (0.0, 1.0)
    room = 0.04 * (high - low or 1.0)
    ends = (low - room, high + room)
    panel.plot(ends, ends, color=MUTED, linewidth=1.0, zorder=1)
    clouds = ((trained, MODEL, 13, "trained on"), (blind, TRUTH, 22, "not seen before"))
    for points, colour, size, name in clouds:
        if len(points):
            mae = float(np.abs(points[:, 0] - points[:, 1]).mean())
            shown = _thinned(points)
            label = f"{name}: MAE {_three(mae)} {unit}"
            panel.scatter(shown[:, 0], shown[:, 1], s=size, color=colour, alpha=0.55, linewidths=0, zorder=3, label=label)
    panel.set(xlim=ends, ylim=ends, xlabel=f"reference ({unit})", ylabel=f"model ({unit})")
    panel.set_aspect("equal", adjustable="box")
    quiet_legend(panel, loc="lower right")  # the corner that a parity plot leaves empty


def uncertainty_against_error(data: ReportData) -> str:
    """Does the committee know when it errs? Disagreement against error, with the bound made from them."""
    pairs = data.uncertainty
    x, y = np.asarray(pairs.disagreement, dtype=float), np.asarray(pairs.error, dtype=float)
    if not len(x):
        return ""
    x, y = np.maximum(x, 1e-4), np.maximum(y, 1e-4)
    with canvas(HALF, 4.1) as (figure, (panel,)):
        ends = np.geomspace(x.min() / 1.6, x.max() * 1.6, 60)
        panel.plot(ends, ends, color=MUTED, linewidth=1.0, label="error = disagreement")
        if pairs.factor is not None:
            bound = pairs.factor * np.maximum(ends, pairs.floor)
            share = "" if pairs.coverage is None else f" {pairs.coverage:.0%}"
            panel.plot(ends, bound, color=ACCENT, label=f"conformal bound,{share}: {pairs.factor:.2g} × disagreement")
            panel.fill_between(ends, 1e-9, bound, color=ACCENT, alpha=0.09, linewidth=0)
        panel.scatter(x, y, s=24, color=TRUTH, alpha=0.8, linewidths=0, zorder=3, label="random structure")
        if data.trust_region.radius is not None:
            panel.axvline(data.trust_region.radius, color=INK, linestyle=(0, (4, 3)), linewidth=1.1, label="trust radius")
        panel.set(xscale="log", yscale="log", xlabel="disagreement (eV/Å)", ylabel="largest force error (eV/Å)")
        panel.set_ylim(min(y.min(), x.min()) / 1.8, max(y.max(), (pairs.factor or 1.0) * x.max()) * 2.6)
        _plain_log(panel, "x")
        _plain_log(panel, "y")
        quiet_legend(panel, loc="upper left")
        return to_svg(figure, name="uncertainty", description="Committee disagreement against force error, with conformal bound")


def cost_by_stage(data: ReportData) -> str:
    """Where the time and the labels went."""
    stages = [stage for stage in data.stages if stage.seconds > 0 or stage.labels]
    if not stages:
        return ""
    names = [clipped(stage.stage) for stage in stages][::-1]
    with canvas(HALF, 1.5 + 0.36 * len(names), 2, sharey=True) as (figure, panels):
        seconds, labels = [s.seconds for s in stages][::-1], [float(s.labels) for s in stages][::-1]
        _bars(panels[0], names, seconds, title="Seconds", colour=MODEL)
        _bars(panels[1], names, labels, title="Labels", colour=TRUTH)
        return to_svg(figure, name="cost", description="Seconds and labels by stage")


def _bars(panel: Axes, names: list[str], values: list[float], *, title: str, colour: str) -> None:
    panel.barh(names, values, height=0.62, color=colour, linewidth=0)
    for row, value in enumerate(values):
        panel.annotate(f"{value:.0f}", (value, row), xytext=(4, 0), textcoords="offset points", va="center", fontsize=8.5)
    panel.set_title(title)
    panel.set_xlim(0, 1.22 * max(*values, 1.0))
    panel.grid(visible=False)
    panel.spines[["bottom", "left"]].set_visible(False)
    panel.tick_params(length=0, labelbottom=False)
    panel.axvline(0.0, color=LINE, linewidth=1.0)


def _pairs(points: ParityPoints, what: str) -> Floats:
    columns = (getattr(points, f"{what}_reference"), getattr(points, f"{what}_model"))
    pairs: Floats = np.asarray(columns, dtype=np.float64).reshape(2, -1).T
    return pairs


def _thinned(points: Floats) -> Floats:
    """Every k-th by distance from the diagonal, so that the outliers stay."""
    if len(points) <= MOST_POINTS:
        return points
    order = np.argsort(np.abs(points[:, 0] - points[:, 1]))[::-1]
    worst, rest = order[: MOST_POINTS // 10], order[MOST_POINTS // 10 :]
    step = -(-len(rest) // (MOST_POINTS - len(worst)))
    return np.asarray(points[np.concatenate([worst, rest[::step]])])


def _plain_log(panel: Axes, axis: str) -> None:
    """0.05 rather than 10^-2 and half a tick."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    which = panel.xaxis if axis == "x" else panel.yaxis
    if panel.get_xscale() == "log" if axis == "x" else panel.get_yscale() == "log":
        which.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    which.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", "−")))
    which.set_minor_formatter(NullFormatter())


def _three(value: float) -> str:
    return f"{value:.3f}" if value < 1 else f"{value:.2f}"
