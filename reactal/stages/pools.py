"""Sets of candidate structures, kept by the hash of their bytes."""

from __future__ import annotations

import hashlib
from typing import final

from reactal.chem import Frames
from reactal.errors import DamagedObject
from reactal.store.objects import ObjectStore

__all__ = ["PoolStore"]


@final
class PoolStore:
    """Frames under `campaigns/<name>/pools/<sha256>.parquet`; in a pool, energy and forces are the model's."""

    def __init__(self, objects: ObjectStore, campaign: str) -> None:
        self._objects = objects
        self._prefix = f"campaigns/{campaign}/pools"

    def put(self, frames: Frames) -> str:
        """Keep the frames; their name."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        sink = pa.BufferOutputStream()
        pq.write_table(frames.to_arrow(), sink, compression="zstd")
        data = sink.getvalue().to_pybytes()
        name = hashlib.sha256(data).hexdigest()
        self._objects.put_if_absent(self._path(name), data)
        return name

    def get(self, name: str) -> Frames:
        """The frames of that name; `DamagedObject` if the bytes are others."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        data = self._objects.get(self._path(name))
        if hashlib.sha256(data).hexdigest() != name:
            raise DamagedObject(
                f"pool {self._path(name)} in {self._objects.url} is not as it was written; restore it from a copy"
            )
        return Frames.from_arrow(pq.read_table(pa.BufferReader(data)))

    def _path(self, name: str) -> str:
        return f"{self._prefix}/{name}.parquet"
