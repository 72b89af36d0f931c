"""Reference densities in a store, and data sets of them as versions with lineage.

densities/<theory>/<k0k1>/<structure key>.safetensors      a converged SCF with its density matrix, computed once
datasets/<name>/                                           as every data set; the column `density` has the hash of each of those
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, final

import numpy as np

from reactal.chem import Frames, Structure
from reactal.density.reference import ReferenceDensity, reference_density
from reactal.density.theory import DensityTheory
from reactal.errors import ConfigError, DamagedObject, InputError, LabelerUnavailable, ObjectNotFound, ReactalError, StoreError
from reactal.store.datasets import DatasetStore
from reactal.store.manifest import DatasetVersion
from reactal.store.objects import ObjectStore

__all__ = ["DensityStore"]

COLUMN = "density"


@final
class DensityStore:
    """Reference densities of one theory in an object store."""

    def __init__(self, objects: ObjectStore, theory: DensityTheory) -> None:
        self.objects, self.theory = objects, theory

    def find(self, structure: Structure) -> ReferenceDensity | None:
        """What is stored; None if nothing is, or if it is damaged and has to be computed again."""
        try:
            return ReferenceDensity.from_bytes(self.objects.get(self._key(structure.key)), name=self._key(structure.key))
        except (ObjectNotFound, DamagedObject):
            return None

    def compute(
        self, structures: Sequence[Structure], *, tell: Callable[[int, int, str], None] | None = None
    ) -> tuple[list[ReferenceDensity], list[str]]:
        """A density for each structure, found or computed and kept at once, and a sentence for each that has none. Raises what
        would stop every one: `ConfigError`, `LabelerUnavailable`, `StoreError`.

        `tell(done, failed, what)` after each: a run that is killed goes on where it was.
        """
        made: list[ReferenceDensity] = []
        failed: list[str] = []
        for number, structure in enumerate(structures):
            found = self.find(structure)
            try:
                if found is None:
                    found = reference_density(structure, self.theory)
                    self.objects.put(self._key(structure.key), found.to_bytes())
                made.append(found)
            except (ConfigError, LabelerUnavailable, StoreError):
                raise  # it would be the same for every structure
            except ReactalError as error:
                failed.append(f"structure {number}: {error}")
            if tell is not None:
                tell(len(made), len(failed), structure.formula)
        return made, failed

    def commit(
        self,
        name: str,
        references: Sequence[ReferenceDensity],
        *,
        lineage: Mapping[str, Any],
        split: Mapping[str, Sequence[int]] | None = None,
    ) -> DatasetVersion:
        """The densities as the next version of a data set; the newest one if it is the same."""
        frames = Frames.of([one.structure for one in references])
        forces = np.concatenate([one.forces for one in references])
        energy = np.asarray([one.energy for one in references])
        from dataclasses import replace

        labelled = replace(frames, energy=energy, forces=forces).with_extra(**{COLUMN: [one.digest for one in references]})
        about = {**lineage, "density_theory": self.theory.as_json()}
        return DatasetStore(self.objects).commit(name, labelled, theory=self.theory.fingerprint, lineage=about, split=split)

    def load(self, name: str, version: int | None = None, *, part: str | None = None) -> Iterator[ReferenceDensity]:
        """The densities of a version, or of one part of its split. `DamagedObject` names one that is missing or changed."""
        datasets = DatasetStore(self.objects)
        shown = datasets.show(name, version)
        if shown.theory != self.theory.fingerprint:
            raise InputError(f"data set {name} version {shown.version} is no data set of densities at {self.theory.name}")
        frames = datasets.load(name, shown.version)
        if COLUMN not in frames.extra:
            raise InputError(f"data set {name} has labels but no densities; make one with `reactal density train FRAMES`")
        if part is not None and part not in shown.split:
            raise InputError(f"data set {name} has no part {part}; it has {', '.join(shown.split) or 'none'}")
        rows = range(len(frames)) if part is None else shown.split[part]
        return (self._read(frames.structure(row).key, str(frames.extra[COLUMN][row])) for row in rows)

    def _read(self, key: str, digest: str) -> ReferenceDensity:
        name = self._key(key)
        try:
            data = self.objects.get(name)
        except ObjectNotFound as error:
            raise DamagedObject(
                f"{name} in {self.objects.url} is missing; train from the geometries again to compute it"
            ) from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise DamagedObject(f"{name} in {self.objects.url} is not what its data set names; remove it and train again")
        return ReferenceDensity.from_bytes(data, name=name)

    def _key(self, key: str) -> str:
        return f"densities/{self.theory.fingerprint}/{key[:2]}/{key}.safetensors"
