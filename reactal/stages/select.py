"""The next batch: the honest test first, then the random arm, then what the committee doubts."""

from __future__ import annotations

from collections import Counter
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.campaign.decide import Select
from reactal.campaign.events import BatchChosen
from reactal.campaign.state import CampaignState
from reactal.chem import Frames
from reactal.config import CampaignConfig
from reactal.selection.acquisition import DoubtfulBand
from reactal.selection.batch import ACTIVE, RANDOM, SelectionSettings
from reactal.selection.batch import select as select_from
from reactal.selection.by_strategy import select_by
from reactal.stages.bench import Bench
from reactal.stages.columns import ByStrategy, by_strategy
from reactal.stages.label import MODE, SADDLE
from reactal.stages.stand_ins import with_stand_ins
from reactal.stages.valley import VALLEY
from reactal.stages.ways import WAY

__all__ = ["select"]

TESTS = (SADDLE, MODE, VALLEY, "top")  # always labelled: they judge the model where it matters
FOCUS = ("near saddle", "path", "between")
PATH = ("path", "between", "descent", "near saddle")
DYNAMICS_SHARE = 0.25  # of what is chosen actively in an ordinary round
DOUBTFUL_FROM = 0.03  # eV/angstrom; less disagreement than this is agreement

Rows = NDArray[np.int64]


def select(bench: Bench, state: CampaignState, wanted: Select) -> BatchChosen:
    """From the pool of the last exploration, against everything that is labelled."""
    assert state.explored is not None
    iteration, size = wanted.iteration, wanted.size
    bench.progress.begin(f"select {iteration}")
    pool = bench.pools.get(state.explored.pool)
    pool = pool.with_extra(source=pool.extra["role"], energy_predicted=pool.energy)
    dataset, rng = bench.dataset(state.dataset), bench.rng("select", iteration, state.dataset)
    picks = _Picks(pool, dataset, bench.config, rng, by=None if wanted.proof else by_strategy(bench, state, pool, dataset))
    if wanted.ways:
        picks.take(np.flatnonzero(pool.extra["role"] == WAY), arm="test")
    if wanted.proof:
        picks.draw(size)
    else:
        picks.take(np.flatnonzero(np.isin(pool.extra["role"], TESTS))[: max(size - 2, 1)], arm="test")
        share = max(1, round(bench.config.selection.random_share * size))
        picks.draw(min(share, size - len(picks)))
        if not wanted.focus:
            picks.choose(round(DYNAMICS_SHARE * (size - len(picks))), roles=_moving(bench))
        on_ways = state.ways is not None  # it came so far before, and the ways down did not hold
        picks.choose(size - len(picks), roles=FOCUS if wanted.focus and not on_ways else PATH)
    batch = picks.batch()
    if bench.config.selection.from_store:
        batch = with_stand_ins(bench, state, batch, dataset)
    event = BatchChosen(
        iteration=iteration + 1,
        batch=bench.pools.put(batch),
        batch_size=len(batch),
        focus=wanted.focus,
        probe=wanted.probe,
        proof=wanted.proof,
        dropped=dict(picks.dropped),
    )
    roles = ", ".join(f"{count} {role}" for role, count in Counter(batch.extra["role"].tolist()).items())
    bench.progress.end(f"{len(batch)} structures{' (proof)' if wanted.proof else ' (focus)' if wanted.focus else ''}: {roles}")
    return event


def _moving(bench: Bench) -> tuple[str, ...]:
    """Roles of what dynamics and the campaign's explorers met."""
    return ("dynamics", *bench.config.explorers.roles)


@final
class _Picks:
    """Rows of the pool chosen so far; each choice sees the ones before it as labelled already."""

    def __init__(
        self, pool: Frames, dataset: Frames, config: CampaignConfig, rng: np.random.Generator, *, by: ByStrategy | None
    ) -> None:
        self._pool, self._dataset, self._rng, self._by = pool, dataset, rng, by
        self._settings = SelectionSettings(
            duplicate=config.selection.duplicate,
            band=DoubtfulBand(DOUBTFUL_FROM, config.exploration.band_cap),
            energy_window=config.training.energy_limit,
        )
        self._rows: list[int] = []
        self._arms: list[str] = []
        self.dropped: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._rows)

    def take(self, rows: Rows, *, arm: str) -> None:
        """These, whatever else."""
        self._rows += rows.tolist()
        self._arms += [arm] * len(rows)

    def draw(self, count: int) -> None:
        """The random arm: uniformly from what is physical and not yet known."""
        if count > 0:
            self._select(self._free(None), count=count, random_share=1.0, arm=RANDOM)

    def choose(self, count: int, *, roles: tuple[str, ...]) -> None:
        """The doubtful and different ones among these roles; the rest of the pool fills up what they cannot."""
        wanted = len(self) + count
        for among in (self._free(roles), self._free(None)):
            if len(self) < wanted and len(among):
                self._choose(among, count=wanted - len(self))

    def batch(self) -> Frames:
        """The chosen rows with the model's predictions."""
        return self._pool[self._rows].with_extra(arm=np.asarray(self._arms))

    def _free(self, roles: tuple[str, ...] | None) -> Rows:
        role = self._pool.extra["role"]
        open_rows = ~np.isin(role, TESTS) if roles is None else np.isin(role, roles)
        open_rows[self._rows] = False
        return np.flatnonzero(open_rows)

    def _choose(self, among: Rows, *, count: int) -> None:
        if self._by is None:
            self._select(among, count=count, random_share=0.0, arm=ACTIVE)
            return
        found = select_by(
            self._by.strategy_after(self._rows),
            self._pool[among],
            self._by.candidates[among],
            dataset=self._known(),
            known=self._by.known_with(self._rows),
            size=count,
            settings=self._settings,
            at=self._by.at,
            rng=self._rng,
        )
        self.take(among[found.rows], arm=ACTIVE)
        self.dropped.update(found.dropped)

    def _known(self) -> Frames:
        return Frames.concat([self._dataset, self._pool[self._rows]]) if self._rows else self._dataset

    def _select(self, among: Rows, *, count: int, random_share: float, arm: str) -> None:
        found = select_from(
            self._pool[among],
            dataset=self._known(),
            size=count,
            random_share=random_share,
            settings=self._settings,
            rng=self._rng,
        )
        self.take(among[found.rows], arm=arm)
        self.dropped.update(found.dropped)
