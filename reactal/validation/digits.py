"""How the numbers of a validation are written: the cells of a column share their decimals, so that sizes are compared down it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from reactal.validation.base import Cell, Column, Table

__all__ = ["MISSING", "texts", "written"]

MISSING = "–"
DECIMALS = {"kcal/mol": 2, "cm⁻¹": 1, "Å": 3}  # that count in these units; smaller things are noise
FIGURES = 4  # that count otherwise, of the largest of a column
LARGE, SMALL = 1e5, 1e-4  # beyond them every cell has an exponent of its own


def texts(table: Table) -> tuple[tuple[str, ...], ...]:
    """Every cell of every row."""
    mixed = any(column.name == "unit" for column in table.columns)  # each row of a quantity of its own
    columns = []
    for place, column in enumerate(table.columns):
        cells = [row[place] for row in table.rows]
        columns.append([written(column, [cell])[0] for cell in cells] if mixed else written(column, cells))
    return tuple(zip(*columns, strict=True))


def written(column: Column, cells: Sequence[Cell]) -> list[str]:
    """Words and counts as they are, a dash where there is nothing."""
    numbers = [cell for cell in cells if isinstance(cell, float) and math.isfinite(cell)]
    largest = max(map(abs, numbers), default=0.0)
    known = DECIMALS.get(column.unit)
    if largest >= LARGE or (known is None and 0 < largest < SMALL):
        return [_alone(cell) if isinstance(cell, float) else _word(cell) for cell in cells]
    decimals = _decimals(largest) if known is None else known
    while decimals and all(round(number, decimals) == round(number, decimals - 1) for number in numbers):
        decimals -= 1
    return [_fixed(cell, decimals) if isinstance(cell, float) else _word(cell) for cell in cells]


def _decimals(largest: float) -> int:
    """So that the largest has the figures that count."""
    return max(FIGURES - 1 - math.floor(math.log10(largest)), 0) if largest else 0


def _fixed(number: float, decimals: int) -> str:
    if not math.isfinite(number):
        return MISSING
    text = f"{number:.{decimals}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def _alone(number: float) -> str:
    if not math.isfinite(number):
        return MISSING
    size = abs(number)
    if size and not 1e-3 <= size < LARGE:
        return f"{number:.2e}"
    return _fixed(number, 0) if size >= 1000 else f"{number + 0.0:.4g}"


def _word(cell: Cell) -> str:
    if cell is None:
        return MISSING
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return str(cell)
