"""A whole reaction on a surface with a known saddle: relaxed ends, path, band, saddle, both descents."""

from __future__ import annotations

import numpy as np
import pytest

from reactal.chem import Frames, Structure
from reactal.exploration.bonds import same_bonds
from reactal.exploration.descent import descend
from reactal.exploration.neb import BandSettings, between, profile_extrema, relax_band
from reactal.exploration.paths import align, geodesic_path
from reactal.exploration.relax import Relaxation
from reactal.exploration.saddle import find_saddle
from tests.exploration.surfaces import Surface, h3, leps, leps_saddle

CHEMICAL = 0.005  # eV


def relaxed(surface: Surface, start: Structure) -> Structure:
    search = Relaxation(start, max_steps=40)
    while not search.done:
        seen = surface.predict(Frames.repeat(start, search.ask()))
        search.tell(float(seen.energy[0]), seen.forces)
    assert search.converged
    return start.moved(search.positions)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_hydrogen_exchange_from_two_rough_ends(seed: int) -> None:
    rng = np.random.default_rng(seed)
    surface = Surface(leps)
    rough = [h3(0.8, 2.4, bend=0.4), h3(2.5, 0.7, bend=0.3)]
    start, end = (relaxed(surface, s.moved(s.positions + rng.normal(0, 0.02, (3, 3)))) for s in rough)
    end = align(end, start)
    path = geodesic_path(start, end, images=11, rng=rng)
    band = relax_band(surface, start, path, settings=BandSettings(move=3.0), max_steps=150, rng=rng)
    assert band.converged
    maxima, _ = profile_extrema(band.energies, least_depth=0.01)
    assert [hill.index for hill in maxima] == [band.climbing_index]
    assert leps(between(start, band)).max() < band.energies.max() + CHEMICAL
    saddle = find_saddle(surface, start, band.climbing, mode_hint=band.tangent)
    assert saddle.first_order
    assert saddle.energy == pytest.approx(leps_saddle()[1], abs=CHEMICAL)
    arrived = [start.moved(side.positions) for side in descend(surface, start, saddle)]
    assert {(same_bonds(a, start), same_bonds(a, end)) for a in arrived} == {(True, False), (False, True)}


def test_second_call_goes_on_where_the_first_had_to_stop() -> None:
    """Each round may move the band only so far; the next one starts from there."""
    surface = Surface(leps)
    start = h3(0.742, 2.6, bend=0.1)
    path = geodesic_path(start, align(h3(2.6, 0.742, bend=0.1), start), images=9, rng=np.random.default_rng(0))
    settings = BandSettings(move=0.15)
    for _ in range(12):
        band = relax_band(surface, start, path, settings=settings)
        path = band.positions
        if band.converged:
            break
    assert band.converged
    assert band.energies.max() == pytest.approx(leps_saddle()[1], abs=CHEMICAL)
