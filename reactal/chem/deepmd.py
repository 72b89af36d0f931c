"""Frames as a folder of DeePMD-kit systems ("deepmd/npy"), one for each order of atoms, charge and multiplicity.

    OUT/SYSTEM/type.raw, type_map.raw, nopbc      as DeePMD-kit documents them
    OUT/SYSTEM/set.000/coord.npy (angstrom), energy.npy (eV), force.npy (eV/angstrom), box.npy (angstrom, periodic systems)
    OUT/SYSTEM/set.000/charge.npy, multiplicity.npy, row.npy      ours, which DeePMD-kit passes over
    OUT/reactal.json                              says that the folder may be written anew

DeePMD-kit knows no missing label: structures without one are left out.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reactal.chem.elements import SYMBOLS, atomic_number, formula
from reactal.chem.frames import Frames
from reactal.chem.label import Label
from reactal.chem.structure import Structure
from reactal.errors import InputError

__all__ = ["is_deepmd", "may_be_replaced", "read_deepmd", "write_deepmd"]

SCHEMA = "reactal-deepmd-1"
MARK = "reactal.json"
SET = "set.000"


def may_be_replaced(path: Path) -> bool:
    """Nothing there, an empty folder, or one that `write_deepmd` wrote."""
    return not path.exists() or (path.is_dir() and ((path / MARK).is_file() or not any(path.iterdir())))


def is_deepmd(path: Path) -> bool:
    return path.is_dir() and any(True for _ in path.rglob("type.raw"))


def write_deepmd(path: Path, frames: Frames) -> None:
    """The labelled structures; the folder is there whole or not at all."""
    if not may_be_replaced(path):
        raise InputError(f"{path} is there and is not a DeePMD folder of reactal; give another name")
    groups: dict[Any, list[int]] = {}
    for row in np.flatnonzero(frames.labelled):
        state = (int(frames.charge[row]), int(frames.multiplicity[row]), _is_periodic(frames, int(row)))
        groups.setdefault((tuple(frames.numbers[frames.atoms(int(row))].tolist()), *state), []).append(int(row))
    partial = path.with_name(f".{path.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    for number, ((numbers, *_), rows) in enumerate(groups.items()):
        _write_system(partial / f"{number:03d}-{formula(numbers)}", frames, numbers, rows)
    (partial / MARK).write_text(json.dumps({"schema": SCHEMA, "systems": len(groups)}))
    shutil.rmtree(path, ignore_errors=True)
    partial.rename(path)


def _write_system(folder: Path, frames: Frames, numbers: tuple[int, ...], rows: list[int]) -> None:
    (folder / SET).mkdir(parents=True)
    elements = sorted(set(numbers))
    (folder / "type.raw").write_text("".join(f"{elements.index(number)}\n" for number in numbers))
    (folder / "type_map.raw").write_text("".join(f"{SYMBOLS[number]}\n" for number in elements))
    columns = {
        "coord": [frames.positions[frames.atoms(row)].reshape(-1) for row in rows],
        "force": [frames.forces[frames.atoms(row)].reshape(-1) for row in rows],
        "energy": frames.energy[rows],
        "charge": frames.charge[rows],
        "multiplicity": frames.multiplicity[rows],
        "row": np.asarray(rows),
    }
    if _is_periodic(frames, rows[0]):
        assert frames.cell is not None
        columns["box"] = frames.cell[rows].reshape(-1, 9)
    else:
        (folder / "nopbc").touch()
    for name, column in columns.items():
        np.save(folder / SET / f"{name}.npy", np.asarray(column))


def read_deepmd(path: Path) -> Frames:
    """All systems in and below a folder; in the order in which they were written where `write_deepmd` did."""
    structures: list[tuple[float, Structure, Label | None]] = []
    try:
        for kind in sorted(path.rglob("type.raw")):
            structures += _read_system(kind.parent, first=len(structures))
    except (OSError, ValueError, IndexError) as error:
        raise InputError(f"{path} cannot be read as DeePMD data ({type(error).__name__}: {error}); is it complete?") from error
    structures.sort(key=lambda found: found[0])
    return Frames.of([structure for _, structure, _ in structures], [label for *_, label in structures])


def _read_system(folder: Path, *, first: int) -> list[tuple[float, Structure, Label | None]]:
    kinds = [int(word) for word in (folder / "type.raw").read_text().split()]
    names = (folder / "type_map.raw").read_text().split()
    numbers = tuple(atomic_number(names[kind]) for kind in kinds)
    found: list[tuple[float, Structure, Label | None]] = []
    for part in sorted(folder.glob("set.*")):
        columns = {file.stem: np.load(file, allow_pickle=False) for file in part.glob("*.npy")}
        coordinates = columns["coord"].reshape(-1, len(numbers), 3)
        for i, positions in enumerate(coordinates):
            structure = Structure(numbers, positions, **_state(columns, i, periodic=not (folder / "nopbc").exists()))
            place = float(columns["row"][i]) if "row" in columns else float(first + len(found))
            found.append((place, structure, _label(columns, i, structure)))
    return found


def _state(columns: dict[str, NDArray[Any]], i: int, *, periodic: bool) -> dict[str, Any]:
    state = {name: int(columns[name][i]) for name in ("charge", "multiplicity") if name in columns}
    return state | ({"cell": columns["box"][i].reshape(3, 3), "pbc": (True, True, True)} if periodic else {})


def _label(columns: dict[str, NDArray[Any]], i: int, structure: Structure) -> Label | None:
    if "energy" not in columns or "force" not in columns:
        return None
    return Label(structure.key, "imported", float(columns["energy"].reshape(-1)[i]), columns["force"][i].reshape(-1, 3))


def _is_periodic(frames: Frames, row: int) -> bool:
    return frames.cell is not None and bool(frames.cell[row].any())
