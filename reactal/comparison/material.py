"""The pool and the test set: what they must be to be compared on, and where they are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import final

import numpy as np

from reactal.chem import Frames
from reactal.chem.elements import formula
from reactal.errors import DamagedObject, InputError, ObjectNotFound
from reactal.store import shards
from reactal.store.envelope import seal, unseal
from reactal.store.objects import ObjectStore

__all__ = ["Material", "keep_material", "prepared", "read_material"]

SCHEMA = 1
WIDEST_GAP = 15.0  # eV between one structure and the next in energy; beyond it stands another theory, unit or zero of energy
FEWEST_BEYOND = 2  # structures on either side of a gap; one alone may be an absurd geometry


@final
@dataclass(frozen=True, eq=False)
class Material:
    """Labelled structures to choose from and to test on; `notes` say what was left out, for the reader."""

    pool: Frames
    test: Frames
    notes: tuple[str, ...] = field(default=())


def prepared(pool: Frames, test: Frames, *, name: str = "the pool") -> Material:
    """Only what is labelled, no structure of the test in the pool, and none twice. `InputError` where that leaves nothing, or
    where the labels cannot be of one theory."""
    notes = []
    whole = np.isfinite(np.add.reduceat(pool.forces.sum(axis=1), pool.offsets[:-1])) if len(pool) else np.zeros(0, dtype=bool)
    labelled = pool.labelled & whole
    if not labelled.any():
        raise InputError(f"{name} holds no structure with energy and forces; `reactal label` adds them")
    if not np.isfinite(test.energy).any():
        raise InputError("the test set holds no labelled structure; `reactal label` adds energies and forces")
    if not labelled.all():
        notes.append(f"{int((~labelled).sum())} structures of the pool have no energy and forces; they are left out")
    pool, test = pool[labelled], test[np.isfinite(test.energy)]
    tested = set(test.keys())  # a method of Frames, no mapping
    seen: set[str] = set()
    kept = []
    for row, key in enumerate(pool.keys()):
        if key not in tested and key not in seen:
            kept.append(row)
        seen.add(key)
    if len(kept) < len(pool):
        notes.append(f"{len(pool) - len(kept)} structures of the pool are in it twice or in the test set; they are left out")
    if not kept:
        raise InputError(f"every structure of {name} is in the test set, too; an error there would say nothing")
    pool = pool[kept]
    _refuse_mixed(pool, test, name)
    return Material(pool, test, tuple(notes))


def keep_material(objects: ObjectStore, digest: str, material: Material) -> None:
    """Where chains find it, wherever they run."""
    if _index(objects, digest) is not None:
        return
    parts = {"pool": shards.encode(material.pool.to_arrow()), "test": shards.encode(material.test.to_arrow())}
    for part, data in parts.items():
        objects.put(_key(digest, part), data)
    index = {part: shards.shard_name(data) for part, data in parts.items()}
    objects.put_if_absent(f"comparisons/{digest}/material.json", seal({"sha256_of": index}, schema=SCHEMA))


def read_material(objects: ObjectStore, digest: str) -> tuple[Frames, Frames]:
    """Pool and test; `DamagedObject` where they are not as they were written."""
    index = _index(objects, digest)
    if index is None:
        raise DamagedObject(f"comparison {digest} in {objects.url} has no pool; call `reactal compare` with the files it had")
    pool, test = (
        shards.decode(objects.get(_key(digest, part)), sha256=index[part], where=f"{_key(digest, part)} in {objects.url}")
        for part in ("pool", "test")
    )
    return shards.joined([pool]), shards.joined([test])


def _index(objects: ObjectStore, digest: str) -> dict[str, str] | None:
    key = f"comparisons/{digest}/material.json"
    try:
        data = objects.get(key)
    except ObjectNotFound:
        return None
    found: dict[str, str] = unseal(data, schema=SCHEMA, where=f"{key} in {objects.url}")["sha256_of"]
    return found


def _key(digest: str, part: str) -> str:
    return f"comparisons/{digest}/{part}.parquet"


def _refuse_mixed(pool: Frames, test: Frames, name: str) -> None:
    """A `theory` column with several values, or energies of the same atoms in two heaps far apart."""
    both = Frames.concat([pool, test])
    theories = sorted({str(value) for frames in (pool, test) for value in frames.extra.get("theory", ())} - {""})
    if len(theories) > 1:
        raise InputError(f"{name} and the test set hold labels of {' and '.join(theories[:3])}; give labels of one theory alone")
    for rows in _same_atoms(both):
        energy = np.sort(both.energy[rows])
        steps = np.diff(energy)[FEWEST_BEYOND - 1 : len(energy) - FEWEST_BEYOND]
        if len(steps) and steps.max() > WIDEST_GAP:
            low = float(energy[int(np.argmax(steps)) + FEWEST_BEYOND - 1])
            atoms = formula(both.numbers[both.atoms(int(rows[0]))].tolist())
            raise InputError(
                f"the energies of {atoms} in {name} and the test set lie in two heaps {steps.max():.0f} eV apart "
                f"(up to {low:.1f} eV and from {low + steps.max():.1f} eV): labels of two theories, units (eV is right) or "
                "zeros of energy; give labels of one theory alone"
            )


def _same_atoms(frames: Frames) -> Sequence[np.ndarray]:
    """Rows by composition."""
    kinds: dict[tuple[int, ...], list[int]] = {}
    for row in range(len(frames)):
        kinds.setdefault(tuple(np.sort(frames.numbers[frames.atoms(row)]).tolist()), []).append(row)
    return [np.asarray(rows) for rows in kinds.values()]
