"""Choosing a batch: every strategy at a million candidates, farthest-point sampling against scikit-matter's, and the whole
selection from a pool of frames.

Not `select.py`: in the folder of a running script that name would hide the module that `subprocess` imports.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time

import numpy as np
from figure import Figure, rates, report, versus

from reactal.chem import Frames, Structure
from reactal.selection.base import Candidates, Known
from reactal.selection.batch import SelectionSettings, select
from reactal.selection.diversity import farthest_points
from reactal.selection.strategy import STRATEGIES, strategy_named

ATOMS = 9
GOAL_VS_PEER = 5.0
GOAL_SECONDS, GOAL_GIB = 15.0, 4.0  # each strategy, 512 of a million times 256 on two cores
BLOCK = 50_000
GOAL_STRUCTURES = 20_000.0  # a second: a pool of one round must cost less than one label


def at_scale(*, points: int, features: int, picks: int) -> list[Figure]:
    """Every strategy once: the slowest, and the most memory that the process held until then, pool and all."""
    candidates, known = candidates_of(points, features=features, known=picks)
    seconds = {}
    for name in STRATEGIES:
        start = time.perf_counter()
        chosen = strategy_named(name).pick(candidates, picks, known=known, rng=np.random.default_rng(0))
        seconds[name] = time.perf_counter() - start
        assert len(set(chosen.tolist())) == picks
        print(f"  {name}: {seconds[name]:.1f} s", file=sys.stderr)
    slowest = round(max(seconds.values()), 2)
    gib = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)
    whole = points == 1_000_000
    return [
        Figure("select.seconds_1m", slowest, "s", slowest, None, f"<= {GOAL_SECONDS:g}", whole and slowest <= GOAL_SECONDS, 1),
        Figure("select.rss_gib_1m", gib, "GiB", gib, None, f"<= {GOAL_GIB:g}", whole and gib <= GOAL_GIB, 1),
    ]


def candidates_of(points: int, *, features: int, known: int) -> tuple[Candidates, Known]:
    """A cloud with few strong directions and many weak ones, as latent features have them.

    Filled in blocks, or the making would be the peak of memory.
    """
    rng = np.random.default_rng(0)
    cloud = np.empty((points, features), dtype=np.float32)
    width = (np.arange(1, features + 1) ** -0.7).astype(np.float32)
    for start in range(0, points, BLOCK):
        some = cloud[start : start + BLOCK]
        rng.standard_normal(out=some, dtype=np.float32)
        some *= width
    energies = rng.normal(size=(4, points))
    labelled = rng.standard_normal((known, features), dtype=np.float32) * width
    candidates = Candidates(
        disagreement=rng.lognormal(-2.0, 1.0, points),
        energy=energies.mean(axis=0),
        energy_spread=energies.std(axis=0),
        member_energies=energies,
        member_outputs=rng.standard_normal((points, 4, 3 * ATOMS), dtype=np.float32),
        features=cloud,
        last_layer=cloud,
        progress=rng.random(points),
    )
    return candidates, Known(features=labelled, last_layer=labelled, energy=rng.normal(size=known))


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
        return [Figure("select.rate_vs_skmatter_fps", 0.0, "selections/s", rate, None, f">= {GOAL_VS_PEER}", False, runs)]
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
        versus("select.rate_vs_skmatter_fps", "selections/s", ours, peer, at_least=GOAL_VS_PEER),
        Figure("select.radius_vs_skmatter_fps", round(ratio, 6), "", mine, theirs, "<= 1.0001", ratio <= 1.0001, 1),
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
    figures = at_scale(points=100_000 if quick else 1_000_000, features=256, picks=128 if quick else 512)
    figures += farthest_against_peer(points=20_000 if quick else 100_000, features=256, picks=50 if quick else 100, runs=3)
    figures.append(whole_selection(pool=20_000 if quick else 200_000, dataset=500 if quick else 5_000, runs=3))
    report(figures)


if __name__ == "__main__":
    main()
