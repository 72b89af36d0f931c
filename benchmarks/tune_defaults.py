"""Are there settings that suit small reactive sets better than the defaults do? A recorded search, not taste.

For each set and size `reactal tune` searches on labels drawn from it (the studies are kept in --out and gone on with). Then every
winner, and the defaults, is trained on each set and size with fresh draws and seeds, and judged by the force error on the set's
own test, of which the search has seen nothing. The figure is the best winner's error over that of the defaults: the geometric
mean over sets and sizes, the median over repeats. It changes no default: a ratio below 1 by more than its spread is a reason to.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
import yaml
from figure import Figure, report
from pools import SETS, Pool

from reactal.chem import Frames
from reactal.training.committee import assemble
from reactal.training.forgetting import force_mae
from reactal.training.knobs import KNOBS, Value, as_sections, turned, value_of
from reactal.training.member import train_member
from reactal.training.seeds import derive_seed
from reactal.training.settings import TrainingSettings
from reactal.training.tuning import Search, tune

GOAL = 1.0
Settings = Mapping[str, Value]
DEFAULTS: Settings = {knob.key: value_of(TrainingSettings(), knob) for knob in KNOBS}


@dataclass(frozen=True)
class Plan:
    sets: Sequence[str]
    sizes: Sequence[int]
    trials: int
    steps: int
    repeats: int
    search: int  # splits and finalists of each search


QUICK = Plan(("h2combustion",), (40,), trials=2, steps=30, repeats=1, search=1)
FULL = Plan(("h2combustion", "botnet_ethanol"), (50, 200, 800), trials=40, steps=1000, repeats=3, search=2)


def drawn(pool: Pool, size: int, *, seed: int) -> Frames:
    rows = np.random.default_rng(derive_seed(seed, "drawn", pool.name, size)).permutation(len(pool.pool))[:size]
    return pool.pool[np.sort(rows)]


def searched(pool: Pool, size: int, plan: Plan, *, folder: Path) -> Settings:
    """What the search found best on labels that no repeat is trained on, in the order of its draws."""
    search = Search(plan.trials, splits=plan.search, finalists=plan.search, repeats=plan.search)
    settings = TrainingSettings(steps_first=plan.steps)
    best, *_ = tune(drawn(pool, size, seed=-1), settings, search, folder=folder / f"{pool.name}-{size}")
    return best.values


def error(pool: Pool, size: int, values: Settings, plan: Plan, *, seed: int) -> float:
    settings = turned(TrainingSettings(steps_first=plan.steps), values)
    member = train_member(drawn(pool, size, seed=seed), settings, seed=derive_seed(seed, "judged"))
    return force_mae(assemble([member]), pool.test)


def judged(values: Settings, pools: Sequence[Pool], plan: Plan, known: Mapping[tuple[str, int, int], float]) -> list[float]:
    """Of each repeat, the geometric mean over sets and sizes of the error over that of the defaults."""
    ratios = []
    for seed in range(plan.repeats):
        logs = [
            math.log(error(pool, size, values, plan, seed=seed) / known[pool.name, size, seed])
            for pool in pools
            for size in plan.sizes
        ]
        ratios.append(math.exp(statistics.fmean(logs)))
    return ratios


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="within two minutes")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("REACTAL_DATA", "../shared/data")))
    parser.add_argument("--out", type=Path, help="folder for the studies; without it they are not kept")
    arguments = parser.parse_args()
    plan = QUICK if arguments.quick else FULL
    torch.set_num_threads(1)
    with TemporaryDirectory() as passing:
        pools = [SETS[name](arguments.data) for name in plan.sets]
        folder = arguments.out or Path(passing)
        winners = {
            f"{pool.name}, {size} labels": searched(pool, size, plan, folder=folder) for pool in pools for size in plan.sizes
        }
    known = {
        (pool.name, size, seed): error(pool, size, DEFAULTS, plan, seed=seed)
        for pool in pools
        for size in plan.sizes
        for seed in range(plan.repeats)
    }
    found = {name: judged(values, pools, plan, known) for name, values in winners.items()}
    best = min(found, key=lambda name: statistics.median(found[name]))
    print(f"best everywhere: what was found for {best}\n{yaml.safe_dump(as_sections(winners[best]))}", file=sys.stderr)
    print(json.dumps({name: {"ratios": found[name], "settings": dict(winners[name])} for name in found}), file=sys.stderr)
    ratio = statistics.median(found[best])
    figure = Figure(
        "train.best_settings_vs_defaults",
        round(ratio, 4),
        "of the defaults' force error",
        ours=round(ratio, 4),
        peer=1.0,
        goal=f"<= {GOAL}, then the defaults are worth changing",
        met=ratio <= GOAL,
        runs=plan.repeats,
    )
    report([figure])


if __name__ == "__main__":
    main()
