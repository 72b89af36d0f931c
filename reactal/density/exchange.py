"""Exchange and correlation of a density that is partly a density matrix and partly fitted, on PySCF's grids, in blocks of points.

Points of a block are neighbours, so that of a large molecule each block sees a few functions only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from reactal.density.pairs import with_shells
from reactal.density.theory import DensityTheory

__all__ = ["POINTS", "Exchange", "exchange_of", "grids_of", "reaching"]

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
POINTS = 1500  # of a block: with all the functions of 200 atoms, and their gradients, less than a GiB
NOTHING = 1e-13  # of an orbital: what is nowhere larger in a block is left out of it


@final
@dataclass(frozen=True, eq=False)
class Exchange:
    """energy in hartree; its matrix (n, n); what the potential gives with the density itself; electrons on the grid."""

    energy: float
    matrix: Floats
    of_potential: float
    electrons: float


def grids_of(mole: Any, theory: DensityTheory) -> Any:
    """PySCF's grids around the atoms; points that see no orbital are left out."""
    from pyscf.dft import gen_grid

    grids = gen_grid.Grids(mole)
    grids.level = theory.grid_level
    return grids.build(with_non0tab=True)


def exchange_of(mole: Any, functions: Any, grids: Any, *, atoms: Floats, residual: Floats, theory: DensityTheory) -> Exchange:
    """Of the density `atoms` (n, n) plus the fitted `residual` (K,)."""
    from pyscf.dft import numint

    calculator = numint.NumInt()
    kind = calculator._xc_type(theory.functional)
    name = "GTOval_sph" if kind == "LDA" else "GTOval_sph_deriv1"
    energy = of_potential = electrons = 0.0
    matrix = np.zeros((mole.nao, mole.nao))
    for start in range(0, len(grids.weights), POINTS):
        points, weights = grids.coords[start : start + POINTS], grids.weights[start : start + POINTS]
        near, at = reaching(mole, points)
        orbitals = near.eval_gto(name, points)
        density = calculator.eval_rho(near, orbitals, atoms[np.ix_(at, at)], xctype=kind, hermi=1)
        density = _not_negative(density + _fitted(functions, residual, points, name))
        each, slope = calculator.eval_xc_eff(theory.functional, density, deriv=1, xctype=kind)[:2]
        values = density if density.ndim == 1 else density[0]
        weighted = weights * slope
        energy += float(np.dot(values * weights, each))
        of_potential += float(np.vdot(weighted, density if weighted.ndim == density.ndim else density[None]))
        electrons += float(values @ weights)
        weighted[0] *= 0.5
        scaled = numint._scale_ao(orbitals if orbitals.ndim == 3 else orbitals[None], weighted)
        first = orbitals[0] if orbitals.ndim == 3 else orbitals
        matrix[np.ix_(at, at)] += first.T @ scaled
    return Exchange(energy, matrix + matrix.T, of_potential, electrons)


def reaching(mole: Any, points: Floats) -> tuple[Any, Places]:
    """The shells of a molecule, or of its fitting functions, that are something at any of the points (P, 3), as a molecule, and
    the places of their functions among all."""
    from pyscf.gto.eval_gto import make_screen_index

    seen = make_screen_index(mole, points, cutoff=NOTHING).any(axis=0)
    if seen.all():
        return mole, np.arange(mole.nao)
    seen[0] |= not seen.any()  # PySCF wants one at least
    begins, shells = mole.ao_loc_nr(), np.flatnonzero(seen)
    places = [np.arange(begins[shell], begins[shell + 1]) for shell in shells]
    return with_shells(mole, shells), np.concatenate(places)


def _fitted(functions: Any, coefficients: Floats, points: Floats, name: str) -> Floats:
    """A fitted density at points: (P,), or (4, P) with its gradient."""
    near, at = reaching(functions, points)
    return np.asarray(near.eval_gto(name, points) @ coefficients[at])


def _not_negative(density: Floats) -> Floats:
    """A fitted density may fall below nothing by a little far outside, where no functional is defined."""
    values = density if density.ndim == 1 else density[0]
    gone = values < 0.0
    if density.ndim == 1:
        return np.where(gone, 0.0, density)
    return np.where(gone[None], 0.0, density)
