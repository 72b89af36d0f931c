"""Rows to learn from as Parquet files in a store that any worker can open: what a job carries instead of the rows themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import final

import numpy as np

from reactal.chem import Frames
from reactal.store import shards as parquet
from reactal.store.opening import open_store
from reactal.training.admission import admitted

__all__ = ["SHARD_ROWS", "StoredRows"]

SHARD_ROWS = 32_768


@final
@dataclass(frozen=True)
class StoredRows:
    """Labelled rows, less the baseline, in files named by their content below a prefix; `sizes`: rows of each file.

    `single_writer` as in `open_store`.
    """

    url: str
    prefix: str
    names: tuple[str, ...]
    sizes: tuple[int, ...]
    single_writer: bool = False

    def __len__(self) -> int:
        return sum(self.sizes)

    @classmethod
    def write(
        cls,
        parts: Iterable[Frames],
        url: str,
        prefix: str,
        *,
        single_writer: bool = False,
        shard_rows: int = SHARD_ROWS,
    ) -> StoredRows:
        """From runs of rows, of which one at a time is held in memory; those without a label are left out. Safe to repeat."""
        store = open_store(url, single_writer=single_writer)
        names, sizes = [], []
        for rows in _cut((admitted(part)[part.labelled] for part in parts), shard_rows):
            data = parquet.encode(rows.to_arrow())
            name = parquet.shard_name(data)
            store.put(_key(prefix, name), data)
            names.append(name)
            sizes.append(len(rows))
        return cls(url, prefix, tuple(names), tuple(sizes), single_writer)

    def read(self, number: int) -> Frames:
        """The rows of one file; `DamagedObject` or `ObjectNotFound` where it is not what was written."""
        key = _key(self.prefix, self.names[number])
        store = open_store(self.url, single_writer=self.single_writer)
        table = parquet.decode(store.get(key), sha256=self.names[number], where=f"{key} in {self.url}")
        return Frames.from_arrow(table)

    def clear(self) -> None:
        """Remove the files."""
        store = open_store(self.url, single_writer=self.single_writer)
        for name in set(self.names):
            store.delete(_key(self.prefix, name))


def _cut(parts: Iterable[Frames], rows: int) -> Iterator[Frames]:
    """Runs of exactly so many rows, the last one of what is left."""
    waiting, held = [], 0
    for part in parts:
        waiting.append(part)
        held += len(part)
        if held < rows:
            continue
        whole = Frames.concat(waiting)
        for begin in range(0, held - held % rows, rows):
            yield whole[begin : begin + rows]
        waiting, held = [whole[held - held % rows :]], held % rows
    if held:
        yield Frames.concat(waiting)[np.arange(held)]


def _key(prefix: str, name: str) -> str:
    return f"{prefix}/{name}.parquet"
