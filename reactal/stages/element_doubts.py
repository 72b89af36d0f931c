"""Disagreement and error by element, for a calibration that tells elements apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames
from reactal.chem.elements import SYMBOLS

__all__ = ["pairs_of", "with_element_doubts"]

PREFIX = "doubt_"
Floats = NDArray[np.float64]


def with_element_doubts(pool: Frames, force_spread: Floats) -> Frames:
    """With a column `doubt_<symbol>` for each element: the largest force spread of its atoms, eV/angstrom; 0 without any."""
    columns = {}
    for number in np.unique(pool.numbers):
        columns[f"{PREFIX}{_symbol(number)}"] = pool.per_structure_max(np.where(pool.numbers == number, force_spread, 0.0))
    return pool.with_extra(**columns)


def pairs_of(batch: Frames, row: int, error: Floats) -> dict[str, tuple[float, float]] | None:
    """For each element of a structure its doubt and the largest norm of the force errors (N, 3) of its atoms; None where the
    batch has no doubts by element."""
    numbers, size = batch.numbers[batch.atoms(row)], np.linalg.norm(error, axis=1)
    elements = {_symbol(number): float(size[numbers == number].max()) for number in np.unique(numbers)}
    if not all(f"{PREFIX}{symbol}" in batch.extra for symbol in elements):
        return None
    return {symbol: (float(batch.extra[f"{PREFIX}{symbol}"][row]), worst) for symbol, worst in elements.items()}


def _symbol(number: np.int16) -> str:
    return SYMBOLS[int(number)]
