"""Data sets as numbered, immutable versions that share their rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, final

from reactal.errors import DamagedObject, InputError, ObjectNotFound
from reactal.store import shards as rows_of
from reactal.store.comparing import compare
from reactal.store.envelope import seal, unseal
from reactal.store.fetching import fetch
from reactal.store.keys import is_key
from reactal.store.manifest import SCHEMA, DatasetDiff, DatasetVersion, Finding, Shard

if TYPE_CHECKING:
    import pyarrow as pa

    from reactal.chem.frames import Frames
    from reactal.store.objects import ObjectStore

__all__ = ["SHARD_ROWS", "DatasetStore"]

SHARD_ROWS = 65_536
SHARDS_AT_ONCE = 4


@final
class DatasetStore:
    """Data sets under `datasets/<name>/`: `shards/<sha256>.parquet` and `versions/<n>.json`, n = 1, 2, ..."""

    def __init__(self, objects: ObjectStore, *, shard_rows: int = SHARD_ROWS) -> None:
        self._objects = objects
        self._shard_rows = shard_rows

    def commit(
        self,
        name: str,
        frames: Frames,
        *,
        parent: int | None = None,
        theory: str = "",
        split: Mapping[str, Sequence[int]] | None = None,
        lineage: Mapping[str, Any] | None = None,
    ) -> DatasetVersion:
        """`frames`, all rows of the new version, as the next version; the newest one itself if rows, theory and split are its.

        Rows that `parent` or the newest version begins with are not written again. `parent` 0 is the empty data set that
        all begin with. Safe to repeat: after a kill, beside other writers, and in a history that is played once more, which
        finds again what is newer than the parent it gives.
        """
        checked = _checked_split(split or {}, len(frames))
        shards = self._written(_checked_name(name), frames, parent or None)
        return self._numbered(DatasetVersion(name, 0, shards, parent, theory, checked, dict(lineage or {})))

    def append(
        self, name: str, frames: Frames, *, parent: int, theory: str = "", lineage: Mapping[str, Any] | None = None
    ) -> DatasetVersion:
        """As `commit` of the rows of `parent` and then these, in a time that does not depend on how many rows that has.

        Where these have columns that the others have not, all rows are written anew.
        """
        from reactal.chem.frames import Frames

        kept = self.show(name, parent).shards
        last = rows_of.joined([table for _, table in self._tables(name, kept[-1:])])
        both = Frames.concat([last, frames])
        if not kept or both[: len(last)].to_arrow().schema != last.to_arrow().schema:
            whole = Frames.concat([self.load(name, parent), frames])
            return self.commit(name, whole, parent=parent, theory=theory, lineage=lineage)
        shards = (*kept, *self._new_shards(name, both, start=len(last)))
        return self._numbered(DatasetVersion(name, 0, shards, parent, theory, {}, dict(lineage or {})))

    def load(self, name: str, version: int | None = None) -> Frames:
        """All rows of a version (of the newest one without a number); `DamagedObject` names a shard that is not intact."""
        shown = self.show(name, version)
        return rows_of.joined([table for _, table in self._tables(name, shown.shards)])

    def parts(self, name: str, version: int | None = None) -> Iterator[Frames]:
        """The rows of `load` in their order, a shard at a time: for what is too large for memory."""
        for shard in self.show(name, version).shards:
            yield from (rows_of.joined([table]) for _, table in self._tables(name, [shard]))

    def versions(self, name: str) -> tuple[int, ...]:
        """The numbers there are, ascending."""
        listed = self._objects.list(f"datasets/{_checked_name(name)}/versions/")
        stems = (key.rpartition("/")[2].removesuffix(".json") for key in listed)
        return tuple(sorted(int(stem) for stem in stems if stem.isdecimal()))

    def show(self, name: str, version: int | None = None) -> DatasetVersion:
        """What a version (without a number the newest one) is made of."""
        wanted = version if version is not None else max(self.versions(name), default=0)
        key = _manifest_key(_checked_name(name), wanted)
        try:
            data = self._objects.get(key)
        except ObjectNotFound as error:
            raise ObjectNotFound(self._not_found(name, version)) from error
        where = f"manifest {key} in {self._objects.url}"
        try:
            shown = DatasetVersion.from_json(unseal(data, schema=SCHEMA, where=where)["dataset"])
        except (KeyError, TypeError, AttributeError) as error:
            raise DamagedObject(f"{where} cannot be understood ({error!r}); restore it from a copy") from error
        if (shown.name, shown.version) != (name, wanted):
            raise DamagedObject(f"{where} is of {shown.name} version {shown.version}; restore it from a copy")
        return shown

    def names(self) -> tuple[str, ...]:
        """All data sets with at least one version."""
        paths = (key.split("/") for key in self._objects.list("datasets/"))
        return tuple(dict.fromkeys(path[1] for path in paths if len(path) == 4 and path[2] == "versions"))

    def verify(self, name: str) -> tuple[Finding, ...]:
        """Everything that is missing or damaged in any version; nothing if all is well."""
        found: list[Finding] = []
        shards: dict[str, Shard] = {}
        numbers = self.versions(name)
        if not numbers:
            raise ObjectNotFound(self._not_found(name, None))
        for number in range(1, numbers[-1] + 1):
            try:
                shards |= {shard.sha256: shard for shard in self.show(name, number).shards}
            except (DamagedObject, ObjectNotFound) as error:
                found.append(Finding(_manifest_key(name, number), str(error)))
        for shard in shards.values():
            try:
                _, table = next(self._tables(name, (shard,)))
                if table.num_rows != shard.rows:
                    found.append(Finding(_shard_key(name, shard), f"has {table.num_rows} rows, its manifest says {shard.rows}"))
            except DamagedObject as error:
                found.append(Finding(_shard_key(name, shard), str(error)))
        return tuple(found)

    def diff(self, first: DatasetVersion, second: DatasetVersion) -> DatasetDiff:
        """What changed between two versions of any data sets; shards they share are not read."""
        shared = {shard.content for shard in first.shards} & {shard.content for shard in second.shards}
        mine, theirs = (
            rows_of.joined([table for _, table in self._tables(v.name, [s for s in v.shards if s.content not in shared])])
            for v in (first, second)
        )
        return compare(mine, theirs, shared=sum(shard.rows for shard in first.shards if shard.content in shared))

    def _written(self, name: str, frames: Frames, parent: int | None) -> tuple[Shard, ...]:
        """Shards of all rows: older versions' as far as they hold the same rows, then new ones."""
        older = {parent, max(self.versions(name), default=None)} - {None}
        reused = (rows_of.leading(frames, self.show(name, version).shards) for version in older)
        shards = max(reused, key=lambda some: sum(shard.rows for shard in some), default=[])
        return (*shards, *self._new_shards(name, frames, start=sum(shard.rows for shard in shards)))

    def _new_shards(self, name: str, frames: Frames, *, start: int) -> Iterator[Shard]:
        """Of the rows from `start` on."""
        if start == len(frames):
            return
        table = frames.to_arrow()
        for begin in range(start, len(frames), self._shard_rows):
            stop = min(begin + self._shard_rows, len(frames))
            yield self._write(name, table.slice(begin, stop - begin), rows_of.rows_digest(frames, begin, stop))

    def _numbered(self, made: DatasetVersion) -> DatasetVersion:
        """`made` under the next number, or the version that says the same already."""
        parent = made.parent
        while True:
            numbers = self.versions(made.name)
            newest = max(numbers, default=0)
            made = replace(made, version=newest + 1, parent=parent or None)
            for number in numbers:
                again = number == newest or (parent is not None and number > parent)
                if again and (there := self.show(made.name, number)).same_data(made):
                    return there
            key = _manifest_key(made.name, made.version)
            if self._objects.put_if_absent(key, seal({"dataset": made.as_json()}, schema=SCHEMA)):
                return made

    def _write(self, name: str, table: pa.Table, content: str) -> Shard:
        data = rows_of.encode(table)
        shard = Shard(rows_of.shard_name(data), content, table.num_rows, len(data))
        key = _shard_key(name, shard)
        if not self._objects.put_if_absent(key, data) and self._objects.get(key) != data:
            self._objects.put(key, data)  # damaged since; its name says what it has to be
        return shard

    def _tables(self, name: str, shards: Sequence[Shard]) -> Iterator[tuple[Shard, pa.Table]]:
        keys = [_shard_key(name, shard) for shard in shards]
        fetched = fetch(self._objects, keys, at_once=SHARDS_AT_ONCE)
        for shard, key, data in zip(shards, keys, fetched, strict=True):
            where = f"shard {key} in {self._objects.url}"
            if data is None:
                raise DamagedObject(f"{where} is missing; restore it from a copy or commit the frames again")
            yield shard, rows_of.decode(data, sha256=shard.sha256, where=where)

    def _not_found(self, name: str, version: int | None) -> str:
        if versions := self.versions(name):
            return f"data set {name} has no version {version} in {self._objects.url}; it has {versions[0]} to {versions[-1]}"
        return f"no data set {name} in {self._objects.url}; there are: {', '.join(self.names()) or 'none'}"


def _checked_name(name: str) -> str:
    if "/" in name or not is_key(name):
        raise InputError(f"{name!r} is no name of a data set; use A-Z a-z 0-9 . _ = + -")
    return name


def _checked_split(split: Mapping[str, Sequence[int]], rows: int) -> dict[str, tuple[int, ...]]:
    checked = {name: tuple(int(row) for row in numbers) for name, numbers in split.items()}
    everything = [row for numbers in checked.values() for row in numbers]
    if outside := [row for row in everything if not 0 <= row < rows]:
        raise ValueError(f"the split names row {outside[0]}, the data set has rows 0 to {rows - 1}")
    if len(set(everything)) < len(everything):
        raise ValueError("the split has a row twice; its parts must not overlap")
    return checked


def _manifest_key(name: str, version: int) -> str:
    return f"datasets/{name}/versions/{version}.json"


def _shard_key(name: str, shard: Shard) -> str:
    return f"datasets/{name}/shards/{shard.sha256}.parquet"
