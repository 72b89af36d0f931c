"""The next batch: a random arm that is honest, and an active arm that is worth its labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames
from reactal.errors import InputError
from reactal.selection.acquisition import DoubtfulBand
from reactal.selection.descriptors import describe
from reactal.selection.diversity import farthest_points
from reactal.selection.filters import distinct, unphysical

__all__ = ["ACTIVE", "RANDOM", "Selection", "SelectionSettings", "select"]

ACTIVE, RANDOM = "active", "random"
IDENTICAL = 1e-3  # angstrom; the random arm may come near a known structure, it may not be one

Rows = NDArray[np.int64]


@final
@dataclass(frozen=True)
class SelectionSettings:
    """duplicate: angstrom, root mean square of distances. band: disagreement in eV/angstrom. contact: of summed covalent
    radii. energy_window: eV above the lowest label. shortlist: how many doubtful structures diversity chooses one from.
    fill: take the most doubtful of the sure ones when the band holds too few."""

    duplicate: float = 0.02
    band: DoubtfulBand = field(default_factory=lambda: DoubtfulBand(0.05, 1.5))
    contact: float = 0.65
    energy_window: float = 15.0
    shortlist: int = 8
    fill: bool = True


@final
@dataclass(frozen=True, eq=False)
class Selection:
    """Rows of the pool, active ones first, with arm and a reason for each; what fell by the way, by reason."""

    rows: Rows
    arms: tuple[str, ...]
    reasons: tuple[str, ...]
    dropped: Mapping[str, int]

    def of_arm(self, arm: str) -> Rows:
        """The rows of one arm."""
        return np.asarray(self.rows[[a == arm for a in self.arms]], dtype=np.int64)


def select(
    pool: Frames,
    *,
    dataset: Frames,
    size: int,
    random_share: float,
    settings: SelectionSettings,
    rng: np.random.Generator,
) -> Selection:
    """At most `size` rows of the pool, `random_share` of them (at least one, if any) by lot.

    The pool carries `disagreement` (eV/angstrom), `energy_predicted` (eV) and `source` (text). `dataset` is everything
    labelled or about to be: structures that were chosen otherwise belong into it. The random arm is drawn first and
    uniformly from what is physical and not labelled yet: no acquisition, no band, no thinning, or its errors would not
    stand for the explored pool. Nothing is left: an empty selection.
    """
    _check(pool, size, random_share)
    masks = unphysical(pool, dataset, contact=settings.contact, energy_window=settings.energy_window)
    physical = np.flatnonzero(~np.logical_or.reduce(list(masks.values())))
    dropped = {reason: int(mask.sum()) for reason, mask in masks.items()}

    share = max(1, round(random_share * size)) if random_share > 0 else 0
    drawn = distinct(pool, rng.permutation(physical), known=dataset, tolerance=IDENTICAL, most=share).rows
    taken = Frames.concat([dataset, pool[drawn]])
    left = np.setdiff1d(physical, drawn)
    active, reasons, fallen = _active(pool, left, taken=taken, count=size - len(drawn), settings=settings)
    return Selection(
        rows=np.concatenate([active, drawn]),
        arms=(ACTIVE,) * len(active) + (RANDOM,) * len(drawn),
        reasons=(*reasons, *("drawn by lot" for _ in drawn)),
        dropped={reason: number for reason, number in {**dropped, **fallen}.items() if number},
    )


def _active(
    pool: Frames, among: Rows, *, taken: Frames, count: int, settings: SelectionSettings
) -> tuple[Rows, list[str], dict[str, int]]:
    """Doubtful, new, and different from each other."""
    doubtful, sure, runaway = settings.band.ranked(pool.extra["disagreement"], among)
    found = distinct(pool, doubtful, known=taken, tolerance=settings.duplicate, most=count * settings.shortlist)
    chosen, reasons = _spread_out(pool, found.rows, taken=taken, count=count)
    missing = count - len(chosen)
    fallen = {"runaway": len(runaway), "known": found.like_known, "duplicate": found.like_kept, "sure": len(sure)}
    if missing and settings.fill:
        now_taken = Frames.concat([taken, pool[chosen]])
        more = distinct(pool, sure, known=now_taken, tolerance=settings.duplicate, most=missing)
        fallen = {**fallen, "sure": len(sure) - len(more.rows) - more.like_known - more.like_kept}
        fallen["known"] += more.like_known
        fallen["duplicate"] += more.like_kept
        reasons += [_reason(pool, row, "below the doubtful band, which had too few") for row in more.rows]
        chosen = np.concatenate([chosen, more.rows])
    return chosen, reasons, fallen


def _spread_out(pool: Frames, shortlist: Rows, *, taken: Frames, count: int) -> tuple[Rows, list[str]]:
    """The most doubtful one, then the farthest from all that is taken."""
    if not len(shortlist) or count <= 0:
        return np.zeros(0, dtype=np.int64), []
    points, before = describe(pool[shortlist], taken)
    picks, _ = farthest_points(points, count, first=0, taken=before)
    rows = shortlist[picks]
    ways = ["the most doubtful", *("farthest from what is taken" for _ in picks[1:])]
    return rows, [_reason(pool, int(row), way) for row, way in zip(rows, ways, strict=True)]


def _reason(pool: Frames, row: int, way: str) -> str:
    return f"{way}; disagreement {float(pool.extra['disagreement'][row]):.3f} eV/Å, {pool.extra['source'][row]}"


def _check(pool: Frames, size: int, random_share: float) -> None:
    missing = {"disagreement", "energy_predicted", "source"} - set(pool.extra)
    if missing:
        raise InputError(f"the pool lacks the columns {', '.join(sorted(missing))}; predict it with a committee first")
    if size < 1 or not 0.0 <= random_share <= 1.0:
        raise InputError(f"a batch of {size} with a random share of {random_share} cannot be chosen; size >= 1, share 0 to 1")
