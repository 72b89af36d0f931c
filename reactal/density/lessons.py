"""What a network is taught of one molecule: its residual density fitted, and at points where it matters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray

from reactal.chem import Structure
from reactal.density.coulomb import Coulomb
from reactal.density.exchange import grids_of
from reactal.density.molecules import atoms_density, molecule
from reactal.density.reference import ReferenceDensity
from reactal.units import BOHR

__all__ = ["Geometry", "Lesson", "lesson_of"]

Floats = NDArray[np.float64]
SPREAD = 0.05  # of the drawing goes over the whole grid, so that nowhere is without points
SMALLEST = 1e-7  # on the diagonal of the Coulomb factor, of its largest element


@final
@dataclass(frozen=True, eq=False)
class Geometry:
    """Atoms as networks see them: numbers (N,), positions (N, 3) in bohr."""

    numbers: torch.Tensor
    positions: torch.Tensor

    @classmethod
    def of(cls, structure: Structure) -> Geometry:
        positions = np.asarray(structure.positions - structure.positions.mean(axis=0)) / BOHR
        return cls(torch.tensor(structure.numbers), torch.tensor(positions, dtype=torch.float32))

    def turned(self, rotation: torch.Tensor) -> Geometry:
        return Geometry(self.numbers, self.positions @ rotation.T)


@final
@dataclass(frozen=True, eq=False)
class Lesson:
    """K fitting functions, P points (bohr) drawn from the grid. All in atomic units.

    `target` (K,): the fitted residual; `factor` (K, K), upper: factor @ coefficients has the Coulomb norm; `charges` (K,): the
    electrons in each function; `repair` (K,): what an electron too few is made good with; `points` (P, 3) and their `weights`
    (P,) in an integral; the fitting functions there, `at_points` (P, K), and the residual itself, not fitted: `truth` (P,).
    """

    geometry: Geometry
    target: torch.Tensor
    factor: torch.Tensor
    charges: torch.Tensor
    repair: torch.Tensor
    points: torch.Tensor
    weights: torch.Tensor
    at_points: torch.Tensor
    truth: torch.Tensor

    def to(self, device: torch.device) -> Lesson:
        moved = {name: value.to(device) for name, value in vars(self).items() if isinstance(value, torch.Tensor)}
        geometry = Geometry(self.geometry.numbers.to(device), self.geometry.positions.to(device))
        return Lesson(geometry=geometry, **moved)


def lesson_of(reference: ReferenceDensity, *, points: int, seed: int) -> Lesson:
    """From a reference density; the same seed draws the same points."""
    from pyscf.dft import numint

    theory, structure = reference.theory, reference.structure
    mole = molecule(structure, theory)
    coulomb, grids = Coulomb(mole, theory), grids_of(mole, theory)
    residual = reference.density - atoms_density(mole, theory)
    target = coulomb.fit(residual, electrons=-float(structure.charge))
    whole = numint.eval_rho(mole, numint.eval_ao(mole, grids.coords), residual)
    measure = np.maximum(grids.weights, 0.0)  # partition functions leave a few tiny negative ones
    drawn, weights = _drawn(np.abs(whole) * measure, measure, points=points, seed=seed)
    places = grids.coords[drawn]
    centre = structure.positions.mean(axis=0) / BOHR
    repair = coulomb.repair
    return Lesson(
        geometry=Geometry.of(structure),
        target=_single(target),
        factor=_single(_factor(coulomb.metric)),
        charges=_single(coulomb.charges),
        repair=_single(repair),
        points=_single(places - centre),
        weights=_single(weights),
        at_points=_single(coulomb.functions.eval_gto("GTOval_sph", places)),
        truth=_single(whole[drawn]),
    )


def _drawn(importance: Floats, measure: Floats, *, points: int, seed: int) -> tuple[NDArray[np.int64], Floats]:
    """Points drawn where the residual is, and the weight of each in an integral over all space."""
    chance = importance / importance.sum() * (1 - SPREAD) + SPREAD / len(measure)
    drawn = np.random.default_rng(seed).choice(len(measure), size=points, p=chance)
    return drawn, measure[drawn] / (chance[drawn] * points)


def _factor(metric: Floats) -> Floats:
    """Upper triangular, by Cholesky; the metric is positive but for rounding."""
    smallest = SMALLEST**2 * float(metric.diagonal().max())
    return np.asarray(np.linalg.cholesky(metric + smallest * np.eye(len(metric))).T)


def _single(values: Floats) -> torch.Tensor:
    return torch.tensor(np.asarray(values), dtype=torch.float32)
