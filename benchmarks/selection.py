"""Choosing a batch: farthest-point sampling against scikit-matter's, and the whole selection from a pool of frames.

Not `select.py`: in the folder of a running script that name would hide the module that `subprocess` imports.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
from figure import Figure, rates, report, versus

from reactal.chem import Frames, Structure
from reactal.selection.batch import SelectionSettings, select
from reactal.selection.diversity import farthest_points

ATOMS = 9
GOAL_VS_PEER = 5.0
GOAL_STRUCTURES = 20_000.0  # a second: a pool of one round must cost less than one label


def farthest_against_peer(*, points: int, features: int, picks: int, runs: int) -> list[Figure]:
    """Both from the same first point; the covering radii tell whether the faster one chose worse."""
    cloud = np.random.default_rng(0).normal(size=(points, features))
    singles = cloud.astype(np.float32)
    try:
        from skmatter.sample_selection import FPS
    except ImportError:
        print("the peer is not here: pip install skmatter", file=sys.stderr)
        (ours,) = rates(1.0, [lambda: farthest_points(singles, picks, first=0)], runs=runs)
        rate = float(np.median(ours))
        return [Figure("farthest_point_vs_skmatter", 0.0, "selections/s", rate, None, f">= {GOAL_VS_PEER}", False, runs)]
    ours, peer = rates(
        1.0,
        [
            lambda: farthest_points(singles, picks, first=0),
            lambda: FPS(n_to_select=picks, initialize=0).fit(cloud),
        ],
        runs=runs,
    )
    mine = covering_radius(cloud, farthest_points(singles, picks, first=0)[0])
    theirs = covering_radius(cloud, FPS(n_to_select=picks, initialize=0).fit(cloud).selected_idx_)
    ratio = mine / theirs
    return [
        versus("farthest_point_vs_skmatter", "selections/s", ours, peer, at_least=GOAL_VS_PEER),
        Figure("covering_radius_vs_skmatter", round(ratio, 6), "", mine, theirs, "<= 1.0001", ratio <= 1.0001, 1),
    ]


def covering_radius(points: np.ndarray, rows: np.ndarray) -> float:
    """The distance of the point farthest from all chosen ones."""
    nearest = np.full(len(points), np.inf)
    for row in rows:
        nearest = np.minimum(nearest, np.square(points - points[row]).sum(axis=1))
    return float(np.sqrt(nearest.max()))


def whole_selection(*, pool: int, dataset: int, runs: int) -> Figure:
    """Filters, random arm, band, duplicates, diversity: from pool to batch."""
    rng = np.random.default_rng(1)
    chain = Structure.from_symbols("C" * ATOMS, np.arange(ATOMS)[:, None] * [1.4, 0.3, 0.0])

    def rattled(count: int) -> np.ndarray:
        return chain.positions + 0.1 * rng.normal(size=(count, ATOMS, 3))

    candidates = Frames.repeat(
        chain,
        rattled(pool),
        disagreement=rng.lognormal(-2.0, 1.0, pool),
        energy_predicted=rng.normal(0.0, 1.0, pool),
        source=np.full(pool, "dynamics"),
    )
    known = Frames.repeat(chain, rattled(dataset))

    def once() -> None:
        batch = select(
            candidates,
            dataset=known,
            size=20,
            random_share=0.2,
            settings=SelectionSettings(),
            rng=np.random.default_rng(0),
        )
        assert len(batch.rows) == 20

    (measured,) = rates(pool, [once], runs=runs)
    rate = float(np.median(measured))
    goal = f">= {GOAL_STRUCTURES:g}"
    return Figure("selection_rate", round(rate), "structures/s", round(rate), None, goal, rate >= GOAL_STRUCTURES, runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller work, the same code")
    quick = parser.parse_args().quick
    figures = farthest_against_peer(points=20_000 if quick else 100_000, features=256, picks=50 if quick else 100, runs=3)
    figures.append(whole_selection(pool=20_000 if quick else 200_000, dataset=500 if quick else 5_000, runs=3))
    report(figures)


if __name__ == "__main__":
    main()
