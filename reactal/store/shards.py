"""Rows of frames as immutable Parquet files, named by their content."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reactal.chem.frames import SCHEMA, Frames
from reactal.errors import DamagedObject
from reactal.store.manifest import Shard

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["decode", "encode", "joined", "leading", "rows_digest", "shard_name"]


def encode(table: pa.Table) -> bytes:
    """The same rows give the same bytes (of one release of Arrow)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    # Coordinates hardly repeat: dictionaries cost time and win nothing, bytes split by place compress.
    pq.write_table(
        table, sink, compression="zstd", compression_level=1, use_dictionary=False, use_byte_stream_split=_floats(table)
    )
    data: bytes = sink.getvalue().to_pybytes()
    return data


def decode(data: bytes, *, sha256: str, where: str) -> pa.Table:
    """The rows; `DamagedObject` naming `where` if the bytes are not those that were written."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if shard_name(data) != sha256:
        raise DamagedObject(f"{where} does not match its hash; restore it from a copy or commit the frames again")
    table = pq.read_table(pa.BufferReader(data))
    schema = (table.schema.metadata or {}).get(b"schema", b"").decode()
    if schema != SCHEMA:
        raise DamagedObject(f"{where} has schema {schema!r}, this reactal reads {SCHEMA}; use the newest reactal")
    return table


def joined(tables: list[pa.Table]) -> Frames:
    """All rows of the tables, which have the same columns, in order."""
    import pyarrow as pa

    return Frames.from_arrow(pa.concat_tables(tables)) if tables else Frames.of([])


def shard_name(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def leading(frames: Frames, shards: Sequence[Shard]) -> list[Shard]:
    """The shards, from the first on, whose rows the frames begin with."""
    same: list[Shard] = []
    start = 0
    for shard in shards:
        stop = start + shard.rows
        if stop > len(frames) or rows_digest(frames, start, stop) != shard.content:
            break
        same.append(shard)
        start = stop
    return same


def rows_digest(frames: Frames, start: int, stop: int) -> str:
    """SHA-256 over every column of rows start to stop: unlike a shard's name, it outlives releases of Arrow."""
    atoms = slice(int(frames.offsets[start]), int(frames.offsets[stop]))
    rows = slice(start, stop)
    columns: dict[str, NDArray[Any] | None] = {
        "sizes": frames.sizes[rows],
        "numbers": frames.numbers[atoms],
        "positions": frames.positions[atoms],
        "charge": frames.charge[rows],
        "multiplicity": frames.multiplicity[rows],
        "energy": frames.energy[rows],
        "forces": frames.forces[atoms],
        "cell": None if frames.cell is None else frames.cell[rows],
        "pbc": None if frames.pbc is None else frames.pbc[rows],
        **{f"x_{name}": column[rows] for name, column in frames.extra.items()},
    }
    digest = hashlib.sha256(b"rows-1")
    for name, column in columns.items():
        if column is not None:
            digest.update(f"\0{name}\0{_kind(column)}\0{column.shape}\0".encode())
            digest.update(_content(column))
    return digest.hexdigest()


def _kind(column: NDArray[Any]) -> str:
    return "text" if column.dtype.kind in "OU" else column.dtype.newbyteorder("<").str


def _content(column: NDArray[Any]) -> bytes | memoryview:
    if column.dtype.kind in "OU":
        return b"".join(b"%d:%s" % (len(text), text) for text in (str(value).encode() for value in column))
    little = np.ascontiguousarray(column, dtype=column.dtype.newbyteorder("<"))
    return little.view(np.uint8).data if little.size else b""


def _floats(table: pa.Table) -> list[str]:
    """Paths of the columns of floating-point numbers, as Parquet spells them."""
    import pyarrow as pa

    paths = []
    for column in table.schema:
        if pa.types.is_floating(column.type):
            paths.append(column.name)
        elif pa.types.is_nested(column.type) and pa.types.is_floating(column.type.value_type):
            paths.append(f"{column.name}.list.element")
    return paths
