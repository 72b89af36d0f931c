"""What every stage works with. Made by assembly; stages never make these themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, final

import numpy as np

from reactal.chem import Frames, Label, Structure, Theory
from reactal.config import CampaignConfig
from reactal.errors import DamagedObject
from reactal.labeling.base import LabelPool
from reactal.progress import Progress
from reactal.stages.models import ModelStore
from reactal.stages.pools import PoolStore
from reactal.store.datasets import DatasetStore
from reactal.store.labels import LabelStore
from reactal.store.objects import ObjectStore

if TYPE_CHECKING:
    from reactal.potentials.committee import Committee
    from reactal.training.committee import Submit

__all__ = ["Bench"]


@final
@dataclass(frozen=True)
class Bench:
    """The stores, the label pool and where training runs. The last two start when first asked for."""

    config: CampaignConfig
    objects: ObjectStore
    label_pool: Callable[[], LabelPool]
    submit: Callable[[], Submit | None]
    progress: Progress

    @cached_property
    def theory(self) -> Theory:
        return self.config.theory.theory()

    @cached_property
    def labels(self) -> LabelStore:
        return LabelStore(self.objects)

    @cached_property
    def datasets(self) -> DatasetStore:
        return DatasetStore(self.objects)

    @cached_property
    def pools(self) -> PoolStore:
        return PoolStore(self.objects, self.config.name)

    @cached_property
    def models(self) -> ModelStore:
        return ModelStore(self.objects, self.config.name)

    def committee(self, model: str) -> Committee:
        """A model of this campaign's by its id, on the device that the campaign computes on."""
        from reactal.potentials.export import load_committee

        return load_committee(self.models.get(model), device=self.config.resources.device)

    def rng(self, *purpose: object) -> np.random.Generator:
        """Random numbers that depend on the campaign's seed and this purpose, and on nothing else."""
        digest = hashlib.sha256("|".join(str(part) for part in (self.config.seed, *purpose)).encode()).digest()
        return np.random.default_rng(int.from_bytes(digest[:8], "little"))

    def label_of(self, key: str) -> Label:
        """A label that must be there."""
        found = self.labels.get(self.theory.fingerprint, key)
        if not isinstance(found, Label):
            raise DamagedObject(f"the label of structure {key} is no longer in {self.objects.url}; restore it from a copy")
        return found

    def structure_of(self, key: str) -> Structure:
        """A labelled structure by its key."""
        entry = self.labels.entry(self.theory.fingerprint, key)
        if entry is None:
            raise DamagedObject(f"structure {key} is no longer in {self.objects.url}; restore it from a copy")
        return entry.structure

    def dataset(self, version: int) -> Frames:
        """The rows of one version of this campaign's dataset."""
        return self.datasets.load(self.config.name, version)
