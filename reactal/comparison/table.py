"""A comparison in words and rows: Markdown that says what was seen, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence

from reactal.comparison.curves import Interval
from reactal.comparison.outcome import METRICS, Comparison, Verdict
from reactal.comparison.records import ALL

__all__ = ["markdown", "sentence"]


def markdown(comparison: Comparison, *, title: str, notes: Sequence[str] = ()) -> str:
    """A table for each metric and region."""
    seeds = len(comparison.seeds)
    peer = comparison.verdicts[0].against
    lines = [
        f"# {title}",
        "",
        f"{seeds} seed{'' if seeds == 1 else 's'}; every strategy of a seed begins with the same labels and is trained alike. "
        f"*Labels against {peer}*: labels needed over those that {peer} needs for the same error, the best that both reach, as "
        "geometric mean over seeds with its 95 % interval (bootstrap, paired over seeds); below one is better. *Area*: the mean "
        "error over the budget.",
    ]
    lines += ["", *(f"- {note}" for note in notes)] if notes else []
    for metric, unit in METRICS.items():
        for region, rows in comparison.regions.items():
            verdicts = [v for v in comparison.verdicts if (v.metric, v.region) == (metric, region)]
            if verdicts:
                where = "all of the test set" if region == ALL else region
                lines += ["", f"## {metric.replace('_', ' ').replace('mae', 'MAE')}, {unit}: {where} ({rows} structures)", ""]
                lines += _table(comparison, verdicts)
    return "\n".join(lines) + "\n"


def sentence(name: str, peer: str, ratio: Interval) -> str:
    """What can be said of a strategy: fewer labels, more, or cannot be told."""
    if ratio.mean is None:
        return f"{name}: nothing can be said"
    told = f"{name} needs {ratio.mean:.2f} of the labels of {peer}"
    if ratio.low is None or ratio.high is None:
        return f"{told}; {ratio.n} seeds are too few for an interval"
    sure = f"95 % interval {ratio.low:.2f} to {ratio.high:.2f}"
    if ratio.low <= 1.0 <= ratio.high:
        return f"{told} ({sure}: no difference can be told)"
    return f"{told} ({sure})"


def _table(comparison: Comparison, verdicts: Sequence[Verdict]) -> list[str]:
    first = comparison.curve(verdicts[0].strategy, metric=verdicts[0].metric, region=verdicts[0].region)
    shown = first.labels if len(first.labels) <= 6 else (*first.labels[:: max(1, len(first.labels) // 5)][:5], first.labels[-1])
    target = verdicts[0].target
    head = ["strategy", *(f"{labels} labels" for labels in shown), "area", f"labels against {verdicts[0].against}"]
    head += [f"labels until {target:.3g}", "seconds"]
    rows = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for verdict in verdicts:
        curve = comparison.curve(verdict.strategy, metric=verdict.metric, region=verdict.region)
        points = dict(zip(curve.labels, curve.points, strict=True))
        spent = comparison.seconds[verdict.strategy]
        cells = [verdict.strategy, *(_number(points[labels]) for labels in shown), _number(verdict.area)]
        cells += ["1" if verdict.strategy == verdict.against else _number(verdict.labels_ratio, digits=2), _reached(verdict)]
        cells += [f"{spent['train'] + spent['choose']:.0f}"]
        rows.append("| " + " | ".join(cells) + " |")
    return rows


def _number(value: Interval, *, digits: int = 3) -> str:
    if value.mean is None:
        return "–"
    if value.low is None or value.high is None:
        return f"{value.mean:.{digits}f}"
    return f"{value.mean:.{digits}f} [{value.low:.{digits}f}, {value.high:.{digits}f}]"


def _reached(verdict: Verdict) -> str:
    mean, seeds = verdict.to_target.mean, verdict.final.n
    if mean is None:
        return f"not reached in {seeds} seeds"
    return f"{mean:.0f}" if verdict.reached == seeds else f"{mean:.0f} ({verdict.reached} of {seeds} seeds)"
