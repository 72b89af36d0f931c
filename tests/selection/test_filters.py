"""Unphysical and known structures fall; everything else stays."""

from __future__ import annotations

import numpy as np
import pytest

from reactal.chem import Frames
from reactal.selection.filters import distinct, unphysical


def brute_force(pool: Frames, order: np.ndarray, known: Frames, tolerance: float) -> list[int]:
    """The definition, written out."""

    def distances(frames: Frames, row: int) -> np.ndarray:
        places = frames.positions[frames.atoms(row)]
        first, second = np.triu_indices(len(places), 1)
        return np.linalg.norm(places[first] - places[second], axis=1)

    seen = [distances(known, row) for row in range(len(known))]
    kept = []
    for row in order:
        mine = distances(pool, row)
        if all(np.sqrt(np.mean((mine - other) ** 2)) >= tolerance for other in seen):
            kept.append(int(row))
            seen.append(mine)
    return kept


@pytest.mark.parametrize("tolerance", [0.02, 0.05, 0.09])
@pytest.mark.parametrize("seed", [0, 1])
def test_distinct_is_the_greedy_of_its_definition(make_pool, seed: int, tolerance: float) -> None:
    pool, known = make_pool(300, seed=seed, rattle=0.05), make_pool(40, seed=seed + 100, rattle=0.05)
    order = np.random.default_rng(seed).permutation(300)[:250]
    found = distinct(pool, order, known=known, tolerance=tolerance)
    assert found.rows.tolist() == brute_force(pool, order, known, tolerance)
    assert len(found.rows) + found.like_known + found.like_kept == 250


def test_distinct_over_several_blocks_and_with_a_limit(make_pool) -> None:
    pool = make_pool(2500, rattle=0.03)
    order = np.arange(2500)
    whole = distinct(pool, order, known=pool[:0], tolerance=0.05).rows
    assert whole.tolist() == brute_force(pool, order, pool[:0], 0.05)
    assert distinct(pool, order, known=pool[:0], tolerance=0.05, most=7).rows.tolist() == whole[:7].tolist()


def test_turned_copies_are_duplicates(make_pool) -> None:
    pool = make_pool(4)
    turn, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))
    copies = Frames.repeat(pool.structure(0), (pool.positions @ turn + 5.0).reshape(4, -1, 3))
    assert distinct(copies, np.arange(4), known=pool, tolerance=1e-3).like_known == 4


def test_each_unphysical_row_has_one_reason(make_pool, labelled) -> None:
    pool = make_pool(8, rattle=0.02)
    positions = pool.positions.copy()
    positions[pool.atoms(1)][3] = positions[pool.atoms(1)][0] + [0.4, 0, 0]
    energy, doubt = pool.extra["energy_predicted"].copy(), pool.extra["disagreement"].copy()
    energy[2] += 20.0
    doubt[3], energy[4] = np.nan, np.inf
    positions[pool.atoms(5)][6, 1] = np.nan
    energy[1] += 50.0
    pool = Frames.repeat(
        pool.structure(0), positions.reshape(8, -1, 3), disagreement=doubt, energy_predicted=energy, source=np.full(8, "md")
    )
    masks = unphysical(pool, labelled(make_pool(3, seed=9)), contact=0.65, energy_window=15.0)
    assert {reason: np.flatnonzero(mask).tolist() for reason, mask in masks.items()} == {
        "not_finite": [3, 4, 5],
        "contact": [1],
        "energy": [2],
    }


def test_energy_window_starts_at_the_lowest_label_or_else_the_lowest_prediction(make_pool, labelled) -> None:
    pool = make_pool(3).with_extra(energy_predicted=np.array([-100.0, -99.0, -90.0]))
    lower = labelled(make_pool(1, seed=5))  # -100 eV
    inside = {"contact": 0.5, "energy_window": 5.0}
    assert unphysical(pool, lower, **inside)["energy"].tolist() == [False, False, True]
    shifted = pool.with_extra(energy_predicted=pool.extra["energy_predicted"] + 7.0)
    assert unphysical(shifted, lower, **inside)["energy"].all()
    assert unphysical(shifted, lower[:0], **inside)["energy"].tolist() == [False, False, True]
