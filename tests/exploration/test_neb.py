"""Bands: the known barrier, the guards one by one."""

from __future__ import annotations

import numpy as np
import pytest

from reactal.chem import Frames, Structure
from reactal.chem.convert import to_ase
from reactal.exploration.band_forces import band_forces
from reactal.exploration.contacts import least_contact
from reactal.exploration.neb import Band, BandSettings, between, relax_band, relax_bands
from reactal.exploration.paths import align, geodesic_path
from reactal.potentials.base import Prediction
from tests.exploration.surfaces import (
    HILL,
    WELLS,
    BySize,
    Surface,
    SurfaceCalculator,
    distance,
    h3,
    hcch,
    leps,
    leps_saddle,
    rotor,
)

REACTANT = h3(0.742, 2.6, bend=0.1)
PRODUCT = align(h3(2.6, 0.742, bend=0.1), REACTANT)
FAR = BandSettings(move=3.0)
BARRIER = 1e-3  # eV, of a climbing image converged to 0.05 eV/angstrom


@pytest.fixture
def path() -> np.ndarray:
    return geodesic_path(REACTANT, PRODUCT, images=11, rng=np.random.default_rng(0))


def test_climbing_image_reaches_the_saddle(path: np.ndarray) -> None:
    surface = Surface(leps)
    band = relax_band(surface, REACTANT, path, settings=FAR, max_steps=150)
    length, energy = leps_saddle()
    assert band.converged
    assert band.climbed
    assert band.energies[band.climbing_index] == pytest.approx(energy, abs=BARRIER)
    sides = np.linalg.norm(np.diff(band.climbing, axis=0), axis=1)
    assert sides == pytest.approx([length, length], abs=0.02)
    assert surface.calls == band.steps + 2  # the ends once, then every step once
    assert len(band.history) == band.steps + 1


def test_ends_stay_where_they_are(path: np.ndarray) -> None:
    band = relax_band(Surface(leps), REACTANT, path, settings=FAR, max_steps=20)
    assert (band.positions[[0, -1]] == path[[0, -1]]).all()


def test_tangent_points_along_the_reaction(path: np.ndarray) -> None:
    band = relax_band(Surface(leps), REACTANT, path, settings=FAR)
    axis = band.climbing[2] - band.climbing[0]
    motion = band.tangent @ (axis / np.linalg.norm(axis))
    assert np.linalg.norm(band.tangent) == pytest.approx(1.0)
    assert abs(motion[1]) > 0.7
    assert motion[0] * motion[1] < 0
    assert motion[2] * motion[1] < 0


def test_warm_started_band_climbs_before_it_counts_as_converged() -> None:
    """Images beside the top feel no force across the path, so that a band which may stop before it climbs stops below it."""
    r = np.asarray([1.2, 1.35, 1.5, 1.72, 1.9, 2.0])
    path = np.stack([hcch(x).positions for x in r])
    band = relax_band(Surface(rotor), hcch(1.2), path, settings=FAR)
    assert band.climbed
    assert band.energies.max() == pytest.approx(HILL, abs=BARRIER)
    assert np.linalg.norm(band.climbing[1] - band.climbing[2]) == pytest.approx(sum(WELLS) / 2, abs=0.02)


def test_bunched_images_spread_out() -> None:
    """A barrier hides in a wide gap: no band with one counts as converged."""
    path = np.stack([hcch(x).positions for x in [1.2, 1.22, 1.24, 1.26, 1.28, 1.3, 2.0]])
    band = relax_band(Surface(rotor), hcch(1.2), path, settings=FAR)
    assert band.converged
    assert band.barrier == pytest.approx(HILL, abs=BARRIER)
    gaps = np.linalg.norm(np.diff(band.positions[:, 2] - band.positions[:, 1], axis=0), axis=1)
    assert gaps[:-1].max() < 0.2  # they began with one of 0.7


def test_no_image_moves_further_than_it_may(path: np.ndarray) -> None:
    band = relax_band(Surface(leps), REACTANT, path, settings=BandSettings(move=0.05))
    assert band.limited
    assert np.linalg.norm(band.positions - path, axis=2).max() <= 0.05 + 1e-9


def doubtful_beyond(limit: float, amount: float) -> Surface:
    """The committee agrees as long as no pair is stretched beyond `limit` angstrom of H1-H2 minus H2-H3."""

    def doubt(x: np.ndarray) -> np.ndarray:
        bend = x[:, 1, 1] ** 2 + x[:, 1, 2] ** 2
        return np.where(np.sqrt(bend) < limit, amount, 0.1)

    return Surface(leps, doubt)


def test_band_that_becomes_doubtful_is_rolled_back() -> None:
    bent_r, bent_p = h3(0.742, 2.6, bend=0.9), h3(2.6, 0.742, bend=0.9)
    path = np.linspace(0, 1, 9)[:, None, None] * (bent_p.positions - bent_r.positions) + bent_r.positions
    surface = doubtful_beyond(0.45, 7.0)  # relaxing straightens the three atoms
    settings = BandSettings(move=3.0, cap=2.0)
    band = relax_band(surface, bent_r, path, settings=settings, max_steps=150)
    assert band.capped
    assert not band.converged
    assert band.spreads.max() <= 2.0
    assert band.steps >= settings.least_steps
    assert np.abs(band.positions - path).max() > 0.05


