"""What a strategy wants to know of a pool, worked out for what it needs and no more."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.campaign.state import CampaignState
from reactal.chem import Frames
from reactal.labeling.cost import learnt_from
from reactal.sections import BAND
from reactal.selection.base import Candidates, Known, Round
from reactal.selection.descriptors import describe
from reactal.selection.nearest import centred, squared
from reactal.selection.strategy import Strategy, strategy_named
from reactal.stages.bench import Bench

__all__ = ["ByStrategy", "by_strategy", "round_of"]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

OF_MEMBERS = frozenset({"energy_spread", "member_energies", "member_outputs"})


@final
@dataclass(frozen=True, eq=False)
class ByStrategy:
    """A strategy with the columns of a pool and of what is labelled."""

    strategy: Strategy
    candidates: Candidates
    known: Known
    at: Round

    def known_with(self, rows: list[int]) -> Known:
        """As if these rows of the pool were labelled: their energies are the model's, who could not say better."""
        if not rows:
            return self.known
        taken, before = self.candidates[np.asarray(rows)], self.known
        both = {
            name: np.concatenate([getattr(before, name), getattr(taken, name)])
            for name in ("features", "last_layer", "energy")
            if getattr(before, name) is not None
        }
        return Known(**both)

    def strategy_after(self, rows: list[int]) -> Strategy:
        """With what these rows, labelled in the same batch, leave of its budget."""
        budget, cost = self.strategy.budget, self.candidates.cost
        if budget is None or cost is None or not rows:
            return self.strategy
        return replace(self.strategy, budget=max(0.0, budget - float(cost[rows].sum())))


def by_strategy(bench: Bench, state: CampaignState, pool: Frames, dataset: Frames) -> ByStrategy | None:
    """None where the campaign chooses as it always has, from the doubtful band."""
    section = bench.config.selection
    if section.strategy == BAND:
        return None
    strategy = strategy_named(section.strategy, **section.strategy_settings)
    candidates, known = _columns(bench, state, pool, dataset, strategy=strategy)
    return ByStrategy(strategy, candidates, known, round_of(bench, state))


def _columns(
    bench: Bench, state: CampaignState, pool: Frames, dataset: Frames, *, strategy: Strategy
) -> tuple[Candidates, Known]:
    """The pool's columns and those of the labelled, in one space; the newest committee is asked where the strategy needs it."""
    needs = set(strategy.needs)
    latent = "last_layer" in needs or ("features" in needs and bench.config.selection.space == "latent")
    of_pool: dict[str, NDArray[np.generic]] = {}
    of_known: dict[str, Singles] = {}
    if needs & OF_MEMBERS or latent:
        of_pool, of_known = _of_committee(bench, state, pool, dataset, members=bool(needs & OF_MEMBERS), latent=latent)
    if "features" in needs and "features" not in of_pool:
        of_pool["features"], of_known["features"] = describe(pool, dataset)
    if "progress" in needs:
        of_pool["progress"] = _progress(bench, state, pool)
    if "cost" in needs:
        of_pool["cost"] = _cost(bench, pool)
    candidates = Candidates(
        disagreement=np.asarray(pool.extra["disagreement"], dtype=np.float64),
        energy=pool.energy,
        source=pool.extra["role"],
        **of_pool,  # type: ignore[arg-type]
    )
    return candidates, Known(**of_known, energy=dataset.energy)


def round_of(bench: Bench, state: CampaignState) -> Round:
    """The share of the labels that is spent, and by how much the random arm's force error fell from round to round."""
    errors = [float(np.mean([point.force_mae for point in one.arm])) for one in state.labelled if one.arm]
    yields = tuple(1.0 - after / before for before, after in pairwise(errors) if before > 0)
    spent = (state.labels_asked - state.labels_before) / bench.config.budget.labels
    return Round(spent=min(spent, 1.0), yields=yields)


def _of_committee(
    bench: Bench, state: CampaignState, pool: Frames, dataset: Frames, *, members: bool, latent: bool
) -> tuple[dict[str, NDArray[np.generic]], dict[str, Singles]]:
    from reactal.potentials.latent import latent_features

    assert state.trained is not None
    committee = bench.committee(state.trained.model)
    of_pool: dict[str, NDArray[np.generic]] = {}
    of_known: dict[str, Singles] = {}
    if members:
        energies, forces = committee.energies_and_forces_members(pool)
        outputs = forces.reshape(len(energies), len(pool), -1).transpose(1, 0, 2)  # a campaign has one set of atoms
        spread = energies.std(axis=0)
        of_pool = {"member_energies": energies, "energy_spread": spread, "member_outputs": outputs.astype(np.float32)}
    if latent:
        of_pool["last_layer"], of_known["last_layer"] = latent_features(committee, pool), latent_features(committee, dataset)
        if bench.config.selection.space == "latent":
            of_pool["features"], of_known["features"] = of_pool["last_layer"], of_known["last_layer"]
    return of_pool, of_known


def _progress(bench: Bench, state: CampaignState, pool: Frames) -> Floats:
    """The place (n,) of the nearest image of the band, counted from 0 to 1."""
    assert state.explored is not None
    of_pool, of_band = centred(*describe(pool, bench.pools.get(state.explored.path)))
    return np.asarray(squared(of_pool, of_band).argmin(axis=1) / max(1, len(of_band) - 1))


def _cost(bench: Bench, pool: Frames) -> Floats:
    """Core-seconds of each label (n,), learnt from those in the store."""
    model = learnt_from(bench.labels, bench.theory)
    threads = bench.config.resources.threads_for
    return np.asarray([threads(len(structure)) * model.seconds(structure) for structure in pool.structures()])
