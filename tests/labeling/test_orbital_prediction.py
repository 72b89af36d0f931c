"""Images of geometries, how orbitals turn with them, and what regression makes of them: invariances and exact cases."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from reactal.labeling.psi4_worker.images import ORDERS_AT_MOST, Images, nearest_images, orders_of
from reactal.labeling.psi4_worker.orbital_record import Record, record_from
from reactal.labeling.psi4_worker.prediction import departure, predicted
from reactal.labeling.psi4_worker.shells import HIGHEST, Turning, cartesian_block, harmonic_blocks
from reactal.labeling.psi4_worker.tally import FAILURES, LOOKED_AT, NEARBY, NEAREST, REST, SAMPLES, Tally

ROUNDING = 1e-10
SINGLE = 1e-5  # of numbers kept in single precision
IDENTITY = {"symbols": ["H", "H", "O"], "charge": 0}
Array = NDArray[np.float64]


def rotations(count: int, seed: int = 0) -> Array:
    """Proper and improper ones."""
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(count, 3, 3)))[0]


@pytest.mark.parametrize("degree", range(HIGHEST + 1))
def test_harmonics_turn_by_orthogonal_matrices_that_multiply_as_rotations_do(degree: int) -> None:
    first, second = rotations(2)
    blocks = harmonic_blocks(degree, np.stack([first, second, first @ second]))
    assert np.abs(blocks[0] @ blocks[0].T - np.eye(2 * degree + 1)).max() < ROUNDING
    assert np.abs(blocks[0] @ blocks[1] - blocks[2]).max() < ROUNDING
    assert np.abs(harmonic_blocks(degree, -np.eye(3)[None])[0] - (-1) ** degree * np.eye(2 * degree + 1)).max() < ROUNDING


@pytest.mark.parametrize("degree", range(HIGHEST + 1))
def test_cartesian_shells_are_spanned_by_independent_functions(degree: int) -> None:
    block = cartesian_block(degree)
    assert block.shape == ((degree + 1) * (degree + 2) // 2,) * 2
    assert np.linalg.cond(block) < 1e4


def test_orbitals_turned_and_turned_back_are_the_same() -> None:
    turning = Turning([(0, 0, False), (0, 1, False), (0, 2, False), (1, 1, True), (1, 3, True), (2, 1, True), (2, 3, True)])
    planes = np.random.default_rng(1).normal(size=(1, turning.size, 4))
    turn, order = rotations(1), np.array([[0, 2, 1]])
    there = turning.turned(planes, turn, order)
    assert np.abs(turning.turned(there, turn.transpose(0, 2, 1), order) - planes).max() < ROUNDING
    assert np.abs(there - planes).max() > 0.1


def test_a_geometry_is_found_however_it_stands_and_is_numbered() -> None:
    noise = np.random.default_rng(2)
    symbols = ["C", "H", "H", "H", "Cl", "Cl"]
    known = noise.normal(size=(3, 6, 3))
    known -= known.mean(axis=1, keepdims=True)
    order, turn = np.array([0, 3, 1, 2, 5, 4]), rotations(1, seed=3)[0]
    wanted = known[1][order] @ turn.T
    found = nearest_images(wanted, known, orders_of(symbols), most=20)
    assert found.labels[0] == 1 and found.distances[0] < ROUNDING
    assert np.abs(found.positions[0] - wanted).max() < ROUNDING
    assert list(found.distances) == sorted(found.distances) and len(found.distances) == 20


def test_like_atoms_are_numbered_in_every_way_unless_there_are_too_many() -> None:
    assert sorted(map(tuple, orders_of(["H", "O", "H"]))) == [(0, 1, 2), (2, 1, 0)]
    assert len(orders_of(["C"] * 3 + ["H"] * 4 + ["O"] * 2)) == 288 <= ORDERS_AT_MOST
    assert orders_of(["H"] * 8).tolist() == [list(range(8))]


def occupied(places: Array) -> Array:
    """The lower half of the orbitals of s functions whose couplings fall off with the distance."""
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1)
    return np.linalg.eigh(-np.exp(-apart) - np.diag(0.3 * np.arange(len(places))))[1][:, : len(places) // 2]


def around(count: int) -> tuple[Array, Array, Images]:
    """A geometry, orbitals of as many others about it as asked for, and those as they stand."""
    noise = np.random.default_rng(4)
    middle = noise.normal(size=(6, 3)) * 1.5
    places = middle + 0.06 * noise.normal(size=(count, 6, 3))
    apart = np.sqrt(((places - middle) ** 2).sum(axis=2).mean(axis=1))
    places = places[np.argsort(apart)]
    eye = np.broadcast_to(np.eye(3), (count, 3, 3))
    still = np.broadcast_to(np.arange(6), (count, 6))
    return middle, places, Images(np.arange(count), eye, still, places, np.sort(apart))


def test_more_labels_make_better_guesses_and_one_is_itself() -> None:
    errors = []
    for count in (1, 10, 80):
        middle, places, images = around(count)
        planes = np.stack([occupied(one) for one in places]).astype(np.float32)
        (found,) = predicted(middle, images, [planes])
        assert np.abs(found.T @ found - np.eye(3)).max() < ROUNDING
        errors.append(departure(occupied(middle), found))
        if count == 1:
            assert departure(found, np.asarray(planes[0], dtype=float)) < SINGLE
    assert errors[2] < errors[1] / 4 < errors[0] / 8


def test_orbitals_of_another_state_are_left_out() -> None:
    middle, places, images = around(40)
    planes = np.stack([occupied(one) for one in places])
    (alone,) = predicted(middle, Images(*(part[::2] for part in images)), [planes[::2]])
    other = np.linalg.svd(planes[1::2])[0][:, :, 3:]  # all that is not occupied
    planes[1::2] = other
    (found,) = predicted(middle, images, [planes])
    assert departure(found, alone) < ROUNDING


def a_record() -> Record:
    shells = [(0, 0, False), (1, 0, False), (2, 0, False), (2, 1, False)]
    plane = np.linalg.qr(np.random.default_rng(5).normal(size=(6, 2)))[0].astype(np.float32)
    places = np.arange(9.0).reshape(3, 3)
    return Record(IDENTITY, shells, places, -places, -76.0, None, 11, [plane])


def test_a_record_survives_its_bytes() -> None:
    record = a_record()
    read = record_from(record.to_bytes(), IDENTITY)
    assert read is not None
    assert (read.shells, read.energy, read.s_squared, read.fresh_iterations) == (record.shells, -76.0, None, 11)
    pairs = zip((read.positions, read.gradient, *read.planes), (record.positions, record.gradient, *record.planes), strict=True)
    for one, other in pairs:
        assert np.array_equal(one, other)


def test_bytes_that_are_no_record_are_none() -> None:
    whole = a_record().to_bytes()
    assert record_from(whole, {**IDENTITY, "charge": 1}) is None
    broken = [
        b"",
        whole[:-1],
        whole + b"0",
        whole[1:],
        whole.replace(b'"gradient"', b'"grad"'),
        whole.replace(b"[6, 2]", b"[2, 6]"),
    ]
    broken += [whole[:-4] + np.float32(value).tobytes() for value in (5.0, np.nan)]
    assert [record_from(data, IDENTITY) for data in broken] == [None] * len(broken)
    assert record_from(a_record()._replace(energy=np.inf).to_bytes(), IDENTITY) is None


def test_guesses_that_are_no_better_than_fresh_ones_are_left_alone_for_a_while() -> None:
    tally = Tally()
    tally.fresh(11)
    for _ in range(LOOKED_AT):
        tally.learned(7, 0.1)
        assert not tally.is_resting()
    while not tally.is_resting():
        tally.learned(13, 0.1)
    assert [tally.is_resting() for _ in range(REST)].count(True) == REST - 2
    assert not tally.is_resting()
    for _ in range(FAILURES):
        tally.failed()
    assert tally.is_resting(), "those that do not converge are the worst"


def test_images_are_taken_from_as_far_as_they_were_of_use() -> None:
    tally = Tally()
    tally.fresh(11)
    tally.learned(12, 0.3)
    assert tally.reach < 0.3
    narrow = tally.reach
    tally.learned(7, 0.9 * narrow)
    assert tally.reach > narrow
    tally.learned(12, 0.0)
    assert tally.reach == NEAREST
    for _ in range(60):
        assert not tally.is_resting()
    assert tally.reach == NEARBY, "in the end it is tried again"


def test_comparisons_grow_rarer_until_one_finds_something() -> None:
    tally = Tally()
    sampled = [number for number in range(1, 400) if tally.is_sample()]
    assert np.diff([0, *sampled]).tolist()[:5] == [10, 20, 40, 80, 80] and SAMPLES == (10, 80)
    tally.distrust()
    assert [tally.is_sample() for _ in range(SAMPLES[0])].count(True) == 1
