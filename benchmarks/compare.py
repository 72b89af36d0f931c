"""Which way to choose labels pays: strategies against random choice on pools that are labelled already, by `reactal compare`.

Reference data are read from a folder outside the project (`--data`, or REACTAL_DATA): rMD17 ethanol and malonaldehyde,
channels of hydrogen combustion (normal modes and dynamics to choose from, reaction paths to test on), and ethanol with a test
set whose O-H bond dissociates. A set whose files are not there is left out, and said so. Rounds that are finished are kept in
`--out`: a run that is stopped goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from figure import Figure, report
from pools import SETS, Pool

from reactal.comparison.driving import Contest
from reactal.comparison.figure import draw
from reactal.comparison.material import prepared
from reactal.comparison.outcome import Comparison
from reactal.comparison.plan import Budget, Plan
from reactal.comparison.showing import Shown
from reactal.comparison.table import markdown
from reactal.comparison.ways import CAMPAIGN, RANDOM, check_ways
from reactal.potentials.architecture import Architecture
from reactal.progress import NoProgress
from reactal.store.opening import open_store
from reactal.tracking.null import NullTracker
from reactal.training.settings import TrainingSettings

GOAL_REACTIVE, GOAL_WORST = 0.6, 1.1
STRATEGIES = (CAMPAIGN, "default", "disagreement", "farthest")


@dataclass(frozen=True)
class Size:
    """What one run costs."""

    sets: tuple[str, ...]
    seeds: int
    members: int
    budget: Budget
    candidates: int
    settings: TrainingSettings


SMALL = TrainingSettings(architecture=Architecture(features=16, interactions=2), steps_first=200, steps_warm=120)
FULL = TrainingSettings(architecture=Architecture(features=32, interactions=3), steps_first=1000, steps_warm=500)
SIZES: Mapping[str, Size] = {
    "quick": Size(("h2combustion",), 2, 2, Budget(20, 20, 2), 100, replace(SMALL, steps_first=100, steps_warm=50)),
    "small": Size(tuple(SETS), 3, 3, Budget(20, 20, 4), 300, SMALL),
    "full": Size(tuple(SETS), 5, 4, Budget(20, 20, 6), 0, FULL),
}


def compared(pool: Pool, size: Size, strategies: tuple[str, ...], *, seeds: int, folder: Path) -> Comparison:
    """All chains of one set, or what is left of them."""
    material = prepared(pool.pool, pool.test, name=pool.name)
    check_ways(strategies, material.pool)
    size.budget.check(len(material.pool))
    objects = open_store(str(folder / "store"))
    contest = Contest(
        objects=objects,
        material=material,
        plan=Plan(size.budget, size.settings, size.members, candidates=size.candidates),
        strategies=strategies,
        seeds=tuple(range(seeds)),
        shown=Shown(NullTracker(), objects, pool.name, "none", lambda: False),
        progress=NoProgress(),
    )
    contest.prepare()
    contest.starts()
    return contest.conclude(contest.compete(), target=None)


def figures(found: Mapping[str, Comparison], pools: Mapping[str, Pool]) -> list[Figure]:
    """The default way against random: where bonds break, by the forces where the test has them; and where it is worth least of
    all, in whatever region and by forces or energies."""
    ratios: dict[str, tuple[float, int]] = {}
    reactive: list[str] = []
    for name, comparison in found.items():
        for verdict in comparison.verdicts:
            if verdict.strategy == CAMPAIGN and verdict.labels_ratio.mean is not None:
                place = f"{name}/{verdict.region}/{verdict.metric}"
                ratios[place] = verdict.labels_ratio.mean, verdict.labels_ratio.n
        here = [f"{name}/{pools[name].reactive}/{metric}" for metric in ("force_mae", "energy_mae")]
        reactive += [place for place in here if place in ratios][:1]
    shown = []
    for title, among, goal in (
        ("compare.labels_vs_random_reactive", reactive, GOAL_REACTIVE),
        ("compare.labels_vs_random_worst", list(ratios), GOAL_WORST),
    ):
        if among:
            where = max(among, key=lambda place: ratios[place][0])
            value, seeds = ratios[where]
            print(f"{title}: {where}", file=sys.stderr)
            shown.append(Figure(title, round(value, 3), "labels", round(value, 3), 1.0, f"<= {goal}", value <= goal, runs=seeds))
    return shown


def recorded(found: Mapping[str, Comparison], notes: Mapping[str, Any], folder: Path) -> None:
    """Table, figure and numbers of each set."""
    for name, comparison in found.items():
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        (place / "comparison.md").write_text(markdown(comparison, title=name, notes=notes[name]), encoding="utf-8")
        (place / "comparison.json").write_text(json.dumps(comparison.as_json()), encoding="utf-8")
        draw(comparison, place, title=name)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="within two minutes: one set, two seeds, networks that learn little")
    parser.add_argument("--small", action="store_true", help="all sets with small networks and three seeds")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("REACTAL_DATA", "../shared/data")))
    parser.add_argument("--out", type=Path, default=Path(".cache/compare"), help="where finished rounds, tables and figures go")
    parser.add_argument("--sets", default="", help=f"names with commas, of {', '.join(SETS)}")
    parser.add_argument("--strategies", default=",".join(STRATEGIES), help="names with commas; random is always there")
    parser.add_argument("--rounds", type=int, default=0, help="after the start; 0: as many as the size of the run has")
    parser.add_argument("--seeds", type=int, default=0, help="0: as many as the size of the run has")
    return parser.parse_args()


def main() -> None:
    asked = arguments()
    torch.set_num_threads(1)
    size = SIZES["quick" if asked.quick else "small" if asked.small else "full"]
    if asked.rounds:
        size = replace(size, budget=replace(size.budget, rounds=asked.rounds))
    names = tuple(asked.sets.split(",")) if asked.sets else size.sets
    strategies = tuple(name for name in asked.strategies.split(",") if name != RANDOM)
    found, pools, notes = {}, {}, {}
    for name in names:
        make: Callable[[Path], Pool] = SETS[name]
        try:
            pools[name] = make(asked.data)
        except FileNotFoundError as missing:
            print(f"{name} is left out: there is no {missing.filename}", file=sys.stderr)
            continue
        found[name] = compared(pools[name], size, strategies, seeds=asked.seeds or size.seeds, folder=asked.out)
        notes[name] = pools[name].notes
        recorded({name: found[name]}, notes, asked.out)
    report(figures(found, pools) if CAMPAIGN in strategies else [])


if __name__ == "__main__":
    main()
