"""Real reactions to lay paths through: textbook ones written down here, and six of RDB7 (tests/data/rdb7/SOURCE.txt)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from reactal.chem import Structure
from reactal.chem.convert import read_structure

RDB7 = Path(__file__).parents[1] / "data" / "rdb7"
Ends = tuple[Structure, Structure]


def rdb7(number: int) -> Ends:
    return read_structure(RDB7 / f"{number}_reactant.xyz"), read_structure(RDB7 / f"{number}_product.xyz")


def hydrogen_cyanide() -> Ends:
    """HCN to HNC, both linear: the straight way leads hydrogen through carbon and nitrogen."""
    symbols = ["H", "C", "N"]
    return (
        Structure.from_symbols(symbols, [[0, 0, -1.06], [0, 0, 0], [0, 0, 1.13]]),
        Structure.from_symbols(symbols, [[0, 0, 2.15], [0, 0, 0], [0, 0, 1.15]]),
    )


def chloride_exchange() -> Ends:
    """Cl- + CH3Cl, from ion-dipole complex to ion-dipole complex."""
    symbols = ["C", "H", "H", "H", "Cl", "Cl"]
    before = [[0, 0, 0], [1.03, 0, -0.35], [-0.515, 0.892, -0.35], [-0.515, -0.892, -0.35], [0, 0, 1.828], [0, 0, -3.266]]
    after = [[x, y, -z] for x, y, z in before[:4]] + [[0, 0, 3.266], [0, 0, -1.828]]
    return Structure.from_symbols(symbols, before, charge=-1), Structure.from_symbols(symbols, after, charge=-1)


def formaldehyde() -> Ends:
    """H2CO to H2 + CO."""
    symbols = ["C", "O", "H", "H"]
    return (
        Structure.from_symbols(symbols, [[0, 0, 0], [0, 0, 1.18], [0, 0.93, -0.58], [0, -0.93, -0.58]]),
        Structure.from_symbols(symbols, [[0, 0, 0], [0, 0, 1.11], [0.3, 0.2, -3.0], [0.3, -0.52, -3.15]]),
    )


def malonaldehyde() -> Ends:
    """The planar hydrogen transfer O-H...O to O...H-O."""
    symbols = ["O", "C", "C", "C", "O", "H", "H", "H", "H"]
    before = [
        [1.29, 1.11, 0], [1.24, -0.20, 0], [0.01, -0.80, 0], [-1.17, 0.01, 0], [-1.20, 1.24, 0],
        [0.38, 1.47, 0], [2.18, -0.72, 0], [0.00, -1.88, 0], [-2.12, -0.53, 0],
    ]  # fmt: skip
    swap = [4, 3, 2, 1, 0, 5, 8, 7, 6]
    after = [[-before[i][0], before[i][1], before[i][2]] for i in swap]
    return Structure.from_symbols(symbols, before), Structure.from_symbols(symbols, after)


def vinyl_alcohol() -> Ends:
    """CH2=CHOH to CH3CHO."""
    symbols = ["C", "C", "O", "H", "H", "H", "H"]
    alcohol = [
        [-1.21, -0.20, 0], [0.00, 0.38, 0], [1.17, -0.31, 0],
        [-2.08, 0.44, 0], [-1.33, -1.27, 0], [0.09, 1.46, 0], [0.96, -1.25, 0],
    ]  # fmt: skip
    aldehyde = [
        [-1.16, -0.15, 0], [0.23, 0.40, 0], [1.22, -0.28, 0],
        [-1.70, 0.22, 0.88], [-1.15, -1.24, 0], [0.29, 1.50, 0], [-1.70, 0.22, -0.88],
    ]  # fmt: skip
    return Structure.from_symbols(symbols, alcohol), Structure.from_symbols(symbols, aldehyde)


REACTIONS: dict[str, Callable[[], Ends]] = {
    "HCN": hydrogen_cyanide,
    "SN2": chloride_exchange,
    "H2CO": formaldehyde,
    "malonaldehyde": malonaldehyde,
    "vinyl alcohol": vinyl_alcohol,
    **{f"RDB7 {n}": (lambda n=n: rdb7(n)) for n in (3606, 4810, 2670, 6175, 146, 1170)},
}
