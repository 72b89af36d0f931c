"""The strategies that can be compared: those of the registry, and a campaign's own way to fill a batch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames
from reactal.errors import InputError
from reactal.potentials.base import Prediction
from reactal.potentials.committee import Committee
from reactal.potentials.latent import latent_features
from reactal.selection.base import Candidates, Known, Round
from reactal.selection.batch import SelectionSettings, select
from reactal.selection.descriptors import describe
from reactal.selection.strategy import Strategy, strategy_named

__all__ = ["CAMPAIGN", "RANDOM", "Question", "Way", "check_ways", "way_named"]

RANDOM = "random"
CAMPAIGN = "campaign"
RANDOM_SHARE = 0.2  # of a campaign's batch, as reactal/defaults.yaml has it
FROM_POOL = ("progress", "cost", "source")  # columns that a pool may bring along

Rows = NDArray[np.int64]


@final
@dataclass(frozen=True, eq=False)
class Question:
    """What a strategy is asked: which rows of `pool` to label next. It never sees their labels: `pool` has none.

    `dataset` is labelled, `committee` trained on it.
    """

    pool: Frames
    dataset: Frames
    committee: Committee
    count: int
    at: Round
    rng: np.random.Generator


class Way(Protocol):
    """A way to choose."""

    def rows(self, asked: Question) -> Rows:
        """At most `count` different rows of the question's pool."""


def way_named(name: str) -> Way:
    """`campaign`, or a name that `strategy_named` knows with its settings: `ucb`, `ucb+kdpp`, `ucb:kappa=3`."""
    return _Campaign() if name == CAMPAIGN else _Registered(_strategy(name))


def check_ways(names: tuple[str, ...], pool: Frames) -> None:
    """`InputError` for a name that is twice there or nowhere, and for a strategy that needs what this pool cannot have."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if not names or twice:
        raise InputError(f"the strategy {twice[0]} is named twice" if twice else "no strategy is named; write --strategies a,b")
    for name in names:
        if name == CAMPAIGN:
            continue
        lacking = [need for need in _strategy(name).needs if need in FROM_POOL and need not in pool.extra]
        if lacking:
            raise InputError(
                f"the strategy {name} needs a column {lacking[0]} in the pool, which has "
                f"{', '.join(sorted(pool.extra)) or 'no further columns'}; add it, or leave the strategy out"
            )


def _strategy(name: str) -> Strategy:
    plain, *assignments = name.split(":")
    settings = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        try:
            number = float(value) if equals else math.nan
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise InputError(f"the strategy {name}: {assignment!r} is not of the form setting=number, as in ucb:kappa=3")
        settings[key] = int(number) if number == int(number) else number
    return strategy_named(plain, **settings)


@final
@dataclass(frozen=True)
class _Campaign:
    """As a campaign's round: a random arm, and from the doubtful band what is new and different."""

    def rows(self, asked: Question) -> Rows:
        prediction = asked.committee.predict(asked.pool)
        pool = asked.pool.with_extra(
            disagreement=prediction.disagreement(asked.pool),
            energy_predicted=prediction.energy,
            source=np.full(len(asked.pool), "pool"),
        )
        settings = SelectionSettings(energy_window=np.inf)  # every structure of a labelled pool was worth a label to somebody
        return select(
            pool, dataset=asked.dataset, size=asked.count, random_share=RANDOM_SHARE, settings=settings, rng=asked.rng
        ).rows


@final
@dataclass(frozen=True)
class _Registered:
    """A strategy of the registry, given the columns that it needs and no more."""

    strategy: Strategy

    def rows(self, asked: Question) -> Rows:
        candidates, known = _columns(asked, self.strategy.needs)
        return self.strategy.pick(candidates, asked.count, rng=asked.rng, known=known, at=asked.at)


def _columns(asked: Question, needs: tuple[str, ...]) -> tuple[Candidates, Known]:
    pool, dataset = asked.pool, asked.dataset
    prediction, energies, outputs = _said(asked.committee, pool, outputs="member_outputs" in needs)
    features, known_features = describe(pool, dataset) if "features" in needs else (None, None)
    last, known_last = (
        (latent_features(asked.committee, pool), latent_features(asked.committee, dataset))
        if "last_layer" in needs
        else (None, None)
    )
    brought = {name: pool.extra[name] for name in FROM_POOL if name in pool.extra}
    candidates = Candidates(
        disagreement=prediction.disagreement(pool),
        energy=prediction.energy,
        energy_spread=prediction.energy_spread,
        member_energies=energies,
        member_outputs=outputs,
        features=features,
        last_layer=last,
        **brought,
    )
    return candidates, Known(features=known_features, last_layer=known_last, energy=dataset.energy)


def _said(
    committee: Committee, frames: Frames, *, outputs: bool
) -> tuple[Prediction, NDArray[np.float64], NDArray[np.float32] | None]:
    """What `Committee.predict` gives, the members' energies (M, n), and if asked for their outputs (n, M, D): forces where all
    structures have equally many atoms, energies otherwise, which are then the one thing that they have in common."""
    energies, forces = committee.energies_and_forces_members(frames)
    mean = forces.mean(axis=0)
    prediction = Prediction(
        energy=energies.mean(axis=0),
        forces=mean,
        energy_spread=energies.std(axis=0),
        force_spread=np.sqrt(np.square(forces - mean).sum(axis=2).mean(axis=0)),
    )
    if not outputs:
        return prediction, energies, None
    if len(set(frames.sizes.tolist())) == 1:
        return prediction, energies, forces.reshape(len(energies), len(frames), -1).swapaxes(0, 1).astype(np.float32)
    return prediction, energies, energies.T[:, :, None].astype(np.float32)
