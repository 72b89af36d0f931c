"""Exchange and correlation of a density that is partly a density matrix and partly fitted, on PySCF's grids in blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from reactal.density.theory import DensityTheory

__all__ = ["Exchange", "exchange_of", "grids_of", "residual_on"]

Floats = NDArray[np.float64]


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
    energy = of_potential = electrons = 0.0
    matrix = np.zeros((mole.nao, mole.nao))
    for orbitals, weights, fitted in _blocks(mole, functions, grids, derivatives=0 if kind == "LDA" else 1):
        density = calculator.eval_rho(mole, orbitals, atoms, xctype=kind, hermi=1) + (
            residual @ fitted if kind == "LDA" else np.stack([f @ residual for f in fitted])
        )
        density = _not_negative(density)
        each, slope = calculator.eval_xc_eff(theory.functional, density, deriv=1, xctype=kind)[:2]
        values = density if density.ndim == 1 else density[0]
        weighted = weights * slope
        energy += float(np.dot(values * weights, each))
        of_potential += float(np.vdot(weighted, density if weighted.ndim == density.ndim else density[None]))
        electrons += float(values @ weights)
        weighted[0] *= 0.5
        scaled = numint._scale_ao(orbitals if orbitals.ndim == 3 else orbitals[None], weighted)
        first = orbitals[0] if orbitals.ndim == 3 else orbitals
        matrix += first.T @ scaled
    return Exchange(energy, matrix + matrix.T, of_potential, electrons)


def residual_on(functions: Any, points: Floats, coefficients: Floats) -> Floats:
    """A fitted density at points (P, 3) in bohr, with its gradient: (4, P)."""
    return np.stack([part @ coefficients for part in functions.eval_gto("GTOval_sph_deriv1", points)])


def _blocks(mole: Any, functions: Any, grids: Any, *, derivatives: int) -> Iterator[tuple[Floats, Floats, Floats]]:
    size = max(200, int(2e8 / (8 * 4 * (mole.nao + functions.nao))))
    name = "GTOval_sph" if derivatives == 0 else "GTOval_sph_deriv1"
    for start in range(0, len(grids.weights), size):
        points = grids.coords[start : start + size]
        yield mole.eval_gto(name, points), grids.weights[start : start + size], functions.eval_gto(name, points)


def _not_negative(density: Floats) -> Floats:
    """A fitted density may fall below nothing by a little far outside, where no functional is defined."""
    values = density if density.ndim == 1 else density[0]
    gone = values < 0.0
    if density.ndim == 1:
        return np.where(gone, 0.0, density)
    return np.where(gone[None], 0.0, density)
