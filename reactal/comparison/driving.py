"""A whole comparison, in four steps that each may be done again: what is finished is found in the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, final

from reactal.comparison.chain import Chain, begin, carry_on
from reactal.comparison.material import Material, keep_material
from reactal.comparison.outcome import Comparison, compared
from reactal.comparison.plan import Plan
from reactal.comparison.records import RoundRecord
from reactal.comparison.showing import Shown
from reactal.comparison.ways import RANDOM
from reactal.progress import Progress
from reactal.store.objects import ObjectStore

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["Contest"]

Records = tuple[RoundRecord, ...]
TRAINING = "train"  # what a Dask worker offers one of


@final
@dataclass(frozen=True, eq=False)
class Contest:
    """`client`: of a Dask cluster on which each chain is a task, None: all of them here, one after another. Random is always
    among the strategies: what the others are held against."""

    objects: ObjectStore
    material: Material
    plan: Plan
    strategies: tuple[str, ...]
    seeds: tuple[int, ...]
    shown: Shown
    progress: Progress
    client: Client | None = None

    def chains(self) -> list[Chain]:
        """Seed by seed, so that one that is stopped halfway has whole seeds to compare."""
        digest = self.plan.digest(self.material.pool, self.material.test)
        names = tuple(dict.fromkeys((RANDOM, *self.strategies)))
        return [Chain(self.objects.url, digest, self.plan, name, seed) for seed in self.seeds for name in names]

    def prepare(self) -> None:
        """Put the pool and the test where chains find them."""
        chains = self.chains()
        keep_material(self.objects, chains[0].digest, self.material)
        self.shown.begin(chains)

    def starts(self) -> None:
        """Round 0 of every seed."""
        first = [chain for chain in self.chains() if chain.strategy == RANDOM]
        self.progress.begin("start", total=len(first))
        for number, _ in enumerate(self._done(begin, first), start=1):
            self.progress.update(number)
        self.progress.end(f"{len(first)} start sets of {self.plan.budget.start} labels trained on")

    def compete(self) -> dict[tuple[str, int], Records]:
        """All other rounds."""
        chains = self.chains()
        total = len(chains) * self.plan.budget.rounds
        self.progress.begin("compare", total=total)
        found: dict[tuple[str, int], Records] = {}
        for done, (chain, records) in enumerate(self._chained(chains), start=1):
            self.shown.chain(chain, records)
            found[chain.strategy, chain.seed] = records
            self.progress.update(done * self.plan.budget.rounds, {"chains": done})
        self.progress.end(f"{len(chains)} chains of {self.plan.budget.rounds} rounds")
        return found

    def conclude(self, found: dict[tuple[str, int], Records], *, target: float | None) -> Comparison:
        """The statistics."""
        ordered = {(chain.strategy, chain.seed): found[chain.strategy, chain.seed] for chain in self.chains()}
        comparison = compared(ordered, against=RANDOM, target=target)
        self.shown.conclude(comparison)
        return comparison

    def _chained(self, chains: Sequence[Chain]) -> Iterator[tuple[Chain, Records]]:
        if self.client is not None:
            yield from self._done(carry_on, chains)
            return
        for number, chain in enumerate(chains):
            yield chain, carry_on(chain, partial(self._told, number * self.plan.budget.rounds, chain))

    def _told(self, before: int, chain: Chain, record: RoundRecord) -> None:
        self.progress.update(before + record.round, {"strategy": chain.strategy, "seed": chain.seed})

    def _done(self, work: Callable[[Chain], Any], chains: Sequence[Chain]) -> Iterator[tuple[Chain, Any]]:
        """In whatever order they finish; a future is let go once its answer is here, or a worker's death would undo it."""
        if self.client is None:
            yield from ((chain, work(chain)) for chain in chains)
            return
        from distributed import as_completed

        waiting = {}
        for chain in chains:
            future = self.client.submit(work, chain, resources={TRAINING: 1}, pure=False)
            waiting[future.key] = future, chain
        # the client is no default of this process, of which as_completed would take the loop
        for future in as_completed([future for future, _ in waiting.values()], loop=self.client.loop):
            _, chain = waiting.pop(future.key)
            yield chain, future.result()
            future.release()
