"""Labels that are there already: a labelled file as an oracle, so that strategies can be compared without a calculation.

The theory's method and basis say what the file's labels are of; `file` is anything ASE reads, or Parquet of `Frames`.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import FailureKind, Frames, Structure, Theory
from reactal.chem.convert import read_frames
from reactal.chem.structure import KEY_RESOLUTION
from reactal.errors import ConfigError, InputError, UnknownTheory
from reactal.labeling.pinned import CONTENT, content_of, pinned
from reactal.labeling.surface import Computed, NoLabel, SurfaceLabeler
from reactal.labeling.theory_names import TEXT, require_keywords, require_program

__all__ = ["check_lookup_theory", "lookup_labeler", "lookup_theory"]

Floats = NDArray[np.float64]
Atoms = tuple[tuple[int, ...], int, int]  # numbers, charge, multiplicity
FILE = "file"
ROUNDED = 2 * KEY_RESOLUTION
"""Angstrom. Files round positions, which moves some across the border between two keys."""


def lookup_theory(file: str | Path, theory: Theory) -> Theory:
    """The labels of this file, which are of `theory`, as a theory of program `pool`."""
    return Theory("pool", theory.method, theory.basis, ((FILE, str(file)), (CONTENT, content_of(file))))


def lookup_labeler(theory: Theory) -> SurfaceLabeler:
    """A `Labeler` for theories of program `pool`. A structure that is not in the file is a failure, `invalid_input`."""
    require_program(theory, "pool")
    require_keywords(theory, {FILE: TEXT, CONTENT: TEXT})
    labels = _Labels(pinned(theory, FILE))
    return SurfaceLabeler(theory, labels.compute, version=f"pool ({labels.name})")


def check_lookup_theory(theory: Theory, structure: Structure) -> None:
    """Raises `ConfigError` where the file does not fit the theory, `UnknownTheory` where it has nothing of these atoms."""
    require_program(theory, "pool")
    labels = _Labels(pinned(theory, FILE))
    if not labels.knows(structure):
        raise UnknownTheory(
            f"theory {theory.name} does not work for {structure.formula}: {labels.name} has no label of these atoms"
        )


@final
class _Labels:
    """Everything in the file that has a label, found by its key, else by atoms and places."""

    def __init__(self, file: Path) -> None:
        self.name = file.name
        frames = _read(file)
        self._frames = frames[np.flatnonzero(frames.labelled)]
        if not len(self._frames):
            raise ConfigError(f"{file} holds no structure with energy and forces; nothing can be looked up in it")
        self._rows: dict[str, int] = {}
        for row, key in enumerate(self._frames.keys()):
            self._rows.setdefault(key, row)
        self._alike: dict[Atoms, list[int]] = defaultdict(list)
        for row, structure in enumerate(self._frames.structures()):
            self._alike[_atoms(structure)].append(row)

    def knows(self, structure: Structure) -> bool:
        """Whether there is any label of these atoms in this order, charge and multiplicity."""
        return _atoms(structure) in self._alike

    def compute(self, structure: Structure) -> Computed:
        row = self._rows.get(structure.key)
        row = self._nearly(structure) if row is None else row
        if row is None:
            message = f"this geometry of {structure.formula} is none of the {len(self._frames)} labelled ones in {self.name}"
            raise NoLabel(FailureKind.INVALID_INPUT, message)
        return Computed(float(self._frames.energy[row]), self._frames.forces[self._frames.atoms(row)])

    def _nearly(self, structure: Structure) -> int | None:
        rows = self._alike.get(_atoms(structure), [])
        if not rows or self._frames.cell is not None:  # cells are rounded too: there only the key counts
            return None
        places = np.stack([self._frames.positions[self._frames.atoms(row)] for row in rows])
        places = places - places.mean(axis=1, keepdims=True)
        off = np.abs(places - (structure.positions - structure.positions.mean(axis=0))).max(axis=(1, 2))
        best = int(off.argmin())
        return rows[best] if off[best] < ROUNDED else None


def _atoms(structure: Structure) -> Atoms:
    return structure.numbers, structure.charge, structure.multiplicity


def _read(file: Path) -> Frames:
    if file.suffix != ".parquet":
        return read_frames(file)
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return Frames.from_arrow(pq.read_table(file))
    except (pa.ArrowException, KeyError, OSError) as error:
        raise InputError(f"{file} cannot be read as Parquet of frames ({' '.join(str(error).split())})") from error
