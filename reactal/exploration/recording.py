"""What is kept of a run: in memory, or on disk as it comes, so that a run that is killed keeps what it found."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol, final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames
from reactal.errors import InputError
from reactal.exploration.moment import Moment

__all__ = ["Ending", "Memory", "Record", "Stream", "Trajectories"]

Floats = NDArray[np.float64]
SCHEMA = "stream-1"


@final
@dataclass(frozen=True)
class Ending:
    """How a replica ended. `proposed` is the frame to label if it ended in doubt: the first above the trust region, or
    the last before it where the step went past the cap; None if no doubt ended it."""

    replica: int
    step: int
    reason: str
    proposed: int | None


@final
@dataclass(frozen=True, eq=False)
class Trajectories:
    """Frames in the order they were reached, with the model's energies and forces and the columns `replica`, `step`,
    `temperature` (kinetic, K) and `disagreement` (eV/angstrom); one ending for each replica; velocities (A, 3) in
    angstrom/fs at the end."""

    frames: Frames
    endings: tuple[Ending, ...]
    velocities: Floats


class Record(Protocol):
    """Where frames and endings go."""

    def keep(self, now: Moment) -> int:
        """The index of the last frame kept."""

    def end(self, ending: Ending) -> None:
        """One for each replica."""


@final
class Memory:
    """A `Record` in memory."""

    def __init__(self) -> None:
        self._parts: list[Frames] = []
        self._kept = 0
        self._endings: dict[int, Ending] = {}

    def keep(self, now: Moment) -> int:
        if len(now):
            self._parts.append(now.labelled())
            self._kept += len(now)
        return self._kept - 1

    def end(self, ending: Ending) -> None:
        self._endings[ending.replica] = ending

    def frames(self) -> Frames:
        return Frames.concat(self._parts)

    def endings(self) -> tuple[Ending, ...]:
        return tuple(self._endings[replica] for replica in sorted(self._endings))


@final
class Stream:
    """A `Record` in a folder: a Parquet file for every so many frames, each whole or not there.

    A run begun again with the same key finds what was ended (`ended`) and need not do it again; with another key it is refused.
    The index of a proposed frame is that in `frames()` as long as nothing was interrupted: frames that a replica reached twice
    count once there, so look for its replica and step.
    """

    def __init__(self, folder: Path, *, key: str, rows: int = 2000) -> None:
        self._folder, self._key, self._rows = folder, key, rows
        self._waiting: list[Frames] = []
        self._new: list[Ending] = []
        folder.mkdir(exist_ok=True)
        self._files = sorted(folder.glob("part-*.parquet"))
        self._kept = 0
        self.ended: dict[int, Ending] = {}
        for file in self._files:
            count, endings = self._said(file)
            self._kept += count
            self.ended |= {ending.replica: ending for ending in endings}

    def keep(self, now: Moment) -> int:
        if len(now):
            self._waiting.append(now.labelled())
            self._kept += len(now)
            if sum(len(part) for part in self._waiting) >= self._rows:
                self.flush()
        return self._kept - 1

    def end(self, ending: Ending) -> None:
        self._new.append(ending)
        self.ended[ending.replica] = ending

    def flush(self) -> None:
        """What is waiting goes to disk."""
        import pyarrow.parquet as pq

        if not self._waiting and not self._new:
            return
        table = Frames.concat(self._waiting).to_arrow()
        said = {"stream": SCHEMA, "key": self._key, "endings": json.dumps([asdict(ending) for ending in self._new])}
        table = table.replace_schema_metadata({**(table.schema.metadata or {}), **said})
        file = self._folder / f"part-{len(self._files):06d}.parquet"
        unfinished = file.with_suffix(".unfinished")
        pq.write_table(table, unfinished, compression="zstd")
        unfinished.replace(file)
        self._files.append(file)
        self._waiting, self._new = [], []

    def frames(self) -> Frames:
        """Everything on disk, by replica and step; what a replica reached twice, the last time."""
        import pyarrow.parquet as pq

        # `partitioning=None`: the folder's name says nothing about the rows
        parts = [Frames.from_arrow(pq.read_table(file, partitioning=None)) for file in self._files]
        whole = Frames.concat([part for part in parts if len(part)])
        if not len(whole):
            return whole
        newest = np.arange(len(whole))[::-1]
        order = newest[np.lexsort((whole.extra["step"][::-1], whole.extra["replica"][::-1]))]
        pairs = np.stack([whole.extra["replica"][order], whole.extra["step"][order]])
        first = np.append(True, (np.diff(pairs) != 0).any(axis=0))
        return whole[order[first]]

    def endings(self) -> tuple[Ending, ...]:
        return tuple(self.ended[replica] for replica in sorted(self.ended))

    def close(self) -> None:
        """The parts are no longer needed."""
        for file in self._files:
            file.unlink()
        self._folder.rmdir()

    def _said(self, file: Path) -> tuple[int, Sequence[Ending]]:
        import pyarrow.parquet as pq

        meta = pq.read_metadata(file)
        said = {name.decode(): value.decode() for name, value in (meta.metadata or {}).items() if not name.startswith(b"ARROW")}
        if said.get("key") != self._key:
            raise InputError(
                f"{self._folder} holds the frames of a run with other settings; give the same settings to go on, or remove it"
            )
        return meta.num_rows, [Ending(**ending) for ending in json.loads(said["endings"])]