def test_band_above_the_cap_from_the_start_is_not_frozen(path: np.ndarray) -> None:
    surface = Surface(leps, lambda x: np.full(len(x), 3.0))
    band = relax_band(surface, REACTANT, path, settings=FAR)
    assert not band.capped
    assert band.converged


def test_growing_doubt_still_leaves_a_few_steps(path: np.ndarray) -> None:
    calls = iter(range(1000))

    def growing(x: np.ndarray) -> np.ndarray:
        return np.full(len(x), 3.0 + next(calls))

    band = relax_band(Surface(leps, growing), REACTANT, path, settings=FAR)
    assert band.capped
    assert band.steps == FAR.least_steps


def test_atoms_are_kept_apart() -> None:
    """One atom leaves while the two others fall into each other, for nothing repels them: the band stops before they meet."""
    path = np.stack([[[-1.2, 0, 0], [0, 0, 0], [r, 0, 0]] for r in np.linspace(1.0, 2.0, 6)])
    falling = Surface(lambda x: -3.0 / (distance(x, 0, 1) + 0.05))
    template = Structure((1, 1, 1), path[0], charge=1)
    band = relax_band(falling, template, path, settings=FAR)
    assert band.capped
    assert 0.6 <= least_contact(template.numbers, band.positions).min() < 1.5
    assert relax_band(falling, template, path, settings=BandSettings(move=3.0, contact=0.0)).energies.min() < band.energies.min()


def test_energies_that_are_no_numbers_stop_the_band(path: np.ndarray) -> None:
    class Broken(Surface):
        def predict(self, frames: Frames) -> Prediction:
            seen = super().predict(frames)
            return (
                seen if self.calls < 6 else Prediction(seen.energy * np.nan, seen.forces, seen.energy_spread, seen.force_spread)
            )

    band = relax_band(Broken(leps), REACTANT, path, settings=FAR)
    assert band.capped
    assert np.isfinite(band.energies).all()


def test_downhill_path_has_no_climbing_image() -> None:
    slope = Surface(lambda x: -np.linalg.norm(x[:, 1] - x[:, 0], axis=-1))
    places = np.stack([[[0, 0, 0], [r, 0, 0]] for r in np.linspace(1.0, 2.0, 6)])
    template = Structure((1, 1), places[0])
    band = relax_band(slope, template, places, settings=BandSettings(move=3.0))
    assert band.converged
    assert not band.climbed
    assert 0 < band.climbing_index < 5


def test_turning_images_changes_no_force(path: np.ndarray) -> None:
    surface = Surface(leps)

    def pull(images: np.ndarray) -> np.ndarray:
        seen = surface.predict(Frames.repeat(REACTANT, images))
        forces = band_forces(images, seen.energy, seen.forces.reshape(images.shape), climbing=5)
        return np.linalg.norm([forces.true, forces.spacing], axis=-1)

    turned = path.copy()
    q, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    q *= np.sign(np.linalg.det(q))
    turned[4] = turned[4] @ q + 0.3
    assert np.allclose(pull(path), pull(turned), atol=1e-6)


def test_points_between_images_see_a_hidden_hill() -> None:
    r = np.asarray([1.2, 1.4, 1.85, 2.0])
    path = np.stack([hcch(x).positions for x in r])
    energies = rotor(path)
    band = Band(path, energies, np.zeros(4), 1, path[1] - path[0], 0.0, 0, True, False, False, False)
    middles = between(hcch(1.2), band)
    assert middles.shape == (3, 4, 3)
    assert rotor(middles)[1] > energies.max() + 0.3
    assert least_contact(hcch(1.2).numbers, middles).min() > 0.8


def test_several_reactions_in_one_batch_are_each_what_they_are_alone(path: np.ndarray) -> None:
    """Hydrogen exchange at eleven images and a rotor at six, each on its surface: no more calls than the longer of the two."""
    wells = np.stack([hcch(x).positions for x in [1.2, 1.35, 1.5, 1.72, 1.9, 2.0]])
    both = BySize({3: Surface(leps), 4: Surface(rotor)})
    together = relax_bands(both, [(REACTANT, path), (hcch(1.2), wells)], settings=FAR)
    alone = relax_band(Surface(leps), REACTANT, path, settings=FAR), relax_band(Surface(rotor), hcch(1.2), wells, settings=FAR)
    assert both.calls == 2 + max(band.steps for band in alone)
    for band, other in zip(together, alone, strict=True):
        assert band.converged
        assert band.steps == other.steps
        assert band.positions == pytest.approx(other.positions, abs=1e-9)


def test_band_agrees_with_the_one_of_ase(path: np.ndarray) -> None:
    """The same surface, the same first path, both converged: the barriers agree to a thousandth of an electron volt."""
    from ase.mep import NEB
    from ase.optimize import FIRE

    tight = BandSettings(force_max=0.01, gap=0.02, move=3.0)
    ours = relax_band(Surface(leps), REACTANT, path, settings=tight, max_steps=500)
    assert ours.converged
    chain = [to_ase(REACTANT.moved(place)) for place in path]
    for image in chain:
        image.calc = SurfaceCalculator(Surface(leps), REACTANT)
    band = NEB(chain, climb=True, method="improvedtangent", k=1.0)
    assert FIRE(band, logfile=None).run(fmax=0.02, steps=1000)
    theirs = max(image.get_potential_energy() for image in chain) - chain[0].get_potential_energy()
    assert ours.barrier == pytest.approx(theirs, abs=1e-3)
