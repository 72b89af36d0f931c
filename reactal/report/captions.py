"""What stands below each figure: what it shows, and how far to trust it."""

from __future__ import annotations

from reactal.report.clouds import MOST_POINTS
from reactal.report.data import ParityPoints, ReportData
from reactal.report.shown import DISTANCES, Chart
from reactal.report.wording import duration, number, percent

__all__ = ["BARRIER", "LEARNING", "chart", "control", "cost", "exploration", "parity", "path", "uncertainty"]

LEARNING = (
    "Structures drawn by lot from what was explored, and predicted before they were labelled: an honest error, and the control "
    "of what was chosen."
)
BARRIER = "The saddle of each model, predicted before its label was known."
_CLICK = " Click a point to see its structure."


def control(data: ReportData) -> str:
    """Of the curve against random choice."""
    saved = None if data.control is None else data.control.saved
    said = "" if saved is None else f" For the same error it needed {number(saved, 0)} labels less."
    return f"The same test, the same budget: models trained on what was chosen, and on structures drawn at random.{said}"


def path(data: ReportData) -> str:
    """Of the path profile."""
    return (
        "The minimum-energy path of the model. Rings are reference energies of labelled structures on it or close to it; a bar "
        "leads from each to what the model says of the same structure." + (_CLICK if data.path.structures else "")
    )


def parity(data: ReportData, what: str) -> str:
    """Of a parity plot of `energy` or `force`, with what was left out."""
    words = "Blue: what the model was trained on. Orange: not seen when it was predicted; only that tells how good it is."
    for points, name in ((data.trained_on, "trained on"), (data.blind, "not seen before")):
        words += _thinned(points, what, name)
    return words + (_CLICK if data.trained_on.structures or data.blind.structures else "")


def _thinned(points: ParityPoints, what: str, name: str) -> str:
    predicted, drawn = len(points.energy_reference), len(getattr(points, f"{what}_reference"))
    words = f" Of {points.of} structures {name}, {predicted} spread evenly were predicted." if points.of > predicted else ""
    if drawn > MOST_POINTS:
        words += f" Of {drawn} points {name} about {MOST_POINTS} are drawn, the worst among them; the MAE is of all."
    return words


def exploration(data: ReportData) -> str:
    """Of the map."""
    space = DISTANCES if data.map is None else data.map.space
    alike = "in shape" if space == DISTANCES else "to the model"
    words = (
        f"Each structure in the two directions in which the structures differ most (principal components of {space}): near on "
        f"the map is alike {alike}."
    )
    if data.map is not None and data.map.thinned_from > len(data.map.x):
        words += f" {len(data.map.x)} of {data.map.thinned_from} structures are drawn, spread evenly."
    return words + (_CLICK if data.map is not None and data.map.structures else "")


def uncertainty(data: ReportData) -> str:
    """Of the plot of disagreement against error."""
    trust = data.trust_region
    kept = (
        f"Of {trust.observed_points} points that came after the calibration in force at their time, "
        f"{percent(trust.observed_coverage)} were within the bound; {percent(trust.target_coverage)} were asked for."
        if trust.observed_coverage is not None
        else "No points have come after a calibration yet, so its coverage is not known."
    )
    return f"Random structures only. {kept}" + (_CLICK if data.uncertainty.structures else "")


def cost(data: ReportData) -> str:
    """Of the bars by stage."""
    return f"{duration(data.wall_seconds)} of wall time in all; labels took {duration(data.labels.core_seconds)} of core time."


def chart(chart: Chart) -> str:
    """Of a figure that the report does not know by name."""
    bands, bars = (any(line.spread and line.marks is marks for line in chart.lines) for marks in (False, True))
    words = "The band is two standard deviations of the committee." if bands else ""
    words = "Bars are two standard deviations of the committee." if bars else words
    return words + (_CLICK if any(line.structures for line in chart.lines) else "")
