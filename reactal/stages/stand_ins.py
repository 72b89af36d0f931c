"""Labels that are there already, for other campaigns: what is nearly the same is not paid for again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from reactal.campaign.state import CampaignState
from reactal.chem import Frames, Label, Structure
from reactal.selection.batch import ACTIVE
from reactal.selection.descriptors import pair_distances
from reactal.selection.nearest import centred, squared
from reactal.stages.bench import Bench

__all__ = ["with_stand_ins"]

LOOKED_AT = 20_000  # labels of a store; beyond, reading them all would take longer than a label

Rows = NDArray[np.int64]


def with_stand_ins(bench: Bench, state: CampaignState, batch: Frames, dataset: Frames) -> Frames:
    """The batch, in which a labelled structure of the store stands in for each active one that is nearer to it than
    near-duplicates are, with the newest model's predictions. Tests and the random arm are what they are."""
    active = np.flatnonzero(batch.extra["arm"] == ACTIVE)
    taken = {*dataset.keys(), *batch.keys()}
    stored = _stored(bench, batch.structure(0), taken) if len(active) else []
    if not stored:
        return batch
    there = Frames.of(stored)
    mine, others = centred(pair_distances(batch, active), pair_distances(there, np.arange(len(there))))
    apart = squared(mine, others) / max(1, mine.shape[1])
    instead: dict[int, int] = {}
    for place, row in enumerate(active):
        free = np.where(np.isin(np.arange(len(there)), list(instead.values())), np.inf, apart[place])
        nearest = int(np.argmin(free))
        if free[nearest] < bench.config.selection.duplicate**2:
            instead[int(row)] = nearest
    return _exchanged(bench, state, batch, {row: stored[which] for row, which in instead.items()}) if instead else batch


def _stored(bench: Bench, like: Structure, taken: set[str]) -> list[Structure]:
    """Structures of the store with a label of this theory and the same atoms in the same order."""
    theory = bench.theory.fingerprint
    new: Iterator[str] = (key for key in bench.labels.keys(theory) if key not in taken)
    found = bench.labels.entries(theory, islice(new, LOOKED_AT))
    state = (like.numbers, like.charge, like.multiplicity)
    return [
        entry.structure
        for entry in found
        if entry is not None
        and isinstance(entry.outcome, Label)
        and (entry.structure.numbers, entry.structure.charge, entry.structure.multiplicity) == state
    ]


def _exchanged(bench: Bench, state: CampaignState, batch: Frames, instead: dict[int, Structure]) -> Frames:
    assert state.trained is not None
    rows = list(instead)
    said = bench.committee(state.trained.model).predict(there := Frames.of(list(instead.values())))
    positions, energy, forces = batch.positions.copy(), batch.energy.copy(), batch.forces.copy()
    doubt = np.array(batch.extra["disagreement"])
    for place, row in enumerate(rows):
        positions[batch.atoms(row)] = there.positions[there.atoms(place)]
        forces[batch.atoms(row)] = said.forces[there.atoms(place)]
    energy[rows], doubt[rows] = said.energy, said.disagreement(there)
    return replace(batch, positions=positions, energy=energy, forces=forces).with_extra(disagreement=doubt)
