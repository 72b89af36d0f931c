"""The path that the first structures are taken from: geodesic, then relaxed where that costs next to nothing.

A geodesic path keeps atoms apart but knows nothing of energies: for H2CO -> H2 + CO it climbs to 172 kcal/mol where the
saddle lies at 108, and a campaign then spends half its labels walking down. A band on GFN2-xTB costs seconds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Structure
from reactal.exploration.neb import Band, BandSettings, relax_band, relax_bands
from reactal.exploration.paths import align, geodesic_path, idpp_path
from reactal.exploration.routes import atom_mappings
from reactal.potentials.base import Potential
from reactal.potentials.xtb import XtbPotential, xtb_is_installed
from reactal.sections import Seeding
from reactal.units import KCAL_PER_MOL

__all__ = ["first_path"]

STEPS = 120
JITTERS = (1.0, 5.0, 10.0)  # of the configured jitter: paths of high symmetry need a hard knock to leave it
FREE = BandSettings(force_max=0.1, cap=float("inf"), move=float("inf"))  # a method that does not learn needs no leash
MAPPINGS = 2  # of like atoms that are looked at beside the given one

Floats = NDArray[np.float64]


def first_path(reactant: Structure, product: Structure, rule: Seeding, rng: np.random.Generator) -> tuple[Floats, str]:
    """Images (n, N, 3) and a word on how they were made."""
    starts = [
        geodesic_path(reactant, product, images=rule.images, rng=rng, jitter=factor * rule.jitter)
        for factor in (JITTERS if rule.path != "geodesic" and xtb_is_installed() else JITTERS[:1])
    ]
    if rule.path == "geodesic":
        return starts[0], "geodesic path"
    if not xtb_is_installed():
        return starts[0], "geodesic path (tblite is not installed)"
    if rule.path == "routes":
        return _lowest_route(reactant, product, starts, rule, rng)
    potential = XtbPotential()
    bands = [band for start in starts if (band := _relaxed(potential, reactant, start, rng)) is not None]
    if not bands:
        return starts[0], "geodesic path (GFN2-xTB does not converge on it)"
    best = min(bands, key=lambda band: band.barrier)
    return best.positions, f"band on GFN2-xTB, the lowest of {len(bands)}"


def _relaxed(potential: Potential, template: Structure, start: Floats, rng: np.random.Generator) -> Band | None:
    band = relax_band(potential, template, start, settings=FREE, max_steps=STEPS, rng=rng)
    return band if np.isfinite(band.energies).all() else None


def _lowest_route(
    reactant: Structure, product: Structure, starts: Sequence[Floats], rule: Seeding, rng: np.random.Generator
) -> tuple[Floats, str]:
    """Of the geodesic paths and IDPP's, in one batch; what others and other mappings of like atoms cost is reported."""
    given = [(f"geodesic, jitter {factor * rule.jitter:.2f}", start) for factor, start in zip(JITTERS, starts, strict=True)]
    given.append(("IDPP", idpp_path(reactant, product, images=rule.images, rng=rng, jitter=rule.jitter)))
    mapped = []
    for order in atom_mappings(reactant, product, limit=MAPPINGS)[1:]:
        other = align(product.moved(product.positions[list(order)]), reactant)
        name = f"product's atoms in the order {' '.join(str(i + 1) for i in order)}"
        mapped.append((name, geodesic_path(reactant, other, images=rule.images, rng=rng, jitter=rule.jitter)))
    named = [*given, *mapped]
    paths = [(reactant, path) for _, path in named]
    bands = relax_bands(XtbPotential(), paths, settings=FREE, max_steps=STEPS, rng=rng)
    sound = [i for i, band in enumerate(bands) if np.isfinite(band.energies).all()]
    taken = min((i for i in sound if i < len(given)), key=lambda i: bands[i].barrier, default=None)
    if taken is None:
        return starts[0], "geodesic path (GFN2-xTB does not converge on it)"
    others = "; ".join(f"{named[i][0]} {bands[i].barrier / KCAL_PER_MOL:.1f}" for i in sound if i != taken)
    lowest = f"{named[taken][0]}, {bands[taken].barrier / KCAL_PER_MOL:.1f} kcal/mol"
    return bands[taken].positions, f"band on GFN2-xTB, the lowest route: {lowest} (others: {others})"
