"""What the steps of a night work with. Made by `reactal.night`; steps never make these themselves."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, final

import numpy as np

from reactal.campaign.state import CampaignState
from reactal.chem import Frames
from reactal.exploration.paths import align
from reactal.refinement.champions import Champions
from reactal.refinement.events import TestSet
from reactal.refinement.inbox import Inbox
from reactal.stages.bench import Bench
from reactal.stages.ends import Ends

if TYPE_CHECKING:
    from reactal.potentials.committee import Committee

__all__ = ["Scene"]


@final
@dataclass(frozen=True)
class Scene:
    """The campaign that is refined, as it stands: its stores, its state, its inbox."""

    bench: Bench
    state: CampaignState
    night: str

    @cached_property
    def inbox(self) -> Inbox:
        return Inbox(self.bench.objects, self.bench.config.name)

    @cached_property
    def champions(self) -> Champions:
        return Champions(self.bench.objects, self.bench.config.name)

    @cached_property
    def ends(self) -> Ends:
        """Relaxed reactant and product."""
        assert self.state.seeded is not None  # a campaign without a model is refused before
        reactant = self.bench.structure_of(self.state.seeded.reactant)
        return Ends(reactant, align(self.bench.structure_of(self.state.seeded.product), reactant))

    @property
    def trust(self) -> float:
        """Disagreement (eV/angstrom) up to which the model is believed."""
        return self.state.calibrated.trust if self.state.calibrated else self.bench.config.exploration.trust

    def committee(self, model: str) -> Committee:
        return self.bench.committee(model)

    def rng(self, *purpose: object) -> np.random.Generator:
        """Random numbers of this night and purpose."""
        return self.bench.rng("night", self.night, *purpose)

    def known(self, versions: tuple[int, ...]) -> Frames:
        """The rows of these versions of the data set, each structure once."""
        found = Frames.of([])
        seen: set[str] = set()
        for version in versions:
            rows = self.bench.dataset(version)
            new = np.asarray([key not in seen for key in rows.keys()], dtype=bool)  # noqa: SIM118 not a mapping
            seen.update(rows.keys())
            found = Frames.concat([found, rows[new]]) if len(found) else rows[new]
        return found

    def tests(self, sets: tuple[TestSet, ...]) -> Frames:
        """The frozen tests with their set in the column `set`."""
        parts = []
        for one in sets:
            rows = self.bench.pools.get(one.sha256)
            parts.append(rows.with_extra(set=np.full(len(rows), one.name)))
        return Frames.concat(parts)

    def freeze(self, name: str, rows: Frames) -> TestSet:
        """Kept by the hash of its content, from here on a test and nothing else."""
        return TestSet(name=name, sha256=self.bench.pools.put(rows), rows=len(rows))
