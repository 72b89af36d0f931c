"""One strategy with one seed: train, measure, choose, and again. A function of what the store holds, fit to be run anywhere."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames
from reactal.comparison.material import read_material
from reactal.comparison.plan import Plan
from reactal.comparison.records import RoundRecord, Rounds, chain_prefix, start_prefix
from reactal.store.opening import open_store

if TYPE_CHECKING:
    from reactal.potentials.committee import Committee

__all__ = ["Chain", "begin", "carry_on"]

Rows = NDArray[np.int64]
Told = Callable[[RoundRecord], None]


@final
@dataclass(frozen=True)
class Chain:
    """A strategy with a seed, in the comparison of this digest, in the store at this URL."""

    store: str
    digest: str
    plan: Plan
    strategy: str
    seed: int


def begin(chain: Chain) -> RoundRecord:
    """Round 0 of every strategy of this seed: made by whichever comes first, and once."""
    work = _Work(chain)
    found = work.start.read(last=0)
    return found[0] if found else work.first()


def carry_on(chain: Chain, told: Told | None = None) -> tuple[RoundRecord, ...]:
    """All rounds, the start among them; those that are in the store are not done again. `told` hears of each new one."""
    work = _Work(chain)
    records = [begin(chain), *work.rounds.read(last=chain.plan.budget.rounds)]
    while len(records) <= chain.plan.budget.rounds:
        records.append(work.next(records))
        if told is not None:
            told(records[-1])
    return tuple(records)


@final
class _Work:
    """A chain with what it needs of the store, read when it is needed."""

    def __init__(self, chain: Chain) -> None:
        self._chain, self._plan = chain, chain.plan
        self._objects = open_store(chain.store)
        self.start = Rounds(self._objects, start_prefix(chain.digest, chain.seed), first=0)
        self.rounds = Rounds(self._objects, chain_prefix(chain.digest, chain.strategy, chain.seed), first=1)

    @cached_property
    def _material(self) -> tuple[Frames, Frames]:
        return read_material(self._objects, self._chain.digest)

    def first(self) -> RoundRecord:
        """The start set, by lot."""
        order = self._rng("start").permutation(len(self._material[0]))
        picked = np.sort(order[: self._plan.budget.start])
        record, weights = self._trained(0, picked, picked, warm=())
        self.start.write(record, weights)
        return record

    def next(self, records: Sequence[RoundRecord]) -> RoundRecord:
        """Choose with the last committee, label, train, measure."""
        number = len(records)
        last = self.start.weights(0) if number == 1 else self.rounds.weights(number - 1)
        before = np.asarray([row for record in records for row in record.picked], dtype=np.int64)
        began = time.perf_counter()
        picked = self._picked(last, before, records)
        choosing = time.perf_counter() - began
        warm = () if self._plan.scratch else last
        record, weights = self._trained(number, np.concatenate([before, picked]), picked, warm=warm)
        record = replace(record, choose_seconds=choosing)
        self.rounds.write(record, weights)
        return record

    def _picked(self, last: Sequence[bytes], before: Rows, records: Sequence[RoundRecord]) -> Rows:
        """Rows of the pool. Where a strategy finds fewer than the batch, lots fill it: all strategies pay the same."""
        from reactal.comparison.ways import Question, way_named
        from reactal.selection.base import Round

        pool, count, number = self._material[0], self._plan.budget.batch, len(records)
        rng = self._rng(self._chain.strategy, number)
        shown = np.setdiff1d(np.arange(len(pool)), before)
        if 0 < self._plan.candidates < len(shown):
            # by the round alone, so that all strategies are shown the same draw as far as they still have it
            lots = self._rng("shown", number).permutation(len(pool))
            shown = np.sort(lots[np.isin(lots, shown)][: max(count, self._plan.candidates)])
        asked = Question(
            pool=_without_labels(pool[shown]),
            dataset=pool[before],
            committee=_committee(last, self._plan.settings.device),
            count=count,
            at=Round(spent=(number - 1) / self._plan.budget.rounds, yields=_yields(records)),
            rng=rng,
        )
        chosen = np.asarray(shown[way_named(self._chain.strategy).rows(asked)], dtype=np.int64)[:count]
        rest = rng.permutation(np.setdiff1d(shown, chosen))
        return np.concatenate([chosen, rest[: count - len(chosen)]])

    def _trained(self, number: int, rows: Rows, picked: Rows, *, warm: Sequence[bytes]) -> tuple[RoundRecord, tuple[bytes, ...]]:
        """The members' seeds are those of the round: strategies differ in what they choose, and in nothing else."""
        from reactal.comparison.measuring import errors_of
        from reactal.training.committee import jobs, train_committee
        from reactal.training.seeds import derive_seed

        pool, test = self._material
        began = time.perf_counter()
        seeds = [derive_seed(self._chain.seed, "compare", number, member) for member in range(self._plan.networks)]
        members = train_committee(jobs(pool[rows], self._plan.settings, seeds=seeds, warm_starts=list(warm)))
        took = time.perf_counter() - began
        weights = tuple(member.weights for member in members)
        record = RoundRecord(
            round=number,
            labels=len(rows),
            picked=tuple(picked.tolist()),
            errors=errors_of(_committee(weights, self._plan.settings.device), test),
            held_out=_mean([member.best.force_mae for member in members]),
            train_seconds=took,
            choose_seconds=0.0,
            model=hashlib.sha256(b"".join(weights)).hexdigest(),
        )
        return record, weights

    def _rng(self, *purpose: object) -> np.random.Generator:
        text = "|".join(str(part) for part in ("compare-1", self._chain.seed, *purpose))
        return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little"))


def _committee(weights: Sequence[bytes], device: str) -> Committee:
    from reactal.potentials.committee import Committee
    from reactal.potentials.device import device_of
    from reactal.potentials.weights import Member

    members = [Member.from_bytes(data, name=f"member {number}") for number, data in enumerate(weights)]
    return Committee.of(members).on(device_of(device))


def _without_labels(frames: Frames) -> Frames:
    return replace(frames, energy=np.full_like(frames.energy, np.nan), forces=np.full_like(frames.forces, np.nan))


def _mean(values: Sequence[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return sum(finite) / len(finite) if finite else math.nan


def _yields(records: Sequence[RoundRecord]) -> tuple[float, ...]:
    """By which share the error fell in each round, on what the members held out: a strategy never hears of the test set."""
    errors = [record.held_out for record in records if math.isfinite(record.held_out)]
    return tuple(1.0 - new / old for old, new in pairwise(errors) if old > 0)
