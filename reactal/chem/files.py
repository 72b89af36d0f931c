"""Files of frames by suffix: those that keep energies and forces, and what ASE has no word for."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from reactal.chem import convert
from reactal.chem.deepmd import is_deepmd, may_be_replaced, read_deepmd, write_deepmd
from reactal.chem.frames import Frames
from reactal.chem.hdf5 import read_hdf5, write_hdf5
from reactal.chem.states import StateRules
from reactal.errors import InputError, StructureError

__all__ = ["LABELLED", "check_output", "is_file_of_frames", "read_any", "write_labelled"]

HDF5, PARQUET, DATABASE, DEEPMD = (".h5", ".hdf5"), (".parquet",), (".db",), (".deepmd", ".npy")
LABELLED = (".xyz", ".extxyz", ".traj", *DATABASE, *HDF5, *DEEPMD, *PARQUET)
"""Suffixes that `write_labelled` knows; every one of them keeps charge, multiplicity, energy and forces."""


def check_output(path: Path) -> None:
    """Before work is spent: `InputError` where `write_labelled` could not write `path`."""
    folder = path.absolute().parent
    if path.suffix.lower() not in LABELLED:
        raise InputError(f"{path} has a suffix that keeps no labels; give one of {' '.join(LABELLED)}")
    if path.is_dir() if path.suffix.lower() not in DEEPMD else not may_be_replaced(path):
        raise InputError(f"{path} is there and holds something else; give another name")
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder} to write {path.name} into; make it first")
    if not os.access(folder, os.W_OK):
        raise InputError(f"the folder {folder} cannot be written; choose another place for {path.name}")


def write_labelled(path: Path, frames: Frames) -> None:
    """By suffix; an older file of the name is replaced once the new one is whole."""
    check_output(path)
    suffix = path.suffix.lower()
    try:
        if suffix in DEEPMD:
            write_deepmd(path, frames)
            return
        with _replaced(path) as partial:
            if suffix in HDF5:
                write_hdf5(partial, frames)
            elif suffix in PARQUET:
                import pyarrow.parquet as pq

                pq.write_table(frames.to_arrow(), partial)
            elif suffix in DATABASE:
                _write_database(partial, frames)
            else:
                convert.write_frames(partial, frames)
    except OSError as error:
        raise InputError(f"cannot write {path} ({error.strerror or error}); choose another place") from error


def is_file_of_frames(path: Path) -> bool:
    """Whether `read_any` may be asked for it; a DeePMD folder counts."""
    return path.is_file() or is_deepmd(path)


def read_any(path: Path, rules: StateRules | None = None, *, columns: Sequence[str] = ()) -> Frames:
    """What `write_labelled` wrote, or any file that ASE reads, with charges and multiplicities by `rules`.

    Of a file that ASE reads, `columns` are further words of its geometries to keep, as text; the others keep all they have.
    Raises `InputError` where the file cannot be read and `StructureError` naming the geometry that cannot be.
    """
    suffix = path.suffix.lower()
    if is_deepmd(path):
        frames = read_deepmd(path)
    elif suffix in HDF5 and path.is_file():
        frames = read_hdf5(path)
    elif suffix in PARQUET and path.is_file():
        frames = _read_parquet(path)
    else:
        return convert.read_frames(path, rules=rules, columns=columns)
    return _checked(path, frames, rules or StateRules())


@contextmanager
def _replaced(path: Path) -> Iterator[Path]:
    partial = path.with_name(f".partial-{path.name}")
    partial.unlink(missing_ok=True)  # ASE adds to a database that is there
    try:
        yield partial
        partial.replace(path)
    finally:
        with suppress(FileNotFoundError):
            partial.unlink()


def _write_database(path: Path, frames: Frames) -> None:
    """ASE's own database; charge and multiplicity are in its `data`, where ASE's reader puts them back into `Atoms.info`."""
    from ase.db import connect

    with connect(path) as database:
        for row in range(len(frames)):
            atoms = convert.frame_atoms(frames, row)
            state = {name: atoms.info.pop(name) for name in ("charge", "multiplicity")}
            database.write(atoms, data={**state, **json.loads(json.dumps(atoms.info, default=_plain))})


def _plain(value: object) -> object:
    return value.item()  # type: ignore[attr-defined]  # a NumPy scalar is all that columns hold beside text


def _read_parquet(path: Path) -> Frames:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return Frames.from_arrow(pq.read_table(path))
    except (pa.ArrowException, KeyError, OSError) as error:
        raise InputError(
            f"{path} is no Parquet file of frames ({type(error).__name__}: {error}); `reactal label` writes them"
        ) from error


def _checked(path: Path, frames: Frames, rules: StateRules) -> Frames:
    """With charges and multiplicities by the rules, every structure one that can be."""
    numbers = [tuple(frames.numbers[frames.atoms(row)].tolist()) for row in range(len(frames))]
    named = zip(numbers, frames.charge.tolist(), frames.multiplicity.tolist(), strict=True)
    states = [rules.state(atoms, charge=charge, multiplicity=multiplicity) for atoms, charge, multiplicity in named]
    state = np.asarray(states, dtype=np.int16).reshape(-1, 2)
    frames = replace(frames, charge=state[:, 0], multiplicity=state[:, 1])
    for row in range(len(frames)):
        try:
            frames.structure(row)
        except StructureError as error:
            raise type(error)(f"{path}, geometry {row + 1}: {error}") from error
    return frames
