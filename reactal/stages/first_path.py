"""The path that the first structures are taken from: geodesic, then relaxed where that costs next to nothing.

A geodesic path keeps atoms apart but knows nothing of energies: for H2CO -> H2 + CO it climbs to 172 kcal/mol where the
saddle lies at 108, and a campaign then spends half its labels walking down. A band on GFN2-xTB costs seconds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Structure
from reactal.exploration.neb import Band, BandSettings, relax_band
from reactal.exploration.paths import geodesic_path
from reactal.potentials.base import Potential
from reactal.potentials.xtb import XtbPotential, xtb_is_installed
from reactal.sections import Seeding

__all__ = ["first_path"]

STEPS = 120
JITTERS = (1.0, 5.0, 10.0)  # of the configured jitter: paths of high symmetry need a hard knock to leave it
FREE = BandSettings(force_max=0.1, cap=float("inf"), move=float("inf"))  # a method that does not learn needs no leash

Floats = NDArray[np.float64]


def first_path(reactant: Structure, product: Structure, rule: Seeding, rng: np.random.Generator) -> tuple[Floats, str]:
    """Images (n, N, 3) and a word on how they were made."""
    starts = [
        geodesic_path(reactant, product, images=rule.images, rng=rng, jitter=factor * rule.jitter)
        for factor in (JITTERS if rule.path == "xtb" and xtb_is_installed() else JITTERS[:1])
    ]
    if rule.path != "xtb":
        return starts[0], "geodesic path"
    if not xtb_is_installed():
        return starts[0], "geodesic path (tblite is not installed)"
    potential = XtbPotential()
    bands = [band for start in starts if (band := _relaxed(potential, reactant, start, rng)) is not None]
    if not bands:
        return starts[0], "geodesic path (GFN2-xTB does not converge on it)"
    best = min(bands, key=lambda band: band.barrier)
    return best.positions, f"band on GFN2-xTB, the lowest of {len(bands)}"


def _relaxed(potential: Potential, template: Structure, start: Floats, rng: np.random.Generator) -> Band | None:
    band = relax_band(potential, template, start, settings=FREE, max_steps=STEPS, rng=rng)
    return band if np.isfinite(band.energies).all() else None
