"""Numbers down a column are compared by eye: they share their decimals, and noise is not shown as if it were a number."""

from __future__ import annotations

import pytest

from reactal.validation.base import Cell, Column, Table
from reactal.validation.digits import texts, written


@pytest.mark.parametrize(
    ("unit", "cells", "shown"),
    [
        ("kcal/mol", [13.828, 0.007248, -2.38e-07], ["13.83", "0.01", "0.00"]),
        ("cm⁻¹", [92.411, -419.24, 3664.0], ["92.4", "-419.2", "3664.0"]),
        ("Å", [2.67e-16], ["0"]),
        ("meV/Å", [12.72, 9.628, 208.3], ["12.7", "9.6", "208.3"]),
        ("meV/Å", [0.04436, 0.1824], ["0.0444", "0.1824"]),
        ("h", [0.002303, 0.05772, 8.37e-07], ["0.00230", "0.05772", "0.00000"]),
        ("1/s", [317.2, 3.19e6], ["317.2", "3.19e+06"]),
        ("cm²/s", [3.2e-5, 1.1e-5], ["3.20e-05", "1.10e-05"]),
        ("K", [300.0, 600.0], ["300", "600"]),
        ("", [0.9, 0.5, 0.68], ["0.90", "0.50", "0.68"]),
        ("", [1, 12345, True, "word", None, float("nan")], ["1", "12345", "yes", "word", "–", "–"]),
        ("", [0.0, -0.0], ["0", "0"]),
        ("", [], []),
    ],
)
def test_cells_of_a_column_share_their_decimals(unit: str, cells: list[Cell], shown: list[str]) -> None:
    assert written(Column("quantity", unit), cells) == shown


def test_rows_with_units_of_their_own_do_not_share_them() -> None:
    columns = (Column("what"), Column("value"), Column("unit"))
    table = Table("t", "dynamics", "T", columns, (("pressure", -0.0123, "GPa"), ("highest", 300.25, "cm⁻¹")))
    assert [row[1] for row in texts(table)] == ["-0.0123", "300.2"]
