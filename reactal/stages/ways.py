"""The ways down from the saddle, held against the reference: does it agree that they lead where the model says?

A model can have the saddle to a hundredth of a kcal/mol and still take the wrong fork far below it, where nothing was labelled:
the saddle of RDB7 6175 then "joins both ends", while the reference runs from it into an intermediate.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from reactal.campaign.events import WayTest
from reactal.chem import Frames, Label
from reactal.exploration.descent import Descent
from reactal.units import KCAL_PER_MOL

__all__ = ["WAY", "points_on", "way_test"]

WAY = "way down"

Floats = NDArray[np.float64]


def points_on(saddle: Floats, descent: Descent, count: int) -> Floats:
    """`count` geometries (k, N, 3), k <= count, that part the way from the saddle (N, 3) to its end evenly, both left out."""
    way = np.concatenate([saddle[None], descent.trajectory])
    passed = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(way, axis=0).reshape(len(way) - 1, -1), axis=1))])
    shares = np.arange(1, count + 1) / (count + 1)
    rows = {int(np.argmin(np.abs(passed - share * passed[-1]))) for share in shares}
    return np.asarray(way[sorted(rows - {0, len(way) - 1})])


def way_test(batch: Frames, labels: Sequence[Label | None], *, model_zero: float, reference_zero: float) -> WayTest | None:
    """The predictions in the batch against the labels; energies above the zeros (eV), which are the reactant's."""
    rows = np.flatnonzero(batch.extra["role"] == WAY)
    forces, energies = [], []
    for row in rows:
        answer = labels[int(row)]
        if answer is None:
            continue
        off = batch.forces[batch.atoms(int(row))] - answer.forces
        forces.append(float(np.linalg.norm(off, axis=1).max()))
        energies.append(abs((batch.energy[row] - model_zero) - (answer.energy - reference_zero)) / KCAL_PER_MOL)
    if not forces:
        return None
    return WayTest(asked=len(rows), points=len(forces), force_error_max=max(forces), energy_error_kcal=max(energies))
