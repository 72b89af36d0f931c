"""A search played through on a library whose values are all known: how many evaluations it would have taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.errors import InputError
from reactal.search.proposing import Acquisition, History, propose

__all__ = ["Played", "by_lot", "played", "top_rows"]

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]


@final
@dataclass(frozen=True)
class Played:
    """`order`: rows as they were evaluated. `hits`: the evaluations, from 1, at which a row of the best was found."""

    order: tuple[int, ...]
    hits: tuple[int, ...]

    def until(self, share: float, *, best: int) -> int | None:
        """Evaluations until that share of the `best` rows was found; None where it did not come so far."""
        wanted = max(1, int(np.ceil(share * best - 1e-9)))
        return self.hits[wanted - 1] if len(self.hits) >= wanted else None


def top_rows(values: Floats, *, share: float, minimise: bool) -> Rows:
    """The best share of all, at least one; `InputError` where a value is not known."""
    if not np.isfinite(values).all():
        missing = int((~np.isfinite(values)).sum())
        raise InputError(f"{missing} entries have no value; a search can be played through only where all are known")
    order = np.argsort(values if minimise else -values, kind="stable")
    return np.asarray(order[: max(1, round(share * len(values)))])


def played(
    features: Floats,
    values: Floats,
    *,
    minimise: bool,
    acquisition: Acquisition,
    start: int,
    batch: int,
    most: int,
    share: float,
    seed: int,
) -> Played:
    """`start` evaluations by lot, then batches, until all of the best share are found or `most` evaluations are spent."""
    best = set(top_rows(values, share=share, minimise=minimise).tolist())
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(values))[:start].tolist()
    none = np.zeros(0, dtype=np.int64)
    gains: list[bool] = []
    signed = -values if minimise else values
    while len(order) < min(most, len(values)) and not best <= set(order):
        rows = np.asarray(order, dtype=np.int64)
        history = History(rows, values[rows], none, none, tuple(gains))
        chosen = propose(features, history, count=batch, minimise=minimise, acquisition=acquisition, rng=rng)
        gains.append(bool(signed[chosen].max() > signed[rows].max()))
        order += chosen.tolist()
    return _played(order, best)


def by_lot(values: Floats, *, minimise: bool, share: float, seed: int) -> Played:
    """What lots take for the same."""
    best = set(top_rows(values, share=share, minimise=minimise).tolist())
    return _played(np.random.default_rng([seed, 1]).permutation(len(values)).tolist(), best)


def _played(order: list[int], best: set[int]) -> Played:
    return Played(tuple(order), tuple(number for number, row in enumerate(order, start=1) if row in best))
