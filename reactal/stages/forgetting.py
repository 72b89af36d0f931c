"""How much of what it knew a committee lost in a round of training: after each, on labels that no round has trained on.

Every member keeps the same rows from itself in all rounds (`held_out_rows`), so that these are fixed tests for it that cost no
label: old are those of earlier rounds, new those of the last, hybrid both. The forgetting ratio is the force error on the old
ones, after the training over before. Nothing is journalled: it follows from the models and data sets that are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from reactal.campaign.events import Trained
from reactal.campaign.state import CampaignState
from reactal.chem import Frames
from reactal.labeling.quality import weighted
from reactal.report.shown import Table
from reactal.stages.absurd import absurd_rows
from reactal.stages.bench import Bench
from reactal.stages.train import NEAR_SADDLE
from reactal.training.settings import TrainingSettings

if TYPE_CHECKING:
    from reactal.potentials.committee import Committee

__all__ = ["Forgotten", "forgetting_table", "forgotten"]

MOST_TRAININGS, MOST_ROWS = 8, 500  # tested anew for one page, which must not take long; the tracker has every round

Ints = NDArray[np.int64]


@final
@dataclass(frozen=True)
class Forgotten:
    """Force errors (eV/angstrom) of the members after training on what they keep from themselves, each on its own rows; before
    it, on the old ones; None where there are no such rows."""

    iteration: int
    rows: int
    old: float | None
    new: float | None
    hybrid: float | None
    before: float | None

    @property
    def ratio(self) -> float | None:
        return self.old / self.before if self.old is not None and self.before else None


def forgotten(bench: Bench, state: CampaignState, number: int) -> Forgotten:
    """Of the training of this number, from 0."""
    event = state.trainings[number]
    earlier = state.trainings[number - 1] if number else None
    after, rows = _committee(bench, event), _eligible(bench, state, number)
    before = None if earlier is None else _committee(bench, earlier)
    newest = int(np.max(rows.extra["iteration"], initial=0))
    share = bench.config.training.validation_share
    tests = [_kept(rows, share, fold=fold) for fold in after.folds]
    old = [test[np.asarray(test.extra["iteration"]) < newest] for test in tests]
    new = [test[np.asarray(test.extra["iteration"]) == newest] for test in tests]
    same = before is not None and before.folds == after.folds  # else a fresh start, which keeps other rows from itself
    return Forgotten(
        iteration=event.iteration,
        rows=sum(len(test) for test in tests),
        old=_error(after, old),
        new=_error(after, new),
        hybrid=_error(after, tests),
        before=_error(before, old) if before is not None and same else None,
    )


def forgetting_table(bench: Bench, state: CampaignState) -> tuple[Table, ...]:
    """For the report, where there is something to show: the newest trainings, as many as a page can wait for."""
    if not state.dataset or not {"role", "iteration"} <= set(bench.dataset(state.dataset).extra):
        return ()  # rows of which nobody knows from which round they are
    found: list[Forgotten] = []
    for number in reversed(range(len(state.trainings))[-MOST_TRAININGS:]):
        if sum(one.rows for one in found) < MOST_ROWS:
            found.insert(0, forgotten(bench, state, number))
    if all(one.ratio is None for one in found):
        return ()
    rows = tuple(
        (str(one.iteration), str(one.rows), *map(_cell, (one.old, one.new, one.hybrid, one.before, one.ratio))) for one in found
    )
    heads = ("iteration", "rows", "old", "new", "hybrid", "old before", "forgetting ratio")
    note = (
        "Force errors (eV/Å) on labels that each member keeps from itself in all rounds. Old are those of earlier rounds; "
        "the ratio is their error after the training over before: 1 forgets nothing."
    )
    if len(found) < len(state.trainings):
        note += f" Of {len(state.trainings)} trainings the newest are shown."
    return (Table("What each training forgot", heads, rows, note),)


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _committee(bench: Bench, event: Trained) -> Committee:
    return bench.committee(event.model)


def _eligible(bench: Bench, state: CampaignState, number: int) -> Frames:
    """Rows that a member may have kept from itself, whatever round it was: none that ever counts more or less than others, and
    none of a round that had too few to keep any."""
    rows = bench.dataset(state.trainings[number].dataset)
    meagre = [one.dataset for one in state.trainings[: number + 1] if one.rows < TrainingSettings.validation_from]
    if meagre:
        seen = set(bench.dataset(meagre[-1]).keys())
        rows = rows[np.array([key not in seen for key in rows.keys()], dtype=bool)]  # noqa: SIM118 not a mapping
    rows = rows[~absurd_rows(rows, bench.config.training)]
    rows = weighted(rows.with_extra(weight=np.ones(len(rows))))
    plain = np.asarray(rows.extra["weight"]) == 1.0
    return rows[plain & ~np.isin(rows.extra["role"], NEAR_SADDLE)]


def _kept(rows: Frames, share: float, *, fold: int) -> Frames:
    from reactal.training.fold import always_held_out

    return rows[always_held_out(rows, share, fold=fold)]


def _error(committee: Committee, tests: Sequence[Frames]) -> float | None:
    """Of each network on its own rows, over all components."""
    off = []
    for place, test in enumerate(tests):
        if len(test):
            one = replace(committee, networks=(committee.networks[place],), folds=(committee.folds[place],))
            off.append(np.abs(one.predict(test).forces - test.forces).ravel())
    return float(np.concatenate(off).mean()) if off else None
