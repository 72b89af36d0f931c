"""What choosing has saved: none where lots were drawn under another name, much where it was wise, a loss where it was foolish."""

from __future__ import annotations

import numpy as np
import pytest

from reactal.chem import Frames, Structure
from reactal.selection.control import FEWEST, labels_saved
from reactal.selection.diversity import farthest_points

CHOSEN, DRAWN = 60, 24


def trio(places: np.ndarray) -> np.ndarray:
    """H3 on a line, by its two distances (n, 2)."""
    x = np.stack([np.zeros(len(places)), places[:, 0], places.sum(axis=1)], axis=1)
    return np.stack([x, np.zeros_like(x), np.zeros_like(x)], axis=2)


def campaign(chosen: np.ndarray, *, seed: int, crowd: float = 0.0) -> Frames:
    """A few seeds, random ones from all over a square of distances, a crowd of them near its corner, and what was chosen."""
    rng = np.random.default_rng(seed)
    drawn = rng.uniform(0.8, 2.0, (DRAWN, 2))
    drawn[: round(crowd * DRAWN)] = rng.uniform(0.8, 0.9, (round(crowd * DRAWN), 2))
    places = np.concatenate([rng.uniform(0.8, 1.0, (6, 2)), drawn, chosen])
    arm = np.repeat(["seed", "random", "active"], [6, DRAWN, len(chosen)])
    frames = Frames.repeat(Structure.from_symbols("HHH", trio(places[:1])[0], multiplicity=2), trio(places), arm=arm)
    energy = np.sin(4.0 * places[:, 0]) * np.cos(3.0 * places[:, 1])
    return Frames(**{**vars(frames), "energy": energy})


def test_lots_under_another_name_save_nothing() -> None:
    """The interval holds the truth nearly always."""
    inside = 0
    for seed in range(12):
        found = labels_saved(campaign(np.random.default_rng(100 + seed).uniform(0.8, 2.0, (CHOSEN, 2)), seed=seed))
        inside += found.low <= CHOSEN <= found.high
    assert inside >= 10


def test_a_foolish_choice_costs_labels() -> None:
    crowd = 0.9 + 0.01 * np.random.default_rng(0).normal(size=(CHOSEN, 2))
    found = labels_saved(campaign(crowd, seed=1))
    assert found.high < 0.7 * CHOSEN
    assert (found.chosen, found.drawn) == (CHOSEN, DRAWN)


def test_a_wise_choice_saves_labels() -> None:
    """Most of what is explored is a crowd that is known well; farthest points look at the rest."""
    square = np.random.default_rng(0).uniform(0.8, 2.0, (2000, 2)).astype(np.float32)
    wise = square[farthest_points(square, 30, first=0)[0]].astype(float)
    needed = [labels_saved(campaign(wise, seed=seed, crowd=0.7)).random_would_need for seed in range(5)]
    assert np.median(needed) > 1.5 * 30


def test_lots_that_teach_nothing_beyond_the_seed_are_no_measure() -> None:
    """All that was drawn is what the seed knows: any number would be an edge of what was tried."""
    rows = campaign(np.random.default_rng(0).uniform(0.8, 2.0, (CHOSEN, 2)), seed=0)
    again = rows[np.r_[0:6, np.arange(DRAWN) % 6, 6 + DRAWN : len(rows)]].with_extra(arm=rows.extra["arm"])
    found = labels_saved(again)
    assert (found.random_would_need, found.low, found.high) == (None, None, None)


@pytest.mark.parametrize("chosen", [0, FEWEST - 1])
def test_too_few_say_nothing(chosen: int) -> None:
    found = labels_saved(campaign(np.full((chosen, 2), 1.0), seed=0))
    assert (found.chosen, found.random_would_need, found.low, found.high) == (chosen, None, None, None)


def test_the_same_rows_the_same_estimate() -> None:
    rows = campaign(np.random.default_rng(3).uniform(0.8, 2.0, (20, 2)), seed=0)
    assert labels_saved(rows) == labels_saved(rows)
