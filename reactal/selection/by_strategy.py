"""The active arm by a named strategy instead of the doubtful band: filtered alike, chosen otherwise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames
from reactal.selection.base import Candidates, Known, Round
from reactal.selection.batch import ACTIVE, Selection, SelectionSettings
from reactal.selection.filters import distinct, unphysical
from reactal.selection.strategy import Strategy

__all__ = ["select_by"]

Rows = NDArray[np.int64]


def select_by(
    strategy: Strategy,
    pool: Frames,
    candidates: Candidates,
    *,
    dataset: Frames,
    known: Known,
    size: int,
    settings: SelectionSettings,
    at: Round,
    rng: np.random.Generator,
) -> Selection:
    """At most `size` rows of the pool, whose columns are the candidates; `known` are the columns of what is labelled or taken.

    Never one that no molecule can be, that the committee has run away in, or that is like a known or another one. Of a crowd of
    near-duplicates the most doubtful stays. The strategy sees what is left.
    """
    masks = unphysical(pool, dataset, contact=settings.contact, energy_window=settings.energy_window)
    runaway = ~np.logical_or.reduce(list(masks.values())) & (candidates.disagreement > settings.band.high)
    left = np.flatnonzero(~np.logical_or.reduce([*masks.values(), runaway]))
    doubtful_first = left[np.argsort(-candidates.disagreement[left], kind="stable")]
    found = distinct(pool, doubtful_first, known=dataset, tolerance=settings.duplicate)
    rows = np.sort(found.rows)
    chosen = rows[strategy.pick(candidates[rows], size, known=known, at=at, rng=rng)]
    dropped = {**{reason: int(mask.sum()) for reason, mask in masks.items()}, "runaway": int(runaway.sum())}
    dropped |= {"known": found.like_known, "duplicate": found.like_kept}
    return Selection(
        rows=np.asarray(chosen, dtype=np.int64),
        arms=(ACTIVE,) * len(chosen),
        reasons=tuple(f"chosen by {strategy.name}; {_doubt(candidates, int(row))}" for row in chosen),
        dropped={reason: number for reason, number in dropped.items() if number},
    )


def _doubt(candidates: Candidates, row: int) -> str:
    source = "" if candidates.source is None else f", {candidates.source[row]}"
    return f"disagreement {candidates.disagreement[row]:.3f} eV/Å{source}"
