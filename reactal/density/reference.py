"""The SCF that densities are learned from, and what it leaves behind."""

from __future__ import annotations

import hashlib
import json
import struct
import time
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Structure
from reactal.density.coulomb import Coulomb
from reactal.density.molecules import fitting_molecule, molecule
from reactal.density.slopes import forces_of_orbitals, has_nonlocal_parts
from reactal.density.theory import DensityTheory
from reactal.errors import DamagedObject, ReactalError
from reactal.units import BOHR, HARTREE

__all__ = ["NotConverged", "ReferenceDensity", "forces_of", "mean_field", "reference_density"]

Floats = NDArray[np.float64]
SCHEMA = "reference-density-1"


class NotConverged(ReactalError):
    """The reference SCF found no density."""


@final
@dataclass(frozen=True, eq=False)
class ReferenceDensity:
    """A converged SCF: energy (eV), forces (N, 3) (eV/angstrom), its density matrix (n, n), iterations, wall seconds."""

    structure: Structure
    theory: DensityTheory
    energy: float
    forces: Floats
    density: Floats
    iterations: int
    seconds: float

    def to_bytes(self) -> bytes:
        """The same bytes for the same numbers: safetensors whose header says what they belong to. The matrix is symmetric; half
        of it is kept."""
        from safetensors.numpy import save

        rows = np.tril_indices(len(self.density))
        header = {
            "schema": SCHEMA,
            "structure": self.structure.as_json(),
            "theory": self.theory.as_json(),
            "energy": self.energy,
            "iterations": self.iterations,
            "seconds": self.seconds,
        }
        tensors = {"density": np.ascontiguousarray(self.density[rows]), "forces": np.ascontiguousarray(self.forces)}
        return bytes(save(tensors, {"reactal": json.dumps(header, sort_keys=True)}))

    @classmethod
    def from_bytes(cls, data: bytes, *, name: str) -> ReferenceDensity:
        """`DamagedObject` where the bytes are no such density."""
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            (length,) = struct.unpack("<Q", data[:8])  # safetensors: header length, header as JSON, tensors
            header = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["reactal"])
            if header["schema"] != SCHEMA:
                raise DamagedObject(f"{name} has the format {header['schema']}, this version reads {SCHEMA}")
            tensors = load(data)
            return cls(
                structure=Structure.from_json(header["structure"]),
                theory=DensityTheory.from_json(header["theory"]),
                energy=float(header["energy"]),
                forces=np.asarray(tensors["forces"], dtype=np.float64),
                density=_square(tensors["density"]),
                iterations=int(header["iterations"]),
                seconds=float(header["seconds"]),
            )
        except (struct.error, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise DamagedObject(f"{name} is no reference density ({error}); remove it, and it is computed again") from error

    @property
    def digest(self) -> str:
        """SHA-256 of the stored bytes."""
        return hashlib.sha256(self.to_bytes()).hexdigest()


def reference_density(structure: Structure, theory: DensityTheory, *, memory_mib: int = 2000) -> ReferenceDensity:
    """Run the SCF and its forces. `NotConverged`, `InputError` for open shells, `UnknownElement`."""
    mole = molecule(structure, theory)
    mole.max_memory = memory_mib
    began = time.perf_counter()
    field = mean_field(mole, theory)
    energy = float(field.kernel())
    seconds = time.perf_counter() - began
    if not field.converged:
        raise NotConverged(f"the SCF of {structure.formula} did not converge within {field.max_cycle} cycles")
    forces = forces_of(field, theory)
    density = np.asarray(field.make_rdm1())
    return ReferenceDensity(structure, theory, energy * HARTREE, forces, density, int(field.cycles), seconds)


def mean_field(mole: Any, theory: DensityTheory) -> Any:
    """PySCF's restricted Kohn-Sham with the theory's density fitting."""
    from pyscf.dft import rks

    field = rks.RKS(mole)
    field.xc, field.grids.level, field.conv_tol = theory.functional, theory.grid_level, theory.convergence
    field = field.density_fit(auxbasis=fitting_molecule(mole, theory)._basis)
    field.max_cycle, field.verbose = 100, 0
    return field


def forces_of(field: Any, theory: DensityTheory) -> Floats:
    """Forces (N, 3) in eV/angstrom of a mean field that has its orbitals: PySCF's, where it has them."""
    if not has_nonlocal_parts(field.mol):
        return _of_orbitals(field, theory)
    return -np.asarray(field.nuc_grad_method().kernel()) * (HARTREE / BOHR)


def _of_orbitals(field: Any, theory: DensityTheory) -> Floats:
    coulomb, density = Coulomb(field.mol, theory), np.asarray(field.make_rdm1())
    return forces_of_orbitals(
        coulomb.pairs,
        coulomb.functions,
        field.grids,
        density=density,
        weighted=(field.mo_coeff * field.mo_occ * field.mo_energy) @ field.mo_coeff.T,
        fitted=coulomb.fit(density),
        theory=theory,
    )


def _square(packed: Floats) -> Floats:
    size = round((float(np.sqrt(8 * len(packed) + 1)) - 1) / 2)
    if size * (size + 1) // 2 != len(packed):
        raise ValueError(f"{len(packed)} numbers are no half of a square")
    full = np.zeros((size, size))
    full[np.tril_indices(size)] = packed
    return np.asarray(full + np.tril(full, -1).T)
