"""A molecule or cell as the thing that is labelled: atoms, places, charge, multiplicity."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reactal.chem.elements import COVALENT_RADII, SYMBOLS, atomic_number, formula
from reactal.errors import AtomsTooClose, ImpossibleMultiplicity, NonFinite, StructureError, UnknownElement

__all__ = ["KEY_RESOLUTION", "MINIMUM_DISTANCE", "Structure", "closest_contact", "structure_key"]

KEY_RESOLUTION = 1e-7  # angstrom; positions that agree to this are the same structure
MINIMUM_DISTANCE = 0.5  # of the sum of covalent radii; below it no molecule exists

Floats = NDArray[np.float64]


def structure_key(
    numbers: Sequence[int] | NDArray[np.int64],
    positions: Floats,
    *,
    charge: int,
    multiplicity: int,
    cell: Floats | None = None,
    pbc: Sequence[bool] = (False, False, False),
) -> str:
    """SHA-256 over everything that decides the label; blind to translation, not to rotation or atom order."""
    relative = positions - positions.mean(axis=0)
    grid = np.rint(relative / KEY_RESOLUTION).astype("<i8")
    digest = hashlib.sha256(b"structure-1")
    digest.update(np.asarray(numbers, dtype="<i2").tobytes())
    digest.update(grid.tobytes())
    if cell is not None:
        digest.update(np.rint(np.asarray(cell) / KEY_RESOLUTION).astype("<i8").tobytes())
        digest.update(np.asarray(pbc, dtype=np.uint8).tobytes())
    digest.update(f"{charge}|{multiplicity}".encode())
    return digest.hexdigest()


def closest_contact(numbers: Sequence[int] | NDArray[np.int64], positions: Floats) -> tuple[float, int, int]:
    """The shortest distance in units of the summed covalent radii, and its two atoms; (inf, 0, 0) for one atom."""
    if len(positions) < 2:
        return float("inf"), 0, 0
    radii = np.asarray([COVALENT_RADII[n] for n in numbers])
    first, second = np.triu_indices(len(positions), 1)
    ratio = np.linalg.norm(positions[first] - positions[second], axis=1) / (radii[first] + radii[second])
    worst = int(np.argmin(ratio))
    return float(ratio[worst]), int(first[worst]), int(second[worst])


def _frozen(values: ArrayLike, shape: tuple[int, ...], what: str) -> Floats:
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise StructureError(f"{what} must be numbers") from error
    if array.shape != shape:
        raise StructureError(f"{what} must have shape {shape}, not {array.shape}")
    if not np.isfinite(array).all():
        row = int(np.argwhere(~np.isfinite(array))[0][0])
        raise NonFinite(f"{what} of atom {row + 1} are not finite numbers")
    array.setflags(write=False)
    return array


@final
@dataclass(frozen=True, eq=False)
class Structure:
    """Atomic numbers (N,), positions (N, 3) in angstrom, optional cell (3, 3) with pbc, charge, spin multiplicity.

    Construction checks everything that can be checked without a calculation and raises a named `StructureError`.
    """

    numbers: tuple[int, ...]
    positions: Floats
    charge: int = 0
    multiplicity: int = 1
    cell: Floats | None = None
    pbc: tuple[bool, bool, bool] = (False, False, False)

    def __post_init__(self) -> None:
        numbers = tuple(int(n) for n in self.numbers)
        if not numbers:
            raise StructureError("a structure needs at least one atom")
        for n in numbers:
            if not 1 <= n < len(SYMBOLS):
                raise UnknownElement(f"unknown element with atomic number {n}; 1 to {len(SYMBOLS) - 1} exist")
        object.__setattr__(self, "numbers", numbers)
        object.__setattr__(self, "positions", _frozen(self.positions, (len(numbers), 3), "positions"))
        if self.cell is not None:
            object.__setattr__(self, "cell", _frozen(self.cell, (3, 3), "cell vectors"))
        object.__setattr__(self, "pbc", tuple(bool(p) for p in self.pbc))
        if any(self.pbc) and self.cell is None:
            raise StructureError("periodic directions need a cell")
        self._check_electrons()
        self._check_contacts()

    def _check_electrons(self) -> None:
        electrons = sum(self.numbers) - self.charge
        unpaired = self.multiplicity - 1
        if electrons <= 0 or unpaired < 0 or unpaired > electrons or (electrons - unpaired) % 2:
            parity = "odd: 1, 3, 5" if electrons % 2 == 0 else "even: 2, 4, 6"
            raise ImpossibleMultiplicity(
                f"{formula(self.numbers)} with charge {self.charge:+d} has {electrons} electrons, which multiplicity "
                f"{self.multiplicity} does not fit; its multiplicity must be {parity}, ..."
            )

    def _check_contacts(self) -> None:
        ratio, i, j = closest_contact(self.numbers, self.positions)
        if ratio < MINIMUM_DISTANCE:
            distance = float(np.linalg.norm(self.positions[i] - self.positions[j]))
            raise AtomsTooClose(
                f"atoms {i + 1} ({SYMBOLS[self.numbers[i]]}) and {j + 1} ({SYMBOLS[self.numbers[j]]}) are only "
                f"{distance:.2f} angstrom apart; check the geometry and its units"
            )

    @classmethod
    def from_symbols(cls, symbols: Sequence[str], positions: ArrayLike, **rest: Any) -> Structure:
        """As the constructor, with element symbols."""
        return cls(tuple(atomic_number(s) for s in symbols), np.asarray(positions, dtype=np.float64), **rest)

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(SYMBOLS[n] for n in self.numbers)

    @property
    def formula(self) -> str:
        return formula(self.numbers)

    @cached_property
    def key(self) -> str:
        return structure_key(
            self.numbers,
            self.positions,
            charge=self.charge,
            multiplicity=self.multiplicity,
            cell=self.cell,
            pbc=self.pbc,
        )

    def moved(self, positions: ArrayLike) -> Structure:
        """The same atoms elsewhere."""
        return Structure(
            self.numbers,
            np.asarray(positions, dtype=np.float64),
            charge=self.charge,
            multiplicity=self.multiplicity,
            cell=self.cell,
            pbc=self.pbc,
        )

    def __len__(self) -> int:
        return len(self.numbers)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Structure) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def as_json(self) -> dict[str, Any]:
        """A JSON object that `from_json` reads back to the same key."""
        return {
            "numbers": list(self.numbers),
            "positions": self.positions.tolist(),
            "charge": self.charge,
            "multiplicity": self.multiplicity,
            "cell": None if self.cell is None else self.cell.tolist(),
            "pbc": list(self.pbc),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Structure:
        return cls(
            tuple(data["numbers"]),
            np.asarray(data["positions"], dtype=np.float64),
            charge=data["charge"],
            multiplicity=data["multiplicity"],
            cell=None if data.get("cell") is None else np.asarray(data["cell"], dtype=np.float64),
            pbc=tuple(data.get("pbc", (False, False, False))),
        )
