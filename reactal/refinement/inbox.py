"""What came in since: structures that people drop, and trajectories of production runs."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import final

from reactal.chem import Frames, Structure
from reactal.errors import DamagedObject, InputError
from reactal.store.objects import ObjectStore

__all__ = ["Entry", "Inbox", "Kind", "check_atoms"]

SCHEMA = 1


class Kind(StrEnum):
    """Of `structures`, each is a candidate; of a `trajectory`, the frames outside the trust region."""

    STRUCTURES = "structures"
    TRAJECTORY = "trajectory"


@final
@dataclass(frozen=True)
class Entry:
    """`name` is the hash of the frames, `added` an ISO time."""

    name: str
    kind: Kind
    file: str
    frames: int
    added: str


@final
class Inbox:
    """Under `campaigns/<name>/inbox/`: `<sha256>.parquet`, and beside it `<sha256>.json`, which comes last."""

    def __init__(self, objects: ObjectStore, campaign: str) -> None:
        self._objects = objects
        self._prefix = f"campaigns/{campaign}/inbox"

    def add(self, frames: Frames, *, kind: Kind, file: str, added: str) -> Entry:
        """The same frames once more are the same entry."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        sink = pa.BufferOutputStream()
        pq.write_table(frames.to_arrow(), sink, compression="zstd")
        data = sink.getvalue().to_pybytes()
        entry = Entry(hashlib.sha256(data).hexdigest(), kind, file, len(frames), added)
        self._objects.put_if_absent(f"{self._prefix}/{entry.name}.parquet", data)
        about = {"schema": SCHEMA, "kind": str(kind), "file": file, "frames": len(frames), "added": added}
        self._objects.put_if_absent(f"{self._prefix}/{entry.name}.json", json.dumps(about).encode())
        return entry

    def entries(self) -> tuple[Entry, ...]:
        """The oldest first."""
        found = []
        for key in self._objects.list(f"{self._prefix}/"):
            if key.endswith(".json"):
                about = json.loads(self._objects.get(key))
                name = key.rpartition("/")[2].removesuffix(".json")
                found.append(Entry(name, Kind(about["kind"]), about["file"], about["frames"], about["added"]))
        return tuple(sorted(found, key=lambda entry: (entry.added, entry.name)))

    def frames(self, entry: Entry) -> Frames:
        """`DamagedObject` if the bytes are others."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        key = f"{self._prefix}/{entry.name}.parquet"
        data = self._objects.get(key)
        if hashlib.sha256(data).hexdigest() != entry.name:
            raise DamagedObject(f"{key} in {self._objects.url} is not as it was written; add {entry.file} again")
        return Frames.from_arrow(pq.read_table(pa.BufferReader(data)))


def check_atoms(frames: Frames, reactant: Structure, *, file: str) -> None:
    """`InputError` for frames that are not of the campaign's atoms in its order, or of another state."""
    wanted = list(reactant.numbers)
    for row in range(len(frames)):
        if frames.numbers[frames.atoms(row)].tolist() != wanted:
            raise InputError(
                f"frame {row} of {file} has other atoms, or the same in another order, than the campaign's {reactant.formula}; "
                "give frames of the reaction with its atoms in the order of the reactant"
            )
        if (int(frames.charge[row]), int(frames.multiplicity[row])) != (reactant.charge, reactant.multiplicity):
            raise InputError(
                f"frame {row} of {file} has charge {frames.charge[row]} and multiplicity {frames.multiplicity[row]}, the "
                f"campaign {reactant.charge} and {reactant.multiplicity}; a night stays in the campaign's state"
            )
