"""A molecule's energy from its learned density where that can be trusted, from the full SCF where not; and which it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Structure
from reactal.density.coulomb import MEBIBYTE
from reactal.density.model import DensityModel
from reactal.density.molecules import fitting_molecule, molecule, require_closed_shell
from reactal.density.oneshot import OneShot, Stage
from reactal.density.reference import NotConverged, forces_of, mean_field
from reactal.density.room import NotEnoughMemory, enough_memory, require_scratch
from reactal.density.theory import DensityTheory
from reactal.errors import InputError
from reactal.units import BOHR, HARTREE

__all__ = ["DensityAnswer", "NotTrusted", "answer", "full_scf"]

Floats = NDArray[np.float64]
LIMIT_MHA = 5.0


class NotTrusted(InputError):
    """A density that its guard does not trust, where no SCF was allowed to take its place."""


@final
@dataclass(frozen=True, eq=False)
class DensityAnswer:
    """energy in eV; forces (N, 3) eV/angstrom where asked for; dipole (3,) e*angstrom; orbital energies (n,) eV; density (n, n).

    route: `one-shot` or `scf`; `because` says why it was the SCF; bound in mHa of the one-shot's energy, None without one;
    iterations of the SCF, 1 for a one-shot.
    """

    energy: float
    forces: Floats | None
    dipole: Floats
    orbital_energies: Floats
    density: Floats
    route: Literal["one-shot", "scf"]
    because: str | None
    bound_mha: float | None
    iterations: int
    one_shot: OneShot | None


def answer(
    model: DensityModel,
    structure: Structure,
    *,
    forces: bool = False,
    limit_mha: float = LIMIT_MHA,
    memory_mib: int = 2000,
    otherwise_scf: bool = True,
) -> DensityAnswer:
    """A one-shot if its energy should be right to `limit_mha`, else the SCF, started from what was predicted, or `NotTrusted`.

    Raises `InputError` for open shells and periodic cells, `UnknownElement` for elements without a pseudopotential,
    `NotConverged` where the SCF was needed and did not converge, `NotEnoughMemory` where neither has room.
    """
    with enough_memory(f"{structure.formula}"):
        return _answer(model, structure, forces=forces, limit_mha=limit_mha, memory_mib=memory_mib, otherwise_scf=otherwise_scf)


def _answer(
    model: DensityModel, structure: Structure, *, forces: bool, limit_mha: float, memory_mib: int, otherwise_scf: bool
) -> DensityAnswer:
    require_closed_shell(structure)
    try:
        if (reason := model.guard.before(structure)) is None:
            stage = Stage(structure, model.theory, memory_mib=memory_mib)
            predicted = model.predict(stage)
    except NotEnoughMemory as error:  # the SCF may do with less
        reason = str(error)
    if reason is not None:
        _allowed(otherwise_scf, structure, reason)
        return full_scf(structure, model.theory, because=reason, forces=forces, memory_mib=memory_mib)
    shot = stage.run(predicted.coefficients)
    milli = 1e3 / HARTREE
    bound = model.guard.bound_mha(shot.residual * milli, predicted.spread * milli)
    strange = model.guard.strange(structure)
    if (reason := model.guard.after(bound_mha=bound, limit_mha=limit_mha, strange=strange)) is not None:
        _allowed(otherwise_scf, structure, reason)
        scf = full_scf(
            structure, model.theory, because=reason, forces=forces, memory_mib=memory_mib, guess=shot.density, stage=stage
        )
        return DensityAnswer(**{**vars(scf), "bound_mha": bound, "one_shot": shot})
    shot = stage.finished(shot) if forces else shot
    return DensityAnswer(
        shot.energy, shot.forces, shot.dipole, shot.orbital_energies, shot.density, "one-shot", None, bound, 1, shot
    )


def _allowed(otherwise_scf: bool, structure: Structure, reason: str) -> None:
    if not otherwise_scf:
        raise NotTrusted(f"the density model does not answer for {structure.formula}: {reason}")


def _require_scratch(structure: Structure, mole: Any, theory: DensityTheory) -> None:
    """PySCF keeps its integrals in memory or, where there is no room, on disk."""
    from pyscf import lib

    integrals = 4.0 * mole.nao * (mole.nao + 1) * fitting_molecule(mole, theory).nao
    if integrals > mole.max_memory * MEBIBYTE:
        require_scratch(structure, integrals, lib.param.TMPDIR)


def full_scf(
    structure: Structure,
    theory: DensityTheory,
    *,
    because: str | None = None,
    forces: bool = False,
    memory_mib: int = 2000,
    guess: Floats | None = None,
    stage: Stage | None = None,
) -> DensityAnswer:
    """The ordinary calculation; `guess` is a density matrix to start from. `NotConverged`."""
    mole = molecule(structure, theory) if stage is None else stage.mole
    mole.max_memory = memory_mib
    _require_scratch(structure, mole, theory)
    field = mean_field(mole, theory)
    energy = float(field.kernel(dm0=guess))
    if not field.converged:
        raise NotConverged(f"the SCF of {structure.formula} did not converge within {field.max_cycle} cycles")
    slope = forces_of(field, theory) if forces else None
    return DensityAnswer(
        energy=energy * HARTREE,
        forces=slope,
        dipole=np.asarray(field.dip_moment(unit="AU", verbose=0)) * BOHR,
        orbital_energies=np.asarray(field.mo_energy) * HARTREE,
        density=np.asarray(field.make_rdm1()),
        route="scf",
        because=because,
        bound_mha=None,
        iterations=int(field.cycles),
        one_shot=None,
    )
