"""Training state in an object store, so that a member whose process was killed goes on where it was, bitwise.

A state is one safetensors object with JSON in its header. Its name carries the hash of its bytes: a damaged one is noticed and
left out. It also says which training it belongs to, so that other data, settings or seeds never go on from it.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, final

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from reactal.errors import DamagedObject, ObjectNotFound
from reactal.store.objects import ObjectStore
from reactal.store.opening import open_store

__all__ = ["CheckpointPlace", "Checkpoints", "TrainingState"]

SCHEMA = "training-state-1"
SUFFIX = ".safetensors"


@final
@dataclass(frozen=True)
class CheckpointPlace:
    """Where the states of one training lie: a store that any worker can open, and what their names begin with.

    `single_writer` as in `open_store`.
    """

    url: str
    prefix: str
    single_writer: bool = False

    def below(self, name: str | int) -> CheckpointPlace:
        return replace(self, prefix=f"{self.prefix}/{name}")

    def clear(self) -> None:
        """Remove every state that lies here."""
        store = open_store(self.url, single_writer=self.single_writer)
        for name in list(store.list(f"{self.prefix}/")):
            store.delete(name)


@final
@dataclass(frozen=True, eq=False)
class TrainingState:
    """A training after `step` steps of its attempt number `attempt`: tensors by name, and what else its parts remember as JSON.

    `job` is the digest of all that the training depends on.
    """

    job: str
    attempt: int
    step: int
    tensors: Mapping[str, torch.Tensor]
    memory: Mapping[str, Any]

    def to_bytes(self) -> bytes:
        header = {"schema": SCHEMA, "job": self.job, "attempt": self.attempt, "step": self.step, "memory": dict(self.memory)}
        tensors = {name: tensor.cpu() for name, tensor in self.tensors.items()}
        return save(tensors, {"reactal": json.dumps(header, sort_keys=True, allow_nan=False)})

    @classmethod
    def from_bytes(cls, data: bytes, *, name: str) -> TrainingState:
        """`DamagedObject` where the bytes are no such state."""
        try:
            (length,) = struct.unpack("<Q", data[:8])  # safetensors: header length, header as JSON, tensors
            header = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["reactal"])
            if header["schema"] != SCHEMA:
                raise DamagedObject(f"{name} has the format {header['schema']}, this version reads {SCHEMA}")
            return cls(header["job"], int(header["attempt"]), int(header["step"]), load(data), header["memory"])
        except (struct.error, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise DamagedObject(f"{name} is no training state ({error})") from error


@final
class Checkpoints:
    """The states of the training whose digest is `job`."""

    def __init__(self, place: CheckpointPlace, job: str) -> None:
        self.place, self.job = place, job
        self._store: ObjectStore = open_store(place.url, single_writer=place.single_writer)

    def newest(self) -> tuple[TrainingState | None, tuple[str, ...]]:
        """Where to go on, if anywhere, and a sentence for each state that could not be used."""
        notes: list[str] = []
        for name in sorted(self._names(), reverse=True):
            try:
                return self._read(name), tuple(notes)
            except (DamagedObject, ObjectNotFound) as error:
                notes.append(str(error))
        return None, tuple(notes)

    def keep(self, state: TrainingState) -> None:
        """Store it; then the earlier ones go."""
        data = state.to_bytes()
        digest = hashlib.sha256(data).hexdigest()
        own = f"{self.place.prefix}/{state.attempt:02d}-{state.step:09d}-{digest}{SUFFIX}"
        self._store.put(own, data)
        for name in self._names():
            if name != own:
                self._store.delete(name)

    def _names(self) -> list[str]:
        return list(self._store.list(f"{self.place.prefix}/"))

    def _read(self, name: str) -> TrainingState:
        data = self._store.get(name)
        if hashlib.sha256(data).hexdigest() != name.rpartition("-")[2].removesuffix(SUFFIX):
            raise DamagedObject(f"the checkpoint {name} is damaged")
        state = TrainingState.from_bytes(data, name=f"the checkpoint {name}")
        if state.job != self.job:
            raise DamagedObject(f"the checkpoint {name} is of other labels, settings or seeds")
        return state
