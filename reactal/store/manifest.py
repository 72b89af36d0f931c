"""What a version of a data set is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, final

__all__ = ["DatasetDiff", "DatasetVersion", "Finding", "Shard"]

SCHEMA = 1


@final
@dataclass(frozen=True)
class Shard:
    """A file of rows: `sha256` of its bytes names it, `content` is the hash of its rows, `size` is in bytes."""

    sha256: str
    content: str
    rows: int
    size: int


@final
@dataclass(frozen=True)
class DatasetVersion:
    """An immutable state of a data set: its rows are those of the shards in order.

    `parent` is the version it grew from, `theory` the fingerprint of its labels (empty without), `split` maps names as
    "train" to row numbers, `lineage` says in the writer's own words where the rows come from.
    """

    name: str
    version: int
    shards: tuple[Shard, ...]
    parent: int | None = None
    theory: str = ""
    split: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    lineage: Mapping[str, Any] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return sum(shard.rows for shard in self.shards)

    def same_data(self, other: DatasetVersion) -> bool:
        """Whether rows, theory and split agree."""
        mine, theirs = ([shard.content for shard in version.shards] for version in (self, other))
        return (mine, self.theory, self.split) == (theirs, other.theory, other.split)

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "version": self.version,
            "rows": self.rows,
            "shards": [asdict(shard) for shard in self.shards],
            "parent": self.parent,
            "theory": self.theory,
            "split": {name: list(rows) for name, rows in self.split.items()},
            "lineage": dict(self.lineage),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> DatasetVersion:
        return cls(
            name=data["name"],
            version=data["version"],
            shards=tuple(Shard(**shard) for shard in data["shards"]),
            parent=data["parent"],
            theory=data["theory"],
            split={name: tuple(rows) for name, rows in data["split"].items()},
            lineage=data["lineage"],
        )


@final
@dataclass(frozen=True)
class Finding:
    """Something wrong with a data set: which object, and what."""

    key: str
    problem: str


@final
@dataclass(frozen=True)
class DatasetDiff:
    """Structure keys that only one of two versions has, and those whose energy or forces differ between them."""

    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    relabelled: tuple[str, ...]
    common: int
