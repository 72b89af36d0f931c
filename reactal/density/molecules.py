"""From a structure to PySCF's molecule, its fitting functions, and the free atoms that a density is counted from."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Structure
from reactal.chem.elements import SYMBOLS
from reactal.density.theory import DensityTheory
from reactal.errors import ConfigError, InputError, LabelerUnavailable, UnknownElement

__all__ = ["atoms_density", "fitting_molecule", "fitting_shells", "molecule", "require_closed_shell"]

Floats = NDArray[np.float64]


def require_closed_shell(structure: Structure) -> None:
    """`InputError` for what a density cannot be learned of here: open shells and periodic cells."""
    if structure.multiplicity != 1:
        raise InputError(f"{structure.formula} has multiplicity {structure.multiplicity}; densities are learned of closed shells")
    if structure.cell is not None:
        raise InputError(f"{structure.formula} has a periodic cell; densities are learned of molecules")


def molecule(structure: Structure, theory: DensityTheory) -> Any:
    """PySCF's `Mole`. `UnknownElement` if the basis or the pseudopotential does not know an element, `ConfigError` for a
    functional that one step cannot have."""
    require_closed_shell(structure)
    atoms = list(zip(structure.symbols, structure.positions.tolist(), strict=True))
    made = _built(atoms, theory, charge=structure.charge)
    _require_semilocal(theory.functional)
    return made


def fitting_molecule(mole: Any, theory: DensityTheory) -> Any:
    """The fitting functions on the same atoms."""
    from pyscf import gto

    shells = {symbol: list(_fitting_basis(symbol, theory)) for symbol in {mole.atom_pure_symbol(i) for i in range(mole.natm)}}
    atoms = [(mole.atom_pure_symbol(i), mole.atom_coord(i)) for i in range(mole.natm)]
    fitted = gto.M(atom=atoms, unit="Bohr", basis=shells, spin=None, verbose=0)
    fitted.max_memory = mole.max_memory
    return fitted


def fitting_shells(number: int, theory: DensityTheory) -> tuple[int, ...]:
    """The angular momentum of each fitting shell of an element, in the order of their coefficients: (2 l + 1) for each."""
    return tuple(int(shell[0]) for shell in _fitting_basis(SYMBOLS[number], theory))


def atoms_density(mole: Any, theory: DensityTheory) -> Floats:
    """The density matrix of the free, spherical atoms in the molecule's places."""
    from scipy.linalg import block_diag

    return np.asarray(block_diag(*(_free_atom(mole.atom_pure_symbol(i), theory) for i in range(mole.natm))))


@lru_cache(maxsize=128)
def _require_semilocal(functional: str) -> None:
    """Exact exchange needs the orbitals, kinetic energy densities and nonlocal correlation more than the density: they would be
    left out of one step without a word."""
    from pyscf.dft import libxc

    try:
        kind, more = libxc.xc_type(functional), libxc.is_hybrid_xc(functional) or libxc.is_nlc(functional)
    except (KeyError, ValueError, IndexError) as error:
        raise ConfigError(f"PySCF knows no functional {functional}; write for example pbe or blyp") from error
    if more or kind not in ("LDA", "GGA"):
        raise ConfigError(
            f"functional {functional} is no LDA or GGA, of which alone densities are learned; write for example pbe"
        )


@lru_cache(maxsize=128)
def _fitting_basis(symbol: str, theory: DensityTheory) -> tuple[Any, ...]:
    """Shells as PySCF writes them, by rising l. Hydrogen's end one l lower than those of atoms with a d shell."""
    from pyscf import df

    atom = _built([(symbol, (0.0, 0.0, 0.0))], theory, charge=0)
    made = df.aug_etb(atom, theory.fitting_ratio)[symbol]
    kept = [shell for shell in made if shell[0] <= theory.fitting_angular]
    return tuple(sorted(kept, key=lambda shell: shell[0]))


@lru_cache(maxsize=128)
def _free_atom(symbol: str, theory: DensityTheory) -> Floats:
    """The density matrix of one atom whose valence electrons are spread evenly over each shell."""
    from pyscf.dft import rks

    atom = _built([(symbol, (0.0, 0.0, 0.0))], theory, charge=0)
    angular = np.concatenate([np.full(2 * atom.bas_angular(b) + 1, atom.bas_angular(b)) for b in _contracted(atom)])
    wanted = _valence(atom.nelectron)

    def occupied(energies: Floats | None = None, orbitals: Floats | None = None) -> Floats:
        assert energies is not None and orbitals is not None
        weights = np.stack([(orbitals[angular == one] ** 2).sum(axis=0) for one in range(max(angular) + 1)])
        kind, filled = weights.argmax(axis=0), np.zeros(len(energies))
        for one, electrons in enumerate(wanted):
            lowest = np.flatnonzero(kind == one)[: 2 * one + 1]
            filled[lowest] = electrons / (2 * one + 1)
        return filled

    field = rks.RKS(atom)  # dft.RKS would make an open shell of an odd number
    field.xc, field.grids.level, field.get_occ, field.verbose = theory.functional, 4, occupied, 0
    field.kernel()
    density = _round(np.asarray(field.make_rdm1()), angular)
    density.setflags(write=False)
    return density


def _contracted(atom: Any) -> list[int]:
    """Each shell as often as it has contractions: PySCF keeps those of general contractions together."""
    return [shell for shell in range(atom.nbas) for _ in range(atom.bas_nctr(shell))]


def _valence(electrons: int) -> tuple[float, ...]:
    """Electrons in the s and p shells outside a noble-gas core: main-group elements up to two s electrons first."""
    if electrons > 8:
        raise UnknownElement(f"an element with {electrons} valence electrons has d electrons; main groups can be learned of")
    return (float(min(electrons, 2)), float(max(electrons - 2, 0)))


def _round(density: Floats, angular: NDArray[np.int64]) -> Floats:
    """Averaged over all rotations: shells of the same l share one number for all m."""
    mean = np.zeros_like(density)
    starts = [index for index in range(len(angular)) if index == 0 or _begins(angular, index)]
    for row in starts:
        for column in starts:
            if angular[row] == angular[column]:
                width = 2 * int(angular[row]) + 1
                block = density[row : row + width, column : column + width]
                mean[row : row + width, column : column + width] = np.eye(width) * np.trace(block) / width
    return mean


def _begins(angular: NDArray[np.int64], index: int) -> bool:
    first = int(np.flatnonzero(angular == angular[index])[0])
    return bool((index - first) % (2 * int(angular[index]) + 1) == 0)


def _built(atoms: list[Any], theory: DensityTheory, *, charge: int) -> Any:
    try:
        from pyscf import gto
    except ImportError as error:
        raise LabelerUnavailable("learned densities need PySCF: pip install pyscf") from error
    try:
        made = gto.M(atom=atoms, basis=theory.basis, pseudo=theory.pseudo, charge=charge, spin=None, verbose=0)
    except Exception as error:  # PySCF raises several kinds for a name or an element that it does not have
        names = ", ".join(sorted({symbol for symbol, _ in atoms}))
        raise UnknownElement(f"{theory.basis} with {theory.pseudo} does not know {names} ({error})") from error
    if missing := {made.atom_pure_symbol(i) for i in range(made.natm)} - set(made._pseudo):
        raise UnknownElement(f"there is no pseudopotential {theory.pseudo} for {', '.join(sorted(missing))}")
    return made
