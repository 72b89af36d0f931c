"""Second derivatives against potentials that have them on paper, and against wider differences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from reactal.chem import Frames, Structure
from reactal.potentials.base import Prediction
from reactal.potentials.baseline import Baseline
from reactal.potentials.curvature import central_hessian, curvature, forward_hessian
from tests.potentials.surface import METHANOL, WATER, committee_of_random_networks, stirred

DIFFERENCE = 2e-4  # eV/angstrom^2, of central differences over 3e-4 angstrom
XTB_NOISE = 0.02  # eV/angstrom^2


class _Smooth:
    """Quadratic and cubic, with forces to the last bit."""

    def __init__(self, size: int) -> None:
        rng = np.random.default_rng(0)
        rough = rng.normal(size=(size, size))
        self.second, self.third = rough + rough.T, rng.normal(size=size)

    def predict(self, frames: Frames) -> Prediction:
        x = frames.positions.reshape(len(frames), -1)
        energy = 0.5 * np.einsum("ni,ij,nj->n", x, self.second, x) + (self.third * x**3).sum(axis=1) / 6
        forces = -(x @ self.second + self.third * x**2 / 2)
        return Prediction(energy, forces.reshape(-1, 3), np.zeros(len(x)), np.zeros(len(frames.numbers)))


def test_both_differences_find_the_second_derivatives() -> None:
    place = Structure((1, 1, 1), np.asarray([[0, 0, 0], [0, 0, 0.9], [0, 0.4, 2.0]]), multiplicity=2)
    smooth = _Smooth(9)
    exact = smooth.second + np.diag(smooth.third * place.positions.reshape(-1))
    np.testing.assert_allclose(forward_hessian(smooth, place), exact, atol=1e-5)
    np.testing.assert_allclose(central_hessian(smooth, place), exact, atol=1e-9)


def test_a_committee_s_curvature_is_that_of_its_central_differences() -> None:
    committee = committee_of_random_networks(members=2)
    stirred(committee.networks[0])
    np.testing.assert_allclose(curvature(committee, METHANOL), committee.hessian(METHANOL), atol=DIFFERENCE)


def test_a_baseline_is_as_curved_as_it_is_noisy() -> None:
    """GFN2-xTB iterates to convergence; a step of 1e-7 angstrom would give its noise."""
    committee = replace(committee_of_random_networks(members=2), baseline=Baseline("gfn2"))
    found, bare = curvature(committee, WATER), curvature(replace(committee, baseline=None), WATER)
    np.testing.assert_allclose(found - bare, central_hessian(Baseline("gfn2"), WATER, step=2e-3), atol=XTB_NOISE)
