"""Frames as an HDF5 file: the columns of `Frames`, each a data set of the same name.

/             attributes schema = "reactal-frames-1", units = "angstrom, eV, eV/angstrom"
/numbers      (A,) int16      /positions (A, 3) float64     /forces (A, 3) float64, NaN without a label
/offsets      (n + 1,) int64: structure i owns atoms offsets[i]:offsets[i + 1]
/energy       (n,) float64, NaN without a label             /charge, /multiplicity (n,) int16
/cell, /pbc   (n, 3, 3) float64, (n, 3) bool; only where something is periodic
/extra/NAME   (n,) numbers or UTF-8 text
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from reactal.chem.frames import Frames
from reactal.errors import InputError

__all__ = ["read_hdf5", "write_hdf5"]

SCHEMA = "reactal-frames-1"
UNITS = "angstrom, eV, eV/angstrom"
COLUMNS = ("numbers", "positions", "offsets", "charge", "multiplicity", "energy", "forces")
PERIODIC = ("cell", "pbc")


def write_hdf5(path: Path, frames: Frames) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs.update({"schema": SCHEMA, "units": UNITS})
        for name in (*COLUMNS, *(PERIODIC if frames.cell is not None else ())):
            file[name] = getattr(frames, name)
        extra = file.create_group("extra")
        for name, column in frames.extra.items():
            extra[name] = column.astype(h5py.string_dtype()) if column.dtype.kind in "OU" else column


def read_hdf5(path: Path) -> Frames:
    """The inverse of `write_hdf5`; `InputError` for any other HDF5 file."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("schema") != SCHEMA:
                raise InputError(
                    f"{path} is an HDF5 file of another layout; reactal reads those whose attribute schema is {SCHEMA}"
                )
            columns: dict[str, Any] = {name: file[name][()] for name in (*COLUMNS, *PERIODIC) if name in file}
            extra = {name: _column(data) for name, data in file["extra"].items()}
    except (OSError, KeyError) as error:
        raise InputError(f"{path} cannot be read as HDF5 ({type(error).__name__}: {error}); is it complete?") from error
    return Frames(**columns, extra=extra)


def _column(data: Any) -> Any:
    return np.asarray(data.asstr()[()], dtype=str) if data.dtype.kind == "O" else data[()]
