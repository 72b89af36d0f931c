"""Training on more rows than fit into memory: they are read file by file, shuffled and collated ahead of the steps.

The order: in every pass the files in a new order, `FILES_AT_ONCE` at a time, the rows of those mixed. So rows far apart meet, and
memory holds a few files and a few thousand collated rows, whatever the number of files.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import Final, TypeVar, final

import numpy as np
import torch
from numpy.typing import NDArray

from reactal.chem import Frames
from reactal.errors import ConfigError, TooFewLabels
from reactal.potentials.device import CPU
from reactal.potentials.references import References
from reactal.potentials.weights import Member
from reactal.training.batches import TrainingBatch, TrainingSet
from reactal.training.fold import held_out_rows
from reactal.training.lesson import Lesson
from reactal.training.settings import TrainingSettings
from reactal.training.shards import StoredRows

__all__ = ["FOLD_ROWS", "ShardStream", "ahead", "streamed_lesson"]

Ints = NDArray[np.int64]
Item = TypeVar("Item")
FILES_AT_ONCE = 2
COLLATED_ROWS = 2048  # collated together, and cut into batches
BLOCKS_AHEAD = 2
FOLD_ROWS = 1000  # held out at most: they are evaluated together, again and again
SAMPLE = 4096  # rows that tell of all
END: Final = object()


@final
@dataclass(frozen=True, eq=False)
class Sample:
    """Some rows of every file; `uniform`: whether all rows of all files have as many atoms and pairs."""

    rows: TrainingSet
    uniform: bool

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def atom_counts(self) -> Ints:
        return self.rows.atom_counts

    @property
    def pair_counts(self) -> Ints:
        return self.rows.pair_counts

    def batch(self, rows: Ints) -> TrainingBatch:
        return self.rows.batch(rows)


@final
@dataclass(frozen=True, eq=False)
class ShardStream:
    """The batches of one training, read when asked for. `taught`: the rows of each file that are trained on."""

    rows: StoredRows
    taught: tuple[Ints, ...]
    data: Sample
    settings: TrainingSettings
    references: References
    seed: int
    steps: int
    done: int = 0
    device: torch.device = CPU

    def after(self, done: int) -> ShardStream:
        """The same batches without the first `done`; files that these alone are drawn from are not read."""
        return replace(self, done=done)

    def on(self, device: torch.device) -> ShardStream:
        """The same batches there; rows go there before they are asked for."""
        return replace(self, device=device, data=replace(self.data, rows=self.data.rows.on(device)))

    def __iter__(self) -> Iterator[TrainingBatch]:
        left = self.steps - self.done
        for block in ahead(partial(self._blocks, self.done), depth=BLOCKS_AHEAD):
            for start in range(0, len(block), self.settings.batch):
                if left == 0:
                    return
                left -= 1
                yield block.batch(np.arange(start, start + self.settings.batch))

    def _blocks(self, skipped: int) -> Iterator[TrainingSet]:
        """Collated rows in the order of training, whole batches of them."""
        size = self.settings.batch
        for group, rng in self._groups():
            owners = np.repeat(group, [len(self.taught[number]) for number in group])
            batches = len(owners) // size  # the few rows that are left over wait for the next pass
            order = rng.permutation(len(owners))[: batches * size]
            if skipped >= batches:
                skipped -= batches
                continue
            rows = Frames.concat([self.rows.read(number)[self.taught[number]] for number in group])
            for chosen in np.split(order, range(skipped * size, len(order), self._block_rows))[1:]:
                yield TrainingSet.of(rows[chosen], self.settings, self.references).on(self.device)
            skipped = 0

    @property
    def _block_rows(self) -> int:
        return max(COLLATED_ROWS // self.settings.batch, 1) * self.settings.batch

    def _groups(self) -> Iterator[tuple[Ints, np.random.Generator]]:
        for epoch in count():
            rng = np.random.default_rng((self.seed, epoch))
            files = rng.permutation(len(self.taught))
            for start in range(0, len(files), FILES_AT_ONCE):
                yield files[start : start + FILES_AT_ONCE], rng


def ahead(items: Callable[[], Iterator[Item]], *, depth: int) -> Iterator[Item]:
    """The items in their order, `depth` of them made by another thread before they are asked for."""
    source = items()
    thread = ThreadPoolExecutor(1, "batches-ahead")
    try:
        waiting = deque(thread.submit(next, source, END) for _ in range(depth))
        while (item := waiting.popleft().result()) is not END:
            waiting.append(thread.submit(next, source, END))
            yield item  # type: ignore[misc]
    finally:
        thread.shutdown(cancel_futures=True)  # nobody asks for the rest


def streamed_lesson(rows: StoredRows, settings: TrainingSettings, *, seed: int, start: Member | None) -> Lesson:
    """As `Lesson.of`, from one pass over the files. At most about `FOLD_ROWS` rows are held out."""
    if start is not None and settings.continual.kind != "none":
        raise ConfigError(
            f"training.continual: {settings.continual.kind} needs all rows in memory; write none, "
            f"or a training.stream_from above {len(rows)}"
        )
    number = seed if start is None else start.fold
    share = min(settings.validation_share, FOLD_ROWS / max(len(rows), 1))
    survey = _Survey(replace(settings, validation_share=share), fold=number, files=len(rows.names))
    parts = (survey.seen(rows.read(file)) for file in range(len(rows.names)))
    references = References.over(parts, known=start and start.references)
    taught = tuple(survey.taught)
    size = min(settings.batch, max((len(part) for part in taught), default=0))
    if not size:
        raise TooFewLabels("there is no labelled structure to train on; label some first")
    used = replace(settings, batch=size)
    steps = settings.steps(warm=start is not None)
    stream = ShardStream(rows, taught, survey.sample(used, references), used, references, seed, steps)
    fold = survey.fold_rows
    batch = TrainingSet.of(fold, settings, references).whole if len(fold) else None
    return Lesson(stream, references, number, np.array(survey.held_out, dtype=np.int64), batch, None)


@final
class _Survey:
    """What one pass over the files tells."""

    def __init__(self, settings: TrainingSettings, *, fold: int, files: int) -> None:
        self._settings, self._fold, self._sampled = settings, fold, -(-SAMPLE // max(files, 1))
        self._rows, self._sizes = 0, set[int]()
        self._periodic = False
        self._kept: list[Frames] = []
        self._sample: list[Frames] = []
        self.taught: list[Ints] = []
        self.held_out: list[int] = []

    def seen(self, rows: Frames) -> Frames:
        held_out = held_out_rows(rows, self._settings, fold=self._fold)
        self.taught.append(np.setdiff1d(np.arange(len(rows)), held_out))
        self.held_out += (self._rows + held_out).tolist()
        self._kept.append(rows[held_out])
        self._rows += len(rows)
        self._sizes |= set(rows.sizes.tolist())
        self._periodic |= rows.pbc is not None and bool(rows.pbc.any())
        self._sample.append(rows[: self._sampled])
        return rows

    @property
    def fold_rows(self) -> Frames:
        return Frames.concat(self._kept)

    def sample(self, settings: TrainingSettings, references: References) -> Sample:
        data = TrainingSet.of(Frames.concat(self._sample), settings, references)
        return Sample(data, data.uniform and len(self._sizes) == 1 and not self._periodic)
