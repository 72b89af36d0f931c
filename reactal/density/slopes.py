"""Forces of a set of orbitals, term by term and block by block: PySCF's gradients of pseudopotentials and density fitting have
tens of GiB in memory at once where there are 200 atoms.

With D the density matrix, W the energy-weighted one, c the coefficients of the fitted density and (ij|k) three-centre integrals,
    dE = tr D dT + tr D dV + sum D_ij c_k d(ij|k) - 1/2 c d(k|l) c + sum D_ij d<i|vxc|j> - tr W dS + nuclei.
(ij|k) does not change when all three centres move, so the slope at k follows from those at i and j.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from reactal.density.pairs import Pairs
from reactal.density.theory import DensityTheory
from reactal.units import BOHR, HARTREE

__all__ = ["forces_of_orbitals", "has_nonlocal_parts"]

Floats = NDArray[np.float64]
MOST = 100 * 2**20  # bytes of a block


def forces_of_orbitals(
    pairs: Pairs, functions: Any, grids: Any, *, density: Floats, weighted: Floats, fitted: Floats, theory: DensityTheory
) -> Floats:
    """Forces (N, 3) in eV/angstrom from the density matrix (n, n), the energy-weighted one (n, n), hartree, and the coefficients
    (K,) of the fitted density. Where the orbitals are not converged their error is of first order in the density's."""
    mole = pairs.mole
    slope = _of_pairs(mole, mole.intor("int1e_ipkin", comp=3), density) - _of_pairs(
        mole, mole.intor("int1e_ipovlp", comp=3), weighted
    )
    slope += _of_charges(pairs, functions, density, fitted) - _of_metric(functions, fitted)
    slope += _of_pseudopotentials(pairs, density) + _of_exchange(mole, grids, density, theory) + _of_nuclei(mole)
    return -slope * (HARTREE / BOHR)


def has_nonlocal_parts(mole: Any) -> bool:
    """Whether a pseudopotential has projectors. Those of hydrogen and lithium have none, which PySCF's gradients do not know."""
    return any(parts[4] for parts in mole._pseudo.values())


def _of_pairs(mole: Any, gradients: Floats, matrix: Floats) -> Floats:
    """Of integrals <grad i|...|j> (3, n, n): an orbital that moves has the gradient's opposite, and i and j both do."""
    each = -2 * np.einsum("xij,ij->ix", gradients, matrix)
    return _by_atom(mole, each)


def _of_charges(pairs: Pairs, functions: Any, density: Floats, coefficients: Floats) -> Floats:
    """Of the Coulomb energy between the orbitals' density and charges at fixed coefficients (K,)."""
    at_orbitals, at_functions = np.zeros((pairs.mole.natm, 3)), np.zeros((functions.nao, 3))
    for block in pairs.blocks(functions, most=MOST, name="int3c2e_ip1", components=3, which="twice"):
        each = 2 * coefficients[block.places, None] * block.with_density(density)
        at_orbitals[block.atom] -= each.sum(axis=0)
        at_functions[block.places] += each
    return at_orbitals + _by_atom(functions, at_functions)


def _of_metric(functions: Any, coefficients: Floats) -> Floats:
    """Of half the Coulomb energy of the fitted density with itself."""
    places, slope = functions.ao_loc_nr(), np.zeros((functions.nao, 3))
    step = max(1, functions.nbas * MOST // (3 * 8 * functions.nao**2))  # shells at once
    for first in range(0, functions.nbas, step):
        last = min(first + step, functions.nbas)
        part = slice(places[first], places[last])
        gradients = functions.intor("int2c2e_ip1", comp=3, shls_slice=(first, last, 0, functions.nbas))
        slope[part] = -(gradients @ coefficients).T * coefficients[part, None]
    return _by_atom(functions, slope)


def _of_pseudopotentials(pairs: Pairs, density: Floats) -> Floats:
    """The cores' charges are smeared, so that they are like a fitted density; the rest is PySCF's."""
    from pyscf.gto.pp_int import vpploc_nuc_grad, vppnl_nuc_grad
    from pyscf.pbc.gto.pseudo import pp_int

    mole = pairs.mole
    cores = pp_int.fake_cell_vloc(mole, 0)
    slope = _of_charges(pairs, cores, density, -np.asarray(cores.atom_charges(), dtype=np.float64))
    slope += vpploc_nuc_grad(mole, density)
    return slope + vppnl_nuc_grad(mole, density) if has_nonlocal_parts(mole) else slope


def _of_exchange(mole: Any, grids: Any, density: Floats, theory: DensityTheory) -> Floats:
    """On the grid as if it did not move, as in PySCF's gradients."""
    from pyscf.dft import numint
    from pyscf.grad import rks

    _, matrix = rks.get_vxc(numint.NumInt(), mole, grids, theory.functional, density, max_memory=mole.max_memory)
    return _by_atom(mole, 2 * np.einsum("xij,ij->ix", matrix, density))


def _of_nuclei(mole: Any) -> Floats:
    from pyscf.grad.rhf import grad_nuc

    return np.asarray(grad_nuc(mole))


def _by_atom(mole: Any, each: Floats) -> Floats:
    """Sums of rows (n, 3) over the functions of each atom (N, 3)."""
    return np.stack([each[begin:end].sum(axis=0) for begin, end in mole.aoslice_by_atom()[:, 2:]])
