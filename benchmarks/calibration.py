"""Whether bounds on force errors hold what they promise: on published sets, at first and after five rounds of a moving model.

Reference data are read from a folder outside the project (`--data`, or REACTAL_DATA), as in benchmarks/compare.py. Every round a
committee is trained, warm from the last; some structures are drawn at random, predicted, and only then labelled: they calibrate.
The most doubtful ones join them in the training set, so that the model moves as in a campaign. Coverage is counted on held-back
structures that nothing else has seen.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from figure import Figure, report
from pools import SETS

from reactal.chem import Frames
from reactal.potentials.architecture import Architecture
from reactal.potentials.committee import Committee
from reactal.training.committee import assemble, jobs, train_committee
from reactal.training.settings import TrainingSettings
from reactal.uncertainty.bounds import METHODS, bound_by
from reactal.uncertainty.reliability import Reliability

COVERAGE, WITHIN = 0.9, 0.03
SMALL = TrainingSettings(architecture=Architecture(features=16, interactions=2), steps_first=200, steps_warm=100)
START, ACTIVE = 30, 15


@dataclass(frozen=True)
class Size:
    sets: tuple[str, ...]
    seeds: int
    rounds: int
    arm: int
    held_back: int
    settings: TrainingSettings


QUICK = Size(("rmd17_ethanol",), 1, 2, 15, 60, replace(SMALL, steps_first=80, steps_warm=40))
WHOLE = Size(tuple(SETS), 3, 6, 30, 300, SMALL)


@dataclass(frozen=True)
class Seen:
    """Disagreement and largest force error of each structure, eV/angstrom."""

    disagreement: np.ndarray
    error: np.ndarray

    def covered(self, method: str, by: Sequence[Seen]) -> np.ndarray | None:
        """Which of these lie within the bound made from others; None where those are too few."""
        pairs = [np.concatenate([getattr(one, name) for one in by]) for name in ("disagreement", "error")]
        bounds = bound_by(method, *pairs, coverage=COVERAGE).bound(self.disagreement)
        return self.error <= bounds if np.isfinite(bounds).all() else None


def seen(committee: Committee, frames: Frames) -> Seen:
    said = committee.predict(frames)
    error = frames.per_structure_max(np.linalg.norm(said.forces - frames.forces, axis=1))
    return Seen(said.disagreement(frames), error)


def campaign(pool: Frames, size: Size, *, seed: int) -> tuple[list[Seen], list[Seen]]:
    """For each round: what its random arm showed, and what the held-back structures show on its model."""
    order = np.random.default_rng(seed).permutation(len(pool))
    held, left = pool[order[: size.held_back]], list(order[size.held_back :])
    rows, left = left[:START], left[START:]
    arms, tests, warm = [], [], []
    for number in range(size.rounds):
        members = train_committee(
            jobs(pool[rows], size.settings, seeds=[97 * seed + number, 97 * seed + number + 50], warm_starts=warm)
        )
        warm, committee = [member.weights for member in members], assemble(members)
        arm, left = left[: size.arm], left[size.arm :]  # the order is random: so is the arm
        arms.append(seen(committee, pool[arm]))
        tests.append(seen(committee, held))
        looked = left[: 10 * ACTIVE]
        doubtful = np.argsort(-seen(committee, pool[looked]).disagreement)[:ACTIVE]
        active = {looked[place] for place in doubtful}
        rows, left = [*rows, *arm, *active], [row for row in left if row not in active]
    return arms, tests


def measured(name: str, data: Path, size: Size) -> dict[tuple[str, str], float] | None:
    """Share of held-back errors within their bound, by method, when the model is new and after it has moved."""
    try:
        pool = SETS[name](data).pool
    except FileNotFoundError as missing:
        print(f"{name}: left out, {missing}", file=sys.stderr)
        return None
    shares: dict[tuple[str, str], list[float]] = {}
    for seed in range(size.seeds):
        arms, tests = campaign(pool, size, seed=seed)
        for method in METHODS:
            for when, test, by in (("first", tests[0], arms[:1]), ("moved", tests[-1], arms)):
                inside = test.covered(method, by)
                if inside is not None:
                    shares.setdefault((method, when), []).append(float(inside.mean()))
        quality = Reliability.of(tests[-1].disagreement, tests[-1].error)
        print(f"{name} seed {seed}: rank correlation {quality.rank_correlation:.2f}, ENCE {quality.ence:.2f}", file=sys.stderr)
    found = {place: float(np.mean(values)) for place, values in shares.items()}
    for (method, when), share in sorted(found.items()):
        print(f"{name}: {method}, {when}: {share:.3f}", file=sys.stderr)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one set, one seed, networks that learn little")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("REACTAL_DATA", "../shared/data")))
    parser.add_argument("--sets", default="", help=f"names with commas, of {', '.join(SETS)}")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    size = QUICK if asked.quick else WHOLE
    names = tuple(asked.sets.split(",")) if asked.sets else size.sets
    found = {name: shares for name in names if (shares := measured(name, asked.data, size)) is not None}
    figures = []
    for method in METHODS:
        for when in ("first", "moved"):
            shares = [one[method, when] for one in found.values() if (method, when) in one]
            if not shares:
                continue
            worst = max(shares, key=lambda share: abs(share - COVERAGE))
            title = "calibrate.coverage" if (method, when) == ("conformal", "moved") else f"calibrate.coverage_{method}_{when}"
            goal = f"{COVERAGE} +- {WITHIN}, the set that is farthest off"
            met = abs(worst - COVERAGE) <= WITHIN
            figures.append(Figure(title, round(worst, 3), "", round(float(np.mean(shares)), 3), None, goal, met, size.seeds))
    report(figures)


if __name__ == "__main__":
    main()
