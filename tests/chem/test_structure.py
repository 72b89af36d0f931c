from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reactal.chem import Structure
from reactal.chem.structure import KEY_RESOLUTION
from reactal.errors import AtomsTooClose, ImpossibleMultiplicity, NonFinite, StructureError, UnknownElement
from tests.chem.strategies import structures

WATER = Structure.from_symbols(["O", "H", "H"], [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])


@given(structures(periodic=False), st.tuples(*[st.integers(-50, 50)] * 3))
def test_key_is_blind_to_translation(structure: Structure, shift: tuple[int, int, int]) -> None:
    assert structure.moved(structure.positions + np.asarray(shift, dtype=float)).key == structure.key


@given(structures())
def test_key_survives_json(structure: Structure) -> None:
    assert Structure.from_json(json.loads(json.dumps(structure.as_json()))).key == structure.key


@given(structures(), st.data())
def test_key_sees_a_move_above_its_resolution(structure: Structure, data: st.DataObject) -> None:
    if len(structure) == 1:
        return
    positions = structure.positions.copy()
    positions[data.draw(st.integers(0, len(structure) - 1)), 0] += 10 * KEY_RESOLUTION
    assert structure.moved(positions).key != structure.key


@given(structures(periodic=False))
def test_key_sees_the_order_of_different_atoms(structure: Structure) -> None:
    order = list(reversed(range(len(structure))))
    turned = Structure(
        tuple(structure.numbers[i] for i in order),
        structure.positions[order],
        charge=structure.charge,
        multiplicity=structure.multiplicity,
    )
    same = turned.numbers == structure.numbers and np.allclose(turned.positions, structure.positions, atol=1e-9)
    assert (turned.key == structure.key) == same


def test_key_sees_charge_multiplicity_and_rotation() -> None:
    turned = WATER.positions @ np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    others = [
        Structure(WATER.numbers, WATER.positions, charge=2),
        Structure(WATER.numbers, WATER.positions, multiplicity=3),
        WATER.moved(turned),
    ]
    assert len({WATER.key, *(other.key for other in others)}) == 4


def test_key_of_today_is_the_key_of_tomorrow() -> None:
    """Keys name labels that were paid for: a change of the rule would lose them all."""
    assert WATER.key == "97f3f6eacd2de35315214c14ff3919b93c9e92beecd9b1895836f5de233006a5"


def test_negative_zero_is_zero() -> None:
    one = Structure((1, 1), np.array([[0.0, 0.0, 0.0], [0.74, 0.0, 0.0]]))
    other = Structure((1, 1), np.array([[-0.0, -0.0, 0.0], [0.74, -0.0, -0.0]]))
    assert one.key == other.key


def test_positions_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        WATER.positions[0, 0] = 1.0


@pytest.mark.parametrize(
    ("build", "error", "said"),
    [
        (lambda: Structure((1, 1), np.array([[0, 0, 0], [0, 0, np.nan]])), NonFinite, "atom 2"),
        (lambda: Structure((0,), np.zeros((1, 3))), UnknownElement, "atomic number 0"),
        (lambda: Structure.from_symbols(["Xx"], np.zeros((1, 3))), UnknownElement, "'Xx'"),
        (lambda: Structure((8, 1), np.array([[0, 0, 0], [0, 0, 0.97]])), ImpossibleMultiplicity, "2, 4, 6"),
        (lambda: Structure((1,), np.zeros((1, 3)), charge=1), ImpossibleMultiplicity, "0 electrons"),
        (lambda: Structure((6, 6), np.array([[0, 0, 0], [0, 0, 0.4]])), AtomsTooClose, r"0\.40 angstrom"),
        (lambda: Structure((2,), np.zeros((2, 3))), StructureError, "shape"),
        (lambda: Structure((), np.zeros((0, 3))), StructureError, "at least one atom"),
        (lambda: Structure((2,), np.zeros((1, 3)), pbc=(True, False, False)), StructureError, "cell"),
    ],
)
def test_what_no_molecule_can_be_is_refused_by_name(build, error: type[Exception], said: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(error, match=said):
        build()
