"""What a label costs, held against what it is worth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["affordable", "per_core_second"]

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]


def per_core_second(scores: Floats, cost: Floats) -> Floats:
    """Worth per core-second (n,): scores that may be negative are counted from the lowest: differences alone mean something."""
    worth = scores - min(0.0, float(scores.min(initial=0.0)))
    return np.asarray(worth / np.maximum(cost, np.finfo(float).tiny))


def affordable(rows: Rows, cost: Floats, *, budget: float) -> Rows:
    """Of rows in the order of choosing, those whose labels fit into `budget` core-seconds together: one that does not fit is
    passed over, and a cheaper one after it may still fit."""
    kept, spent = [], 0.0
    for row in rows:
        if spent + cost[row] <= budget:
            kept.append(row)
            spent += float(cost[row])
    return np.asarray(kept, dtype=np.int64)
