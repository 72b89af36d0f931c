"""A library to search: entries with structures, columns of numbers or SMILES, and what is known of the target."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames
from reactal.chem.files import read_any
from reactal.errors import InputError

__all__ = ["Library", "read_library"]

Floats = NDArray[np.float64]
NAME, SMILES = ("id", "name"), "smiles"
TABLE = ".csv"


@final
@dataclass(frozen=True, eq=False)
class Library:
    """n entries. `target` (n,) in whatever unit the file has it, NaN where it is not known; `structures` and, of reactions,
    `products` with the same atoms; `columns` (n,) of further numbers; `smiles` of molecules, or of reactions `a>>b`."""

    names: tuple[str, ...]
    target: Floats
    structures: Frames | None = None
    products: Frames | None = None
    columns: Mapping[str, Floats] = field(default_factory=dict)
    smiles: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.names)


def read_library(file: Path, *, target: str, products: Path | None = None) -> Library:
    """A CSV table, or geometries in any format that ASE reads with the target among each one's words (`barrier=12.3`).

    `products`: geometries of the same entries in the same order. What an entry is called: `id` or `name`, else its number.
    """
    if not file.is_file():
        raise InputError(f"there is no library {file}; give a CSV table or geometries in any format that ASE reads")
    library = _table(file, target) if file.suffix.lower() == TABLE else _geometries(file, target)
    if products is not None:
        library = _with_products(library, products)
    if len(library) < 2:
        raise InputError(f"{file} holds {len(library)} entries; there is nothing to choose between")
    if len(set(library.names)) < len(library):
        raise InputError(f"{file} has two entries of one name; the column id must tell them apart")
    return library


def _geometries(file: Path, target: str) -> Library:
    frames = read_any(file, columns=(target, *NAME))
    told = frames.extra.get(target)
    values = np.full(len(frames), np.nan) if told is None else _numbers([str(value) for value in told], target, file)
    given = next((frames.extra[name] for name in NAME if name in frames.extra), None)
    names = tuple(str(number) if given is None else str(given[number]) for number in range(len(frames)))
    return Library(names, values, structures=frames)


def _with_products(library: Library, file: Path) -> Library:
    if library.structures is None:
        raise InputError(f"--products {file} needs geometries of the reactants, and the library is a table")
    products = read_any(file)
    before = library.structures
    if len(products) != len(before):
        raise InputError(f"{file} holds {len(products)} geometries and the library {len(before)}; give one product for each")
    for row, name in enumerate(library.names):
        if sorted(before.numbers[before.atoms(row)]) != sorted(products.numbers[products.atoms(row)]):
            raise InputError(f"product and reactant of entry {name} have different atoms; a reaction keeps them all")
    return Library(library.names, library.target, before, products, library.columns, library.smiles)


def _table(file: Path, target: str) -> Library:
    with file.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    if not rows:
        raise InputError(f"{file} holds no rows below its header; each entry is a row")
    keys = [key for key in rows[0] if key is not None]
    if any(None in row or any(row[key] is None for key in keys) for row in rows):
        raise InputError(f"{file} has rows of different lengths; each row needs a value, which may be empty, for every column")
    name = next((key for key in keys if key in NAME), None)
    smiles = tuple(row[SMILES] for row in rows) if SMILES in keys else ()
    rest = [key for key in keys if key not in (*NAME, SMILES, target)]
    columns = {key: values for key in rest if np.isfinite(values := _loose([row[key] for row in rows])).all()}
    if not columns and not smiles:
        raise InputError(f"{file} has no column of numbers beside {target}, and no smiles; there is nothing to tell entries by")
    values = _numbers([row[target] for row in rows], target, file) if target in keys else np.full(len(rows), np.nan)
    names = tuple(row[name] if name else str(number) for number, row in enumerate(rows))
    return Library(names, values, columns=columns, smiles=smiles)


def _numbers(words: Sequence[str], target: str, file: Path) -> Floats:
    values = _loose(words)
    wrong = next((word for word, value in zip(words, values, strict=True) if word.strip() and not np.isfinite(value)), None)
    if wrong is not None:
        raise InputError(f"the column {target} of {file} holds {wrong!r}, which is no number; leave empty what is not known")
    return values


def _loose(words: Sequence[str]) -> Floats:
    """NaN for what is no number."""
    values = np.full(len(words), np.nan)
    for row, word in enumerate(words):
        try:
            values[row] = float(word)
        except ValueError:
            continue
    return values
