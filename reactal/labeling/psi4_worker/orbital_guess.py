"""Occupied orbitals of Psi4 to and from the form in which they are learned.

That form: columns in Loewdin's orthonormal basis of the functions of `shells.Turning`, rows by atoms in the order asked for.
It is orthonormal at every geometry, and turns with the molecule.
"""

from __future__ import annotations

from typing import Any, Dict, List, Sequence, Tuple

from .neighbours import ORBITALS, power_of
from .shells import Shell, Turning, shells_of

UNNEEDED = ("Da", "Db", "Fa", "Fb", "H", "S", "X", "aotoso", "gradient", "hessian")


def planes_of(wavefunction: Any, order: Sequence[int], *, spins: int) -> Tuple[List[Shell], List[Any]]:
    """The shells in this order of the atoms, and the occupied space of each spin (functions, orbitals)."""
    import numpy as np

    turning = Turning(shells_of(wavefunction.basisset()))
    basis, overlap = turning.unitary_basis(), np.asarray(wavefunction.S())
    to_plane = power_of(basis.T @ overlap @ basis, -0.5) @ basis.T @ overlap
    rows = turning.rows(order)
    subsets = (wavefunction.Ca_subset, wavefunction.Cb_subset)[:spins]
    return in_order(turning.shells, order), [(to_plane @ np.asarray(subset("SO", "OCC")))[rows] for subset in subsets]


def in_order(shells: Sequence[Shell], order: Sequence[int]) -> List[Shell]:
    return [(place, degree, pure) for place, atom in enumerate(order) for other, degree, pure in shells if other == atom]


def write_orbitals(psi4: Any, orbitals: Any, planes: Sequence[Any], order: Sequence[int]) -> None:
    """Where Psi4 looks for a guess. `orbitals` is the wavefunction before anything is computed, `planes` as of `planes_of`.

    Raises `ValueError` where the planes are of other numbers of functions or electrons.
    """
    import numpy as np

    basis_set = orbitals.basisset()
    turning = Turning(shells_of(basis_set))
    electrons = (orbitals.nalpha(), orbitals.nbeta())
    pairs = [planes[0], planes[-1]]
    if [plane.shape for plane in pairs] != [(turning.size, count) for count in electrons]:
        raise ValueError("the orbitals are of another molecule or basis")
    basis = turning.unitary_basis()
    overlap = np.asarray(psi4.core.MintsHelper(basis_set).ao_overlap())
    to_orbitals = basis @ power_of(basis.T @ overlap @ basis, -0.5)
    rows = turning.rows(order)
    coefficients = []
    for plane in pairs:
        here = np.zeros((turning.size, turning.size))
        here[rows, : plane.shape[1]] = plane
        coefficients.append(to_orbitals @ here)
    guess = psi4.core.Wavefunction.from_file(_described(orbitals, coefficients))
    guess.to_file(orbitals.get_scratch_filename(ORBITALS))


def _described(orbitals: Any, coefficients: Sequence[Any]) -> Dict[str, Any]:
    """A wavefunction as Psi4 writes one, with nothing but orbitals in it."""
    size, up, down = len(coefficients[0]), orbitals.nalpha(), orbitals.nbeta()
    counts = {"doccpi": down, "frzcpi": 0, "frzvpi": 0, "nalphapi": up, "nbetapi": down, "nmopi": size, "nsopi": size}
    basis_set = orbitals.basisset()
    return {
        "molecule": orbitals.molecule().to_dict(),
        "matrix": {"Ca": coefficients[0], "Cb": coefficients[1], **dict.fromkeys(UNNEEDED)},
        "vector": dict.fromkeys(("epsilon_a", "epsilon_b", "frequencies")),
        "dimension": {**{name: (count,) for name, count in counts.items()}, "soccpi": (up - down,)},
        "int": {"nalpha": up, "nbeta": down, "nfrzc": 0, "nirrep": 1, "nmo": size, "nso": size, "print": 1},
        "string": {"name": "RHF" if up == down else "UHF", "basisname": basis_set.name()},
        "boolean": {
            "PCM_enabled": False,
            "same_a_b_dens": False,
            "same_a_b_orbs": False,
            "density_fitted": False,
            "basispuream": basis_set.has_puream(),
        },
        "float": dict.fromkeys(("energy", "efzc", "dipole_field_x", "dipole_field_y", "dipole_field_z"), 0.0),
        "floatvar": {},
        "matrixarr": {},
    }
