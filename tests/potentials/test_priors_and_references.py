from __future__ import annotations

import numpy as np
import pytest
import torch

from reactal.chem import Frames
from reactal.chem.elements import COVALENT_RADII
from reactal.errors import UnknownElement
from reactal.potentials.batch import collate
from reactal.potentials.priors import ScreenedRepulsion
from reactal.potentials.references import References
from tests.potentials.surface import ATOMS, METHANOL, WATER, labelled

COULOMB = 14.399645  # eV angstrom (CODATA 2018)


def pair(prior: ScreenedRepulsion, z: int, other: int, distance: float) -> tuple[float, float, float]:
    """Energy, slope and curvature."""
    r = torch.tensor([distance], dtype=torch.float64, requires_grad=True)
    energy = prior.pair_energy(torch.tensor([z]), torch.tensor([other]), r)
    (slope,) = torch.autograd.grad(energy.sum(), r, create_graph=True)
    (curvature,) = torch.autograd.grad(slope.sum(), r)
    return float(energy.detach()), float(slope.detach()), float(curvature)


def test_screened_repulsion_has_the_published_values() -> None:
    """Without the switch, phi(0) = 1 and the universal function's value at x = 1, from its four terms."""
    wide = ScreenedRepulsion(reach=1e9)
    tiny = 1e-7
    assert pair(wide, 6, 8, tiny)[0] * tiny == pytest.approx(COULOMB * 48, rel=1e-4)
    length = 0.46850 / (6**0.23 + 8**0.23)
    phi_one = 0.18175 * np.exp(-3.1998) + 0.50986 * np.exp(-0.94229) + 0.28022 * np.exp(-0.4029) + 0.02817 * np.exp(-0.20162)
    assert pair(wide, 6, 8, length)[0] == pytest.approx(COULOMB * 48 / length * phi_one, rel=1e-6)


@pytest.mark.parametrize(("z", "other"), [(1, 1), (1, 8), (6, 8), (17, 17)])
def test_it_is_exactly_nothing_beyond_its_reach_and_smooth_there(z: int, other: int) -> None:
    prior = ScreenedRepulsion()
    end = 0.75 * (COVALENT_RADII[z] + COVALENT_RADII[other])
    assert pair(prior, z, other, end) == (0.0, 0.0, 0.0)
    assert pair(prior, z, other, end + 0.5) == (0.0, 0.0, 0.0)
    energy, slope, curvature = pair(prior, z, other, end * (1 - 1e-4))
    assert 0 < energy < 1e-8
    assert -1e-3 < slope < 0
    assert curvature < 1.0
    inside = [pair(prior, z, other, end * share) for share in (0.3, 0.5, 0.7, 0.9)]
    assert all(slope < 0 for _, slope, _ in inside)


def test_bonded_molecules_never_feel_it() -> None:
    batch = collate(labelled(METHANOL, WATER, count=40, rattle=0.05), 5.0)
    assert not ScreenedRepulsion().energy(batch).any()


def test_no_reach_is_no_prior() -> None:
    crushed = Frames.repeat(WATER, WATER.positions[None] * 0.4)
    assert ScreenedRepulsion().energy(collate(crushed, 5.0)) > 10
    assert ScreenedRepulsion(reach=0.0).energy(collate(crushed, 5.0)) == 0


def test_references_take_the_totals_away() -> None:
    frames = labelled(METHANOL, WATER, count=20)
    left = frames.energy - References.fit(frames).sum(frames)
    assert np.abs(left).max() < 5.0 < np.abs(frames.energy).min()
    assert left.mean() == pytest.approx(0, abs=1e-2)


def test_one_composition_is_enough_for_a_solution() -> None:
    """A single formula cannot tell its elements apart; the sum is right all the same and no element's share is absurd."""
    frames = labelled(METHANOL, count=12)
    references = References.fit(frames)
    assert (frames.energy - references.sum(frames)).mean() == pytest.approx(0, abs=0.05)
    assert max(abs(e) for _, e in references.energies) < np.abs(frames.energy).max()


def test_known_elements_stay_as_they_are() -> None:
    first = References.fit(labelled(WATER, count=10))
    both = References.fit(labelled(METHANOL, WATER, count=20), known=first)
    assert set(first.energies) < set(both.energies)
    assert References.from_json(both.as_json()) == both


def test_a_strange_element_is_named() -> None:
    with pytest.raises(UnknownElement, match=r"trained on H, O .* nothing of C"):
        References(((1, ATOMS[1]), (8, ATOMS[8]))).sum(labelled(METHANOL, count=1))
