"""Many structures and labels as columns: the currency of everything that is done in bulk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reactal.chem.label import Label
from reactal.chem.structure import Structure, structure_key

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Frames"]

Floats = NDArray[np.float64]
SCHEMA = "frames-1"
_STRUCTURE_COLUMNS = ("numbers", "positions", "charge", "multiplicity", "cell", "pbc", "energy", "forces")


@final
@dataclass(frozen=True, eq=False)
class Frames:
    """n structures with A atoms in all.

    numbers (A,) int16; positions (A, 3) angstrom; offsets (n + 1,): structure i owns atoms offsets[i]:offsets[i + 1];
    charge, multiplicity (n,); cell (n, 3, 3) or None; pbc (n, 3) or None; energy (n,) eV and forces (A, 3) eV/angstrom,
    NaN where there is no label; `extra` holds more columns of length n (numbers or text).
    """

    numbers: NDArray[np.int16]
    positions: Floats
    offsets: NDArray[np.int64]
    charge: NDArray[np.int16]
    multiplicity: NDArray[np.int16]
    energy: Floats
    forces: Floats
    cell: Floats | None = None
    pbc: NDArray[np.bool_] | None = None
    extra: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    # -- making ------------------------------------------------------------------------------------------------------

    @classmethod
    def of(
        cls,
        structures: Sequence[Structure],
        labels: Sequence[Label | None] | None = None,
        **extra: ArrayLike,
    ) -> Frames:
        """From structures, with labels where there are any, and extra columns."""
        sizes = [len(s) for s in structures]
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        positions = np.concatenate([s.positions for s in structures]) if structures else np.zeros((0, 3))
        energy = np.full(len(structures), np.nan)
        forces = np.full((int(offsets[-1]), 3), np.nan)
        for i, label in enumerate(labels or ()):
            if label is not None:
                energy[i] = label.energy
                forces[offsets[i] : offsets[i + 1]] = label.forces
        periodic = any(s.cell is not None for s in structures)
        return cls(
            numbers=np.asarray([n for s in structures for n in s.numbers], dtype=np.int16),
            positions=np.asarray(positions, dtype=np.float64),
            offsets=offsets,
            charge=np.asarray([s.charge for s in structures], dtype=np.int16),
            multiplicity=np.asarray([s.multiplicity for s in structures], dtype=np.int16),
            energy=energy,
            forces=forces,
            cell=np.stack([np.zeros((3, 3)) if s.cell is None else s.cell for s in structures]) if periodic else None,
            pbc=np.asarray([s.pbc for s in structures], dtype=bool) if periodic else None,
            extra={name: np.asarray(column) for name, column in extra.items()},
        )

    @classmethod
    def repeat(cls, template: Structure, positions: ArrayLike, **extra: ArrayLike) -> Frames:
        """The template's atoms at many places: positions (n, N, 3)."""
        places = np.asarray(positions, dtype=np.float64).reshape(-1, len(template), 3)
        n, atoms = len(places), len(template)
        return cls(
            numbers=np.tile(np.asarray(template.numbers, dtype=np.int16), n),
            positions=places.reshape(-1, 3),
            offsets=np.arange(n + 1, dtype=np.int64) * atoms,
            charge=np.full(n, template.charge, dtype=np.int16),
            multiplicity=np.full(n, template.multiplicity, dtype=np.int16),
            energy=np.full(n, np.nan),
            forces=np.full((n * atoms, 3), np.nan),
            cell=None if template.cell is None else np.tile(template.cell, (n, 1, 1)),
            pbc=None if template.cell is None else np.tile(np.asarray(template.pbc, dtype=bool), (n, 1)),
            extra={name: np.asarray(column) for name, column in extra.items()},
        )

    @classmethod
    def concat(cls, parts: Iterable[Frames]) -> Frames:
        """One after another; a column missing in a part is filled with NaN or empty text."""
        given = list(parts)
        parts = [part for part in given if len(part)] or given[:1]
        if not parts:
            return cls.of([])
        if len(parts) == 1:
            return parts[0]
        ends = np.cumsum([0] + [int(part.offsets[-1]) for part in parts])
        periodic = any(part.cell is not None for part in parts)
        names = list(dict.fromkeys(name for part in parts for name in part.extra))
        return cls(
            numbers=np.concatenate([p.numbers for p in parts]),
            positions=np.concatenate([p.positions for p in parts]),
            offsets=np.concatenate([[0], *(p.offsets[1:] + end for p, end in zip(parts, ends, strict=False))]),
            charge=np.concatenate([p.charge for p in parts]),
            multiplicity=np.concatenate([p.multiplicity for p in parts]),
            energy=np.concatenate([p.energy for p in parts]),
            forces=np.concatenate([p.forces for p in parts]),
            cell=np.concatenate([np.zeros((len(p), 3, 3)) if p.cell is None else p.cell for p in parts]) if periodic else None,
            pbc=np.concatenate([np.zeros((len(p), 3), dtype=bool) if p.pbc is None else p.pbc for p in parts])
            if periodic
            else None,
            extra={name: np.concatenate([_column(p, name, parts) for p in parts]) for name in names},
        )

    # -- reading -----------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Atoms of each structure (n,)."""
        return np.diff(self.offsets)

    @property
    def owner(self) -> NDArray[np.int64]:
        """The structure each atom belongs to (A,)."""
        return np.repeat(np.arange(len(self)), self.sizes)

    @property
    def labelled(self) -> NDArray[np.bool_]:
        return np.isfinite(self.energy)

    def atoms(self, index: int) -> slice:
        """Where structure `index` has its rows in the atom columns."""
        return slice(int(self.offsets[index]), int(self.offsets[index + 1]))

    def structure(self, index: int) -> Structure:
        rows = self.atoms(index)
        cell = None if self.cell is None or not self.cell[index].any() else self.cell[index]
        return Structure(
            tuple(int(n) for n in self.numbers[rows]),
            self.positions[rows],
            charge=int(self.charge[index]),
            multiplicity=int(self.multiplicity[index]),
            cell=cell,
            pbc=(False, False, False) if cell is None or self.pbc is None else tuple(bool(p) for p in self.pbc[index]),  # type: ignore[arg-type]
        )

    def structures(self) -> Iterator[Structure]:
        return (self.structure(i) for i in range(len(self)))

    def keys(self) -> list[str]:
        """The structure keys, without building structures."""
        out = []
        for i in range(len(self)):
            rows = self.atoms(i)
            cell = None if self.cell is None or not self.cell[i].any() else self.cell[i]
            out.append(
                structure_key(
                    self.numbers[rows],  # type: ignore[arg-type]
                    self.positions[rows],
                    charge=int(self.charge[i]),
                    multiplicity=int(self.multiplicity[i]),
                    cell=cell,
                    pbc=(False,) * 3 if self.pbc is None else self.pbc[i].tolist(),
                )
            )
        return out

    def max_force(self) -> Floats:
        """Largest force on an atom of each structure (n,) eV/angstrom; NaN without a label."""
        return self.per_structure_max(np.linalg.norm(self.forces, axis=1))

    def per_structure_max(self, values: Floats) -> Floats:
        """Largest of per-atom values (A,) in each structure (n,)."""
        return np.maximum.reduceat(values, self.offsets[:-1]) if len(self) else np.zeros(0)

    # -- changing (each gives new frames) ----------------------------------------------------------------------------

    def __getitem__(self, index: slice | Sequence[int] | NDArray[Any]) -> Frames:
        chosen = np.arange(len(self))[index if isinstance(index, slice) else np.asarray(index, dtype=_index_type(index))]
        rows = np.concatenate([np.arange(*self.atoms(int(i)).indices(len(self.numbers))) for i in chosen] or [np.zeros(0, int)])
        return Frames(
            numbers=self.numbers[rows],
            positions=self.positions[rows],
            offsets=np.concatenate([[0], np.cumsum(self.sizes[chosen])]).astype(np.int64),
            charge=self.charge[chosen],
            multiplicity=self.multiplicity[chosen],
            energy=self.energy[chosen],
            forces=self.forces[rows],
            cell=None if self.cell is None else self.cell[chosen],
            pbc=None if self.pbc is None else self.pbc[chosen],
            extra={name: column[chosen] for name, column in self.extra.items()},
        )

    def with_extra(self, **columns: ArrayLike) -> Frames:
        """With columns added or replaced."""
        return replace(self, extra={**self.extra, **{name: np.asarray(column) for name, column in columns.items()}})

    def with_labels(self, labels: Sequence[Label | None]) -> Frames:
        """With energies and forces of these labels, in order."""
        energy = self.energy.copy()
        forces = self.forces.copy()
        for i, label in enumerate(labels):
            if label is not None:
                energy[i] = label.energy
                forces[self.atoms(i)] = label.forces
        return replace(self, energy=energy, forces=forces)

    # -- Arrow -------------------------------------------------------------------------------------------------------

    def to_arrow(self) -> pa.Table:
        """One row a structure; atom columns as lists."""
        import pyarrow as pa

        offsets = pa.array(self.offsets, pa.int32())
        triple = pa.array(self.offsets * 3, pa.int32())
        columns: dict[str, Any] = {
            "numbers": pa.ListArray.from_arrays(offsets, pa.array(self.numbers, pa.int16())),
            "positions": pa.ListArray.from_arrays(triple, pa.array(self.positions.reshape(-1), pa.float64())),
            "charge": pa.array(self.charge, pa.int16()),
            "multiplicity": pa.array(self.multiplicity, pa.int16()),
            "energy": pa.array(self.energy, pa.float64()),
            "forces": pa.ListArray.from_arrays(triple, pa.array(self.forces.reshape(-1), pa.float64())),
        }
        if self.cell is not None and self.pbc is not None:
            columns["cell"] = pa.FixedSizeListArray.from_arrays(pa.array(self.cell.reshape(-1), pa.float64()), 9)
            columns["pbc"] = pa.FixedSizeListArray.from_arrays(pa.array(self.pbc.reshape(-1), pa.bool_()), 3)
        for name, column in self.extra.items():
            columns[f"x_{name}"] = pa.array(column.tolist() if column.dtype.kind in "OU" else column)
        return pa.table(columns).replace_schema_metadata({"schema": SCHEMA})

    @classmethod
    def from_arrow(cls, table: pa.Table) -> Frames:
        """The inverse of `to_arrow`."""
        table = table.combine_chunks()
        sizes = np.asarray(table["numbers"].combine_chunks().value_lengths().fill_null(0)) if len(table) else np.zeros(0, int)
        periodic = "cell" in table.column_names

        def flat(name: str, dtype: Any) -> NDArray[Any]:
            return np.asarray(table[name].combine_chunks().flatten(), dtype=dtype).copy()

        def plain(name: str, dtype: Any = None) -> NDArray[Any]:
            return np.array(table[name].to_numpy(), dtype=dtype)

        return cls(
            numbers=flat("numbers", np.int16),
            positions=flat("positions", np.float64).reshape(-1, 3),
            offsets=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            charge=plain("charge", np.int16),
            multiplicity=plain("multiplicity", np.int16),
            energy=plain("energy", np.float64),
            forces=flat("forces", np.float64).reshape(-1, 3),
            cell=flat("cell", np.float64).reshape(-1, 3, 3) if periodic else None,
            pbc=np.asarray(table["pbc"].to_pylist(), dtype=bool).reshape(-1, 3) if periodic else None,
            extra={name[2:]: _text_or_number(plain(name)) for name in table.column_names if name.startswith("x_")},
        )


def _text_or_number(column: NDArray[Any]) -> NDArray[Any]:
    return column.astype(str) if column.dtype.kind == "O" else column


def _index_type(index: Any) -> Any:
    array = np.asarray(index)
    return bool if array.dtype.kind == "b" else np.int64


def _column(part: Frames, name: str, parts: Sequence[Frames]) -> NDArray[Any]:
    if name in part.extra:
        return part.extra[name]
    kind = next(p.extra[name].dtype.kind for p in parts if name in p.extra)
    return np.full(len(part), "") if kind in "OU" else np.full(len(part), np.nan)
