from __future__ import annotations

import numpy as np
import pytest
import torch

from reactal.chem import Frames, Structure
from reactal.potentials.batch import ALL_PAIRS_UP_TO, chunks, collate
from tests.potentials.surface import METHANOL, WATER, committee_of_random_networks, labelled

CUTOFF = 4.0


def grid(side: int, *, cell: bool) -> Structure:
    """side^3 carbon atoms 1.7 angstrom apart, slightly disordered."""
    places = 1.7 * np.stack(np.meshgrid(*[np.arange(side)] * 3), axis=-1).reshape(-1, 3)
    places = places + np.random.default_rng(0).normal(0, 0.05, places.shape)
    edge = 1.7 * side * np.eye(3)
    return Structure((6,) * len(places), places, cell=edge if cell else None, pbc=(cell, cell, cell))


def vectors_by_hand(structure: Structure) -> np.ndarray:
    """Every vector within the cutoff, from all images that could matter, sorted."""
    images = [np.zeros(3)]
    if structure.cell is not None:
        reach = range(-2, 3)
        images = [np.array([a, b, c]) @ structure.cell for a in reach for b in reach for c in reach]
    found = []
    for i in range(len(structure)):
        for image in images:
            vectors = structure.positions + image - structure.positions[i]
            distance = np.linalg.norm(vectors, axis=1)
            found.append(vectors[(distance < CUTOFF) & (distance > 0)])
    return sorted_rows(np.concatenate(found))


def sorted_rows(rows: np.ndarray) -> np.ndarray:
    return rows[np.lexsort(np.round(rows, 6).T)]


@pytest.mark.parametrize("structure", [WATER, METHANOL, grid(4, cell=False), grid(3, cell=True)], ids=lambda s: s.formula)
def test_every_pair_within_the_cutoff_is_listed_once_in_each_direction(structure: Structure) -> None:
    vectors = collate(Frames.of([structure]), CUTOFF).vectors().numpy()
    near = vectors[np.linalg.norm(vectors, axis=1) < CUTOFF]
    assert sorted_rows(near) == pytest.approx(vectors_by_hand(structure), abs=1e-9)


def test_a_large_molecule_is_searched_and_gives_what_all_pairs_give() -> None:
    committee = committee_of_random_networks(cutoff=CUTOFF)
    water = np.concatenate([WATER.positions + 3.1 * np.array([i % 3, i // 3 % 3, i // 9]) for i in range(12)])
    large = Structure(WATER.numbers * 12, water)
    assert len(large) > ALL_PAIRS_UP_TO
    batch = collate(Frames.of([large]), CUTOFF)
    assert len(batch.first) < len(large) * (len(large) - 1)
    first, second = np.nonzero(~np.eye(len(large), dtype=bool))
    every = type(batch)(
        batch.numbers, batch.positions, batch.owner, torch.from_numpy(first), torch.from_numpy(second), structures=1
    )
    network = committee.networks[0]
    assert float(network(batch)) == pytest.approx(float(network(every)), abs=1e-10)


def test_a_batch_gives_each_structure_what_it_gets_alone() -> None:
    committee = committee_of_random_networks(cutoff=CUTOFF)
    frames = Frames.concat([labelled(METHANOL, WATER, count=5), Frames.of([Structure((8,), [[0.0, 0.0, 0.0]], multiplicity=3)])])
    together = committee.predict(frames)
    for i in range(len(frames)):
        alone = committee.predict(frames[[i]])
        assert alone.energy[0] == pytest.approx(together.energy[i], abs=1e-9)
        assert alone.forces == pytest.approx(together.forces[frames.atoms(i)], abs=1e-9)


def test_chunks_cover_all_in_order_and_keep_to_the_size() -> None:
    frames = labelled(METHANOL, WATER, count=23)
    runs = list(chunks(frames, pairs=70))
    assert [i for run in runs for i in range(run.start, run.stop)] == list(range(23))
    pairs = frames.sizes * (frames.sizes - 1)
    assert all(pairs[run].sum() <= 70 for run in runs)
    assert list(chunks(frames, pairs=1)) == [slice(i, i + 1) for i in range(23)]
    assert list(chunks(Frames.of([]))) == []
