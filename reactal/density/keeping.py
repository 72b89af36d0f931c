"""The state of a density training in a folder, so that one that was killed goes on."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import torch

__all__ = ["Keeper", "Kept"]

SCHEMA = "density-training-1"


@final
@dataclass(frozen=True, eq=False)
class Kept:
    """Tensors by name, and what else a training remembers, as JSON knows it."""

    tensors: Mapping[str, torch.Tensor]
    memory: Mapping[str, Any]


@final
class Keeper:
    """One file, replaced whole. `job` is the digest of all that the training depends on: of another one nothing is found."""

    def __init__(self, file: Path, job: str) -> None:
        self.file, self.job = file, job

    def newest(self) -> Kept | None:
        """What was kept last; None if nothing was, or if it is damaged or of another training."""
        from safetensors import SafetensorError
        from safetensors.torch import load

        try:
            data = self.file.read_bytes()
            (length,) = struct.unpack("<Q", data[:8])  # safetensors: header length, header as JSON, tensors
            header = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["reactal"])
            if header["schema"] != SCHEMA or header["job"] != self.job or header["body"] != _digest(data[8 + length :]):
                return None
            return Kept(load(data), header["memory"])
        except (OSError, struct.error, ValueError, KeyError, TypeError, SafetensorError):
            return None

    def keep(self, state: Kept) -> None:
        """Durable when it returns."""
        from safetensors.torch import save

        tensors = {name: value.detach().cpu().contiguous().clone() for name, value in state.tensors.items()}
        plain = save(tensors)
        (length,) = struct.unpack("<Q", plain[:8])
        header = {"schema": SCHEMA, "job": self.job, "memory": dict(state.memory), "body": _digest(plain[8 + length :])}
        self.file.parent.mkdir(parents=True, exist_ok=True)
        beside = self.file.with_suffix(".new")
        beside.write_bytes(save(tensors, {"reactal": json.dumps(header, sort_keys=True)}))
        os.replace(beside, self.file)  # noqa: PTH105  (atomic, and says so)

    def clear(self) -> None:
        """Remove it; silent if nothing was kept."""
        self.file.unlink(missing_ok=True)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
