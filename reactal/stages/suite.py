"""A folder of reactions with known barriers, and each of them searched for on a model from its two ends alone.

`barriers.csv` has the columns name, forward_kcal and, where they are known, reverse_kcal, zero_point (1: the barrier includes
zero-point energies; 0: it does not), charge and multiplicity; each reaction has a folder of its name with reactant.xyz,
product.xyz and perhaps ts.xyz.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import final

from reactal.chem import Structure
from reactal.chem.convert import read_structure
from reactal.errors import InputError

__all__ = ["SuiteReaction", "read_suite"]

TABLE = "barriers.csv"
ENDS = ("reactant.xyz", "product.xyz")
SADDLE = "ts.xyz"


@final
@dataclass(frozen=True, eq=False)
class SuiteReaction:
    """Heights in kcal/mol, None where they are not known: saddle above reactant and above product, product above reactant;
    `zero_point`: they include zero-point energies."""

    name: str
    reactant: Structure
    product: Structure
    saddle: Structure | None = None
    forward: float | None = None
    reverse: float | None = None
    zero_point: bool = False
    reaction: float | None = None


def read_suite(folder: Path) -> tuple[SuiteReaction, ...]:
    """Every reaction of the folder, by name. Without a table there are geometries alone."""
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}; give one with a folder for each reaction, and {TABLE}")
    known = _table(folder / TABLE)
    names = sorted(path.parent.name for path in folder.glob(f"*/{ENDS[0]}"))
    if not names:
        raise InputError(f"{folder} holds no reaction; each has a folder of its own with {' and '.join(ENDS)}")
    if missing := sorted(set(known) - set(names)):
        raise InputError(f"{folder / TABLE} names {missing[0]}, but there is no {missing[0]}/{ENDS[0]} in {folder}")
    return tuple(_reaction(folder / name, known.get(name, {})) for name in names)


def _reaction(folder: Path, row: dict[str, str]) -> SuiteReaction:
    charge, multiplicity = (_whole(folder, row, name) for name in ("charge", "multiplicity"))
    reactant, product = (read_structure(folder / end, charge=charge, multiplicity=multiplicity) for end in ENDS)
    if reactant.numbers != product.numbers:
        raise InputError(f"{folder}: reactant and product must list the same atoms in the same order")
    given = (folder / SADDLE).is_file()
    saddle = read_structure(folder / SADDLE, charge=charge, multiplicity=multiplicity) if given else None
    if saddle is not None and saddle.numbers != reactant.numbers:
        raise InputError(f"{folder}: {SADDLE} must list the atoms of the reactant in the same order")
    heights = (_number(folder, row, "forward_kcal"), _number(folder, row, "reverse_kcal"))
    zero_point, reaction = bool(_number(folder, row, "zero_point")), _number(folder, row, "reaction_kcal")
    return SuiteReaction(folder.name, reactant, product, saddle, *heights, zero_point=zero_point, reaction=reaction)


def _number(folder: Path, row: dict[str, str], column: str) -> float | None:
    text = (row.get(column) or "").strip()
    try:
        return float(text) if text else None
    except ValueError as error:
        raise InputError(f"{folder.parent / TABLE}, {folder.name}: {column} is {text!r}, not a number") from error


def _whole(folder: Path, row: dict[str, str], column: str) -> int | None:
    number = _number(folder, row, column)
    return None if number is None else int(number)


def _table(file: Path) -> dict[str, dict[str, str]]:
    if not file.is_file():
        return {}
    with file.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    if rows and not {"name", "forward_kcal"} <= set(rows[0]):
        raise InputError(f"{file} needs the columns name and forward_kcal; it has {', '.join(rows[0])}")
    return {row["name"]: row for row in rows}
