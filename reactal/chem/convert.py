"""The one border to ASE: every file format and every calculator passes through here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reactal.chem.frames import Frames
from reactal.chem.label import Label
from reactal.chem.structure import Structure
from reactal.errors import InputError, StructureError

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["from_ase", "read_frames", "read_structure", "state_of", "to_ase", "write_frames"]


def state_of(atoms: Atoms, *, charge: int = 0, multiplicity: int = 1) -> tuple[int, int]:
    """Charge and multiplicity as `atoms.info` names them, else these.

    Of a comment such as "charge 0, multiplicity 1" ASE makes flags that are True: words, not numbers.
    """
    info: dict[str, Any] = atoms.info
    found = {
        name: int(value)
        for name, value in info.items()
        if name in ("charge", "multiplicity", "spin") and not isinstance(value, bool | np.bool_) and _is_whole(value)
    }
    return found.get("charge", charge), found.get("multiplicity", found.get("spin", multiplicity))


def _is_whole(value: Any) -> bool:
    try:
        return float(value) == int(value)
    except (TypeError, ValueError):
        return False


def from_ase(atoms: Atoms, *, charge: int | None = None, multiplicity: int | None = None) -> Structure:
    """Charge and multiplicity from the arguments, else from `atoms.info`, else 0 and 1."""
    named_charge, named_multiplicity = state_of(atoms)
    periodic = bool(atoms.pbc.any())
    return Structure(
        tuple(int(n) for n in atoms.numbers),
        atoms.get_positions(),
        charge=named_charge if charge is None else charge,
        multiplicity=named_multiplicity if multiplicity is None else multiplicity,
        cell=np.asarray(atoms.cell) if periodic else None,
        pbc=tuple(bool(p) for p in atoms.pbc) if periodic else (False, False, False),  # type: ignore[arg-type]
    )


def to_ase(structure: Structure, *, energy: float | None = None, forces: Any = None) -> Atoms:
    """ASE atoms, with a single-point calculator where there is an energy."""
    from ase import Atoms
    from ase.calculators.singlepoint import SinglePointCalculator

    atoms = Atoms(numbers=structure.numbers, positions=structure.positions, cell=structure.cell, pbc=structure.pbc)
    atoms.info.update(charge=structure.charge, multiplicity=structure.multiplicity)
    if energy is not None:
        atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
    return atoms


def _read(path: str | Path, index: str) -> list[Atoms]:
    from ase.io import read

    file = Path(path)
    if not file.is_file():
        raise InputError(f"there is no file {file}; give a geometry in any format ASE reads, such as .xyz")
    try:
        found = read(file, index=index)
    except Exception as error:  # ASE raises whatever its many parsers raise
        raise InputError(f"{file} cannot be read as a geometry ({type(error).__name__}: {error}); is it complete?") from error
    return found if isinstance(found, list) else [found]


def read_structure(path: str | Path, *, charge: int | None = None, multiplicity: int | None = None) -> Structure:
    """The last geometry of a file."""
    frames = _read(path, "-1:")
    if not frames:
        raise InputError(f"{path} holds no geometry")
    try:
        return from_ase(frames[-1], charge=charge, multiplicity=multiplicity)
    except StructureError as error:
        raise type(error)(f"{path}: {error}") from error


def read_frames(path: str | Path, *, charge: int | None = None, multiplicity: int | None = None) -> Frames:
    """Every geometry of a file, with energies and forces where it has them (ASE units: eV, eV/angstrom)."""
    from ase.calculators.calculator import PropertyNotImplementedError

    structures, labels = [], []
    for number, atoms in enumerate(_read(path, ":"), start=1):
        try:
            structure = from_ase(atoms, charge=charge, multiplicity=multiplicity)
        except StructureError as error:
            raise type(error)(f"{path}, geometry {number}: {error}") from error
        structures.append(structure)
        label = None
        if atoms.calc is not None:
            try:
                label = Label(structure.key, "imported", float(atoms.get_potential_energy()), atoms.get_forces())
            except (PropertyNotImplementedError, RuntimeError):
                label = None
        labels.append(label)
    return Frames.of(structures, labels)


def write_frames(path: str | Path, frames: Frames) -> None:
    """To any format ASE writes; extended XYZ keeps charge, multiplicity, energy and forces."""
    from ase.io import write

    images = []
    for i in range(len(frames)):
        known = bool(frames.labelled[i])
        images.append(
            to_ase(
                frames.structure(i),
                energy=float(frames.energy[i]) if known else None,
                forces=frames.forces[frames.atoms(i)] if known else None,
            )
        )
        images[-1].info.update({name: column[i] for name, column in frames.extra.items()})
    try:
        write(Path(path), images)
    except Exception as error:  # ASE raises whatever its many writers raise
        raise InputError(f"cannot write {path} ({type(error).__name__}: {error})") from error
