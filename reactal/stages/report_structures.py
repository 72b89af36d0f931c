"""The structures a report shows, all turned alike, each kept once."""

from __future__ import annotations

from dataclasses import replace
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames, Structure
from reactal.exploration.alignment import superpose
from reactal.report.shown import Shown

__all__ = ["Album", "rows_spread", "upright"]

DIGITS = 4  # of a position in angstrom

Floats = NDArray[np.float64]


@final
class Album:
    """Structures in the order in which they were first asked for; those with the template's atoms are laid upon it."""

    def __init__(self, template: Structure | None) -> None:
        self._template = None if template is None else (template.numbers, upright(template.positions))
        self._places: dict[str, int] = {}
        self._shown: list[Shown] = []

    def place(self, structure: Structure, name: str, *, note: str = "", key: str | None = None) -> int:
        """Where the structure stands in the report; its first name stays."""
        key = structure.key if key is None else key
        return self._kept(key, structure.numbers, structure.positions, Shown(name, structure.numbers, (), note))

    def place_row(self, frames: Frames, row: int, name: str, *, note: str = "") -> int:
        """As `place`, of a row that may be no molecule, such as an image in which atoms meet; -1 where it is not even finite."""
        at = frames.atoms(row)
        numbers, positions = tuple(int(number) for number in frames.numbers[at]), frames.positions[at]
        if not np.isfinite(positions).all():
            return -1
        key = frames[[row]].keys()[0]
        return self._kept(key, numbers, positions, Shown(name, numbers, (), note))

    def known(self, key: str) -> int:
        """Where the structure of that key stands; -1 where it does not."""
        return self._places.get(key, -1)

    def turned(self, vectors: Floats, structure: Structure) -> Floats:
        """Displacements (N, 3) of a structure's atoms, turned as the structure is."""
        there = self._turned(structure.numbers, structure.positions)
        return np.asarray(self._turned(structure.numbers, structure.positions + 1e-4 * vectors) - there) / 1e-4

    @property
    def shown(self) -> tuple[Shown, ...]:
        return tuple(self._shown)

    def _kept(self, key: str, numbers: tuple[int, ...], positions: Floats, shown: Shown) -> int:
        if key not in self._places:
            self._places[key] = len(self._shown)
            self._shown.append(replace(shown, positions=_flat(self._turned(numbers, positions))))
        return self._places[key]

    def _turned(self, numbers: tuple[int, ...], positions: Floats) -> Floats:
        if self._template is None or numbers != self._template[0] or len(numbers) < 2:
            return upright(positions)
        return superpose(positions, self._template[1])


def upright(positions: Floats) -> Floats:
    """Positions (N, 3) about their centre, the longest extension along x and the shortest towards the reader."""
    loose = positions - positions.mean(axis=0)
    axes = np.linalg.svd(loose, full_matrices=True)[2]
    axes[2] *= np.sign(np.linalg.det(axes)) or 1.0  # turned, never mirrored
    return np.asarray(loose @ axes.T)


def rows_spread(count: int, most: int) -> NDArray[np.int64]:
    """At most so many rows of `count`, evenly spread, the last among them."""
    return (
        np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64)) if count else np.zeros(0, dtype=np.int64)
    )


def _flat(positions: Floats) -> tuple[float, ...]:
    return tuple(np.round(positions, DIGITS).reshape(-1).tolist())
