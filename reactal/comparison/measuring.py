"""How far a committee is off, over the whole test set and by region."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames
from reactal.comparison.records import ALL, Errors
from reactal.potentials.base import Potential

__all__ = ["REGION", "errors_of", "regions_of"]

REGION = "region"  # the test set's column that names them

Rows = NDArray[np.int64]


def regions_of(test: Frames) -> dict[str, Rows]:
    """Name to rows: the whole set first, then each region, where there are several."""
    regions: dict[str, Rows] = {ALL: np.arange(len(test))}
    names = test.extra.get(REGION)
    kinds = [] if names is None else sorted({str(name) for name in names} - {"", ALL})
    return {**regions, **{kind: np.flatnonzero(np.asarray(names).astype(str) == kind) for kind in kinds}}


def errors_of(potential: Potential, test: Frames) -> Mapping[str, Errors]:
    """By region. A row without forces counts for the energy alone, one without an energy for the forces alone."""
    said = potential.predict(test)
    energy = np.abs(said.energy - test.energy)
    off = said.forces - test.forces
    component = np.add.reduceat(np.abs(off).sum(axis=1), test.offsets[:-1])
    worst = test.per_structure_max(np.linalg.norm(off, axis=1))
    found = {}
    for name, rows in regions_of(test).items():
        forces = rows[np.isfinite(component[rows])]
        found[name] = Errors(
            rows=len(rows),
            force_mae=float(component[forces].sum() / (3 * test.sizes[forces].sum())) if len(forces) else float("nan"),
            energy_mae=_mean(energy[rows]),
            worst_force=_mean(worst[forces]),
        )
    return found


def _mean(values: NDArray[np.float64]) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else float("nan")
