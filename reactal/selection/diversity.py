"""Farthest-point sampling: a batch whose structures tell different things.

Gonzalez, Theor. Comput. Sci. 38, 293 (1985): each pick is the point farthest from everything picked before, which covers
the points within twice the smallest possible radius.
"""

from __future__ import annotations

from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.selection.nearest import centred, lengths, nearest_squared, squared

__all__ = ["farthest_points"]

BLOCK = 512  # points measured at a time

Singles = NDArray[np.float32]
Rows = NDArray[np.int64]


def farthest_points(points: Singles, count: int, *, first: int, taken: Singles | None = None) -> tuple[Rows, Singles]:
    """`count` rows of points (n, F), the row `first` before all others, then always the one farthest from those picked and
    from `taken` (m, F). Also the distance each had when it was picked (count,); infinite where nothing was before it.

    Exact, but lazy: the distance to the nearest pick only ever shrinks, so an old one is an upper bound, and only points
    whose bound could still win are measured again. Stops early when every point left coincides with a picked one.
    """
    points, taken = centred(points, np.zeros((0, points.shape[1]), np.float32) if taken is None else taken)
    count = min(count, len(points))
    if count < 1:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32)
    search = _Search(points, nearest_squared(points, taken))
    search.pick(first)
    size = len(points)
    while len(search.rows) < count and search.bound.max() > search.noise:
        block, rest = _largest(search.bound, size)
        found = search.pick_from(block, least=rest, most=count if size == BLOCK else len(search.rows) + 1)
        size = max(BLOCK, size // 4) if found else 4 * size  # bounds that are loose everywhere are cheaper to measure in one go
    return np.asarray(search.rows, dtype=np.int64), np.sqrt(np.asarray(search.gaps, dtype=np.float32))


@final
class _Search:
    """Points (n, F), the picked rows, and for each point an upper bound of the squared distance to its nearest pick."""

    def __init__(self, points: Singles, bound: Singles) -> None:
        self._points, self.bound = points, bound
        self._lengths = lengths(points)
        self._measured = np.zeros(len(points), dtype=np.int64)  # how many of `rows` a bound knows of
        self.noise = 16.0 * float(np.finfo(np.float32).eps) * float(self._lengths.max())  # of a squared distance
        self.rows: list[int] = []
        self.gaps: list[float] = []

    def pick(self, row: int) -> None:
        self.rows.append(row)
        self.gaps.append(float(self.bound[row]))
        self.bound[row] = 0.0

    def pick_from(self, block: Rows, *, least: float, most: int) -> bool:
        """Until there are `most`, pick the block's farthest point while it is farther than `least`, which no point outside
        the block exceeds; whether there was one."""
        whole = len(block) == len(self._points)  # in order then, and no copy is needed
        here, of_here = (self._points, self._lengths) if whole else (self._points[block], self._lengths[block])
        known, before = int(self._measured[block].min()), len(self.rows)
        while len(self.rows) < most:
            away = squared(here, self._points[self.rows[known:]], of_a=of_here).min(axis=1, initial=np.inf)
            self.bound[block] = np.minimum(self.bound[block], away)
            known = len(self.rows)
            best = int(block[np.argmax(self.bound[block])])
            if self.bound[best] < least or self.bound[best] <= self.noise:
                break
            self.pick(best)
        self._measured[block] = known
        return len(self.rows) > before


def _largest(bound: Singles, size: int) -> tuple[Rows, float]:
    """The rows of the largest bounds, and the largest bound of the others."""
    if len(bound) <= 4 * size:
        return np.arange(len(bound)), 0.0
    order = np.argpartition(bound, len(bound) - size - 1)
    return order[-size:], float(bound[order[-size - 1]])
