"""The one border to ASE: every file format and every calculator passes through here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reactal.chem.frames import Frames
from reactal.chem.label import Label
from reactal.chem.states import StateRules, state_in_comment
from reactal.chem.structure import Structure
from reactal.errors import InputError, StructureError

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["frame_atoms", "from_ase", "read_frames", "read_structure", "state_of", "to_ase", "write_frames"]


def state_of(atoms: Atoms, *, charge: int = 0, multiplicity: int = 1) -> tuple[int, int]:
    """Charge and multiplicity as `atoms.info` names them, else these.

    Of a comment such as "charge 0, multiplicity 1" ASE makes flags that are True: words, not numbers.
    """
    named_charge, named_multiplicity = _named_state(atoms)
    return (
        charge if named_charge is None else named_charge,
        multiplicity if named_multiplicity is None else named_multiplicity,
    )


def _named_state(atoms: Atoms) -> tuple[int | None, int | None]:
    """As `atoms.info` names them, or what ASE's database kept in it; None where nothing does."""
    kept = [place for name in ("data", "key_value_pairs") if isinstance(place := atoms.info.get(name), Mapping)]
    info: dict[str, Any] = {name: value for place in (*kept, atoms.info) for name, value in place.items()}
    found = {
        name: int(value)
        for name, value in info.items()
        if name in ("charge", "multiplicity", "spin") and not isinstance(value, bool | np.bool_) and _is_whole(value)
    }
    return found.get("charge"), found.get("multiplicity", found.get("spin"))


def _is_whole(value: Any) -> bool:
    try:
        return float(value) == int(value)
    except (TypeError, ValueError):
        return False


def from_ase(
    atoms: Atoms, *, charge: int | None = None, multiplicity: int | None = None, rules: StateRules | None = None
) -> Structure:
    """Charge and multiplicity from the arguments or `rules`, else from `atoms.info`, else 0 and 1."""
    named_charge, named_multiplicity = _named_state(atoms)
    numbers = tuple(int(n) for n in atoms.numbers)
    rules = rules or StateRules(charge, multiplicity)
    total, spin = rules.state(numbers, charge=named_charge, multiplicity=named_multiplicity)
    periodic = bool(atoms.pbc.any())
    return Structure(
        numbers,
        atoms.get_positions(),
        charge=total,
        multiplicity=spin,
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
        found = _database_rows(file, last=index != ":") if file.suffix.lower() == ".db" else read(file, index=index)
    except Exception as error:  # ASE raises whatever its many parsers raise
        raise InputError(f"{file} cannot be read as a geometry ({type(error).__name__}: {error}); is it complete?") from error
    images = found if isinstance(found, list) else [found]
    if index == ":" and file.suffix.lower() == ".xyz":
        _name_states(file, images)
    return images


def _database_rows(file: Path, *, last: bool) -> list[Atoms]:
    """Of an ASE database, with what it kept beside the atoms in `info`: ASE's own reader leaves that out."""
    from ase.db import connect

    rows = list(connect(file).select())[-1 if last else 0 :]
    return [row.toatoms(add_additional_information=True) for row in rows]


def _name_states(file: Path, images: list[Atoms]) -> None:
    """ASE makes flags of the two numbers that a comment such as `0 2` consists of; here they become what they are."""
    with file.open(encoding="utf-8", errors="replace") as lines:
        for atoms in images:
            count, comment = next(lines, ""), next(lines, "")
            if not count.strip().isdecimal() or int(count) != len(atoms):
                return  # some other dialect than one block after another
            for _ in range(len(atoms)):
                next(lines, "")
            if (state := state_in_comment(comment)) is not None and _named_state(atoms) == (None, None):
                atoms.info.update(zip(("charge", "multiplicity"), state, strict=True))


def read_structure(path: str | Path, *, charge: int | None = None, multiplicity: int | None = None) -> Structure:
    """The last geometry of a file."""
    frames = _read(path, "-1:")
    if not frames:
        raise InputError(f"{path} holds no geometry")
    try:
        return from_ase(frames[-1], charge=charge, multiplicity=multiplicity)
    except StructureError as error:
        raise type(error)(f"{path}: {error}") from error


def read_frames(
    path: str | Path,
    *,
    charge: int | None = None,
    multiplicity: int | None = None,
    rules: StateRules | None = None,
    columns: Sequence[str] = (),
) -> Frames:
    """Every geometry of a file, with energies and forces where it has them (ASE units: eV, eV/angstrom).

    `columns` are words of the geometries' `info` to keep, as text; those that no geometry has are left out.
    """
    from ase.calculators.calculator import PropertyNotImplementedError

    structures, labels = [], []
    told: dict[str, list[str]] = {name: [] for name in columns}
    for number, atoms in enumerate(_read(path, ":"), start=1):
        try:
            structure = from_ase(atoms, charge=charge, multiplicity=multiplicity, rules=rules)
        except StructureError as error:
            raise type(error)(f"{path}, geometry {number}: {error}") from error
        structures.append(structure)
        for name, words in told.items():
            words.append(str(atoms.info.get(name, "")))
        label = None
        if atoms.calc is not None:
            try:
                label = Label(structure.key, "imported", float(atoms.get_potential_energy()), atoms.get_forces())
            except (PropertyNotImplementedError, RuntimeError):
                label = None
        labels.append(label)
    return Frames.of(structures, labels, **{name: np.asarray(words) for name, words in told.items() if any(words)})


def frame_atoms(frames: Frames, index: int) -> Atoms:
    """Structure `index` with its label, if it has one, and its extra columns in `info`, empty text left out: ASE's extended XYZ
    writes it in a way that hides the rest of the line from its reader, energies among it."""
    known = bool(np.isfinite(frames.energy[index]))
    atoms = to_ase(
        frames.structure(index),
        energy=float(frames.energy[index]) if known else None,
        forces=frames.forces[frames.atoms(index)] if known else None,
    )
    told = ((name, column[index]) for name, column in frames.extra.items())
    atoms.info.update({name: value for name, value in told if not (isinstance(value, str) and not value)})
    return atoms


def write_frames(path: str | Path, frames: Frames) -> None:
    """To any format ASE writes; extended XYZ keeps charge, multiplicity, energy and forces."""
    from ase.io import write

    images = [frame_atoms(frames, i) for i in range(len(frames))]
    try:
        write(Path(path), images)
    except Exception as error:  # ASE raises whatever its many writers raise
        raise InputError(f"cannot write {path} ({type(error).__name__}: {error})") from error
