"""Descriptors see what energies see: not where a molecule is, nor how it is turned, nor its mirror image."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reactal.chem import Frames, Structure
from reactal.selection.descriptors import alike, describe, histogram, pair_distances

SINGLE = 2e-5  # relative, of 32-bit floats


def moved(places: np.ndarray, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return places @ turn + rng.normal(size=3)


@given(st.integers(0, 10_000))
def test_invariant_under_rotation_reflection_translation(seed: int) -> None:
    rng = np.random.default_rng(seed)
    places = rng.uniform(-0.4, 0.4, size=(5, 3)) + np.arange(5)[:, None] * [1.6, 0.0, 0.0]
    water = Structure.from_symbols("CNOHH", places, multiplicity=2)
    pool = Frames.repeat(water, [places, moved(places, seed)])
    for vectors in (pair_distances(pool, np.arange(2)), histogram(pool, np.unique(pool.numbers)), describe(pool, pool[:0])[0]):
        np.testing.assert_allclose(vectors[0], vectors[1], rtol=SINGLE, atol=1e-4)


def test_histogram_does_not_depend_on_the_order_of_atoms() -> None:
    places = np.array([[0, 0, 0], [0, 0, 1.1], [1.0, 0, -0.4], [-1.0, 0.3, -0.4]])
    one = Structure.from_symbols("CHHO", places)
    other = Structure.from_symbols("OHCH", places[[3, 2, 0, 1]])
    found = histogram(Frames.of([one, other]), np.array([1, 6, 8], dtype=np.int16))
    np.testing.assert_allclose(found[0], found[1], rtol=SINGLE)


def test_mixed_compositions_share_one_space_of_fixed_length() -> None:
    water = Structure.from_symbols("OHH", [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])
    hydrogen = Structure.from_symbols("HH", [[0, 0, 0], [0.74, 0, 0]])
    atom = Structure.from_symbols("H", [[0, 0, 0]], multiplicity=2)
    pool, reference = describe(Frames.of([water, hydrogen, atom]), Frames.of([hydrogen]))
    assert pool.shape[1] == reference.shape[1]
    np.testing.assert_allclose(pool[1], reference[0], rtol=SINGLE)
    assert np.linalg.norm(pool[0] - pool[1]) > 0.1


def test_alike_tells_charge_multiplicity_and_order_apart() -> None:
    places = [[0, 0, 0], [0, 0, 1.0]]
    frames = Frames.of(
        [
            Structure.from_symbols("OH", places, charge=-1),
            Structure.from_symbols("OH", places, multiplicity=2),
            Structure.from_symbols("HO", places, charge=-1),
            Structure.from_symbols("OH", [[0, 0, 0], [0, 0, 1.4]], charge=-1),
        ]
    )
    assert sorted(rows.tolist() for _, rows in alike(frames)) == [[0, 3], [1], [2]]


def test_distances_in_a_cell_are_those_of_the_nearest_image() -> None:
    cell = np.diag([4.0, 5.0, 6.0])
    pair = Structure.from_symbols("HH", [[0.2, 0, 0], [3.8, 0, 5.9]], cell=cell, pbc=(True, True, False))
    free = Structure.from_symbols("HH", [[0.2, 0, 0], [3.8, 0, 5.9]])
    found = pair_distances(Frames.of([pair, free]), np.arange(2))[:, 0]
    assert found == pytest.approx([np.hypot(0.4, 5.9), np.hypot(3.6, 5.9)], rel=SINGLE)
