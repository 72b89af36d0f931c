"""Whether doubt means error: reliability diagrams, and how often bounds hold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reactal.validation.base import Column, Curve, Table

__all__ = ["coverage_table", "rank_correlation", "reliability_curves"]

Floats = NDArray[np.float64]
CHAPTER = "uncertainty"
BINS = 8
LEVELS = (0.5, 0.68, 0.8, 0.9, 0.95)


def rank_correlation(disagreement: Floats, error: Floats) -> float:
    """Spearman's: 1 where the structures in doubt are those in error; NaN for fewer than three."""
    from scipy.stats import spearmanr

    if len(error) < 3 or np.ptp(disagreement) == 0 or np.ptp(error) == 0:
        return float("nan")
    return float(spearmanr(disagreement, error).statistic)


def reliability_curves(disagreement: Floats, error: Floats, *, keys: tuple[str, ...] = ()) -> tuple[Curve, ...]:
    """Each structure's disagreement and largest force error (n,), eV/angstrom, and in bins of equal count the mean of the one
    against the root mean square of the other: on the diagonal, doubt is the error to expect."""
    x, y = Column("disagreement", "eV/Å"), Column("largest force error", "eV/Å")
    order = np.argsort(disagreement)
    bins = [part for part in np.array_split(order, min(BINS, max(1, len(order) // 3))) if len(part)]
    title = "Doubt and error"
    points = Curve(
        "reliability", CHAPTER, title, "structures", x, y, _listed(disagreement), _listed(error), marks=True, keys=keys
    )
    binned = Curve(
        "reliability",
        CHAPTER,
        title,
        "mean of equal parts",
        x,
        y,
        tuple(float(disagreement[part].mean()) for part in bins),
        tuple(float(np.sqrt(np.square(error[part]).mean())) for part in bins),
    )
    return points, binned


def coverage_table(ratio: Floats, *, known: tuple[tuple[float, float], ...] = ()) -> Table:
    """ratio (n,): error over disagreement. A bound for each level is made from one half (every other structure) and counted on
    the other, both ways; `known` are (level, share) of bounds that the model came with."""
    rows: list[tuple[str | float | int | None, ...]] = [("the model's own", level, share, len(ratio)) for level, share in known]
    for level in LEVELS:
        shares = []
        for made, held in ((ratio[::2], ratio[1::2]), (ratio[1::2], ratio[::2])):
            rank = int(np.ceil((len(made) + 1) * level - 1e-9))  # split-conformal: Vovk, Gammerman, Shafer (2005)
            if 0 < rank <= len(made) and len(held):
                shares.append(float((held <= np.partition(made, rank - 1)[rank - 1]).mean()))
        if len(shares) == 2:
            rows.append(("made here from the other half", level, float(np.mean(shares)), len(ratio)))
    columns = (Column("bound"), Column("promised"), Column("observed"), Column("structures"))
    return Table("coverage", CHAPTER, "How often the force error stays below its bound", columns, tuple(rows))


def _listed(values: Floats) -> tuple[float, ...]:
    return tuple(np.asarray(values, dtype=np.float64).tolist())
