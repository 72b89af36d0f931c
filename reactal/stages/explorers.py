"""The campaign's explorers: how many replicas each gets in a round, and the frames they meet.

With `explorers.bandit` an explorer's share is its weight times its yield, the force error of the last model on the labels that it
brought for a replica and step, seen over all rounds. What it brought is in the store, so that the same round has the same shares
after a crash.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.campaign.state import CampaignState
from reactal.chem import Frames
from reactal.exploration.guards import Guards
from reactal.exploration.swarms import Swarm, SwarmSettings
from reactal.potentials.committee import Committee
from reactal.potentials.driving import DrivenCommittee
from reactal.stages.bench import Bench

__all__ = ["Yield", "dealt", "explorers_yields", "frames_of_explorers"]

Floats = NDArray[np.float64]


@final
@dataclass(frozen=True)
class Yield:
    """What one line of the schedule has brought so far: labels, the sum of their largest force errors before they were known
    (eV/angstrom), and the frames it took to find them, which stand for steps."""

    labels: int = 0
    error: float = 0.0
    frames: int = 0


def frames_of_explorers(
    bench: Bench, state: CampaignState, committee: Committee, starts: Frames, *, ends: Frames, trust: float, iteration: int
) -> list[Frames]:
    """What each met, with its name as `role`; nothing where the schedule is empty. Starts are taken in turn."""
    rule, limits = bench.config.explorers, bench.config.exploration
    weights = np.asarray([line.weight_at(iteration, rule.over) for line in rule.schedule])
    if not weights.sum():
        return []
    yields = explorers_yields(bench, state) if rule.bandit else [Yield()] * len(weights)
    driven, found = DrivenCommittee(committee), []
    guards = Guards(trust=trust, cap=max(limits.band_cap, trust))
    for row, (line, replicas) in enumerate(zip(rule.schedule, dealt(weights, yields, rule.replicas), strict=True)):
        if not replicas:
            continue
        settings = SwarmSettings(
            method=line.method,
            replicas=replicas,
            length=line.length,
            timestep=limits.timestep,
            temperature=line.temperature_at(iteration, rule.over),
            check_every=rule.check_every,
            seed=int(bench.rng("explorer", iteration, row).integers(2**31)),
            variables=line.variables,
            guards=guards,
        )
        met = Swarm(driven, starts, settings, ends=ends).met()
        found.append(Frames.repeat(starts.structure(0), met.positions, role=np.full(len(met), rule.roles[row])))
    return found


def dealt(weights: Floats, yields: Sequence[Yield], replicas: int) -> list[int]:
    """Replicas for each explorer: by weight times yield, where one that has brought little yet counts as the mean of all. An
    explorer with any weight gets one at least, so that it can show what it is worth."""
    known = Yield(sum(y.labels for y in yields), sum(y.error for y in yields), sum(y.frames for y in yields))
    worth = np.ones(len(weights))
    if known.frames and known.error:
        # each is pulled to the mean by as many frames as the mean explorer has had
        share = known.frames / len(yields)
        mean = known.error / known.frames
        worth = np.asarray([(y.error + share * mean) / (y.frames + share) / mean for y in yields])
    parts = np.asarray(weights) * worth
    exact = replicas * parts / parts.sum()
    counts = np.floor(exact).astype(int)
    for row in np.argsort(counts - exact, kind="stable")[: replicas - counts.sum()]:
        counts[row] += 1
    return [max(1, int(count)) if part > 0 else 0 for count, part in zip(counts, parts, strict=True)]


def explorers_yields(bench: Bench, state: CampaignState) -> list[Yield]:
    """Of each line of the schedule, from the pools and the labels of all rounds."""
    names = bench.config.explorers.roles
    if not state.explorations or not state.labelled:
        return [Yield()] * len(names)
    dataset = bench.dataset(state.dataset)
    rows = np.flatnonzero(np.isin(dataset.extra["role"], names))
    labels = {key: int(row) for key, row in zip(dataset[rows].keys(), rows, strict=True)} if len(rows) else {}
    found = {name: Yield() for name in names}
    for event in state.explorations:
        pool = bench.pools.get(event.pool)
        for name in names:
            mine = pool[np.flatnonzero(pool.extra["role"] == name)]
            errors = [_error(mine, i, dataset, labels[key]) for i, key in enumerate(mine.keys()) if key in labels]
            old = found[name]
            found[name] = Yield(old.labels + len(errors), old.error + sum(errors), old.frames + len(mine))
    return [found[name] for name in names]


def _error(pool: Frames, i: int, dataset: Frames, row: int) -> float:
    """The largest force error (eV/angstrom) of the model that proposed a structure."""
    off = pool.forces[pool.atoms(i)] - dataset.forces[dataset.atoms(row)]
    return float(np.linalg.norm(off, axis=1).max())
