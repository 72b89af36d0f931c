"""What `reactal train` learns from: rows in memory, or of a data set that does not have to fit into it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, final

import numpy as np

from reactal.chem import Frames
from reactal.cli.references import labelled_frames, opened, parse_reference

if TYPE_CHECKING:
    from reactal.training.settings import TrainingSettings
    from reactal.training.shards import StoredRows

__all__ = ["LearntFrom", "learnt_from"]

KEPT_OUT_ROWS = 5000  # of a large data set: more would not make the errors any surer
SAMPLE_ROWS = 2000
Taught = Callable[["TrainingSettings"], AbstractContextManager["Frames | StoredRows"]]


@final
@dataclass(frozen=True, eq=False)
class LearntFrom:
    """`frames` to learn from, or a sample of them where they are many; those kept out; how many there are to learn from.

    `taught`: what members are taught by settings, ready while it is entered.
    """

    frames: Frames
    kept_out: Frames
    rows: int
    taught: Taught


def learnt_from(dataset: str, store: str, *, hold_out: float, seed: int, stream_from: int, beside: Path) -> LearntFrom:
    """From DATASET as the command line names it; files that are streamed from lie for a while next to `beside`."""
    from reactal.chem.files import is_file_of_frames
    from reactal.labeling.quality import weighted

    if not is_file_of_frames(Path(dataset)):
        name, number = parse_reference(dataset)
        version = opened(store).show(name, number)
        if version.rows >= stream_from:
            return _large(_Large(dataset, store, version.rows, hold_out, seed), beside=beside)
    frames = labelled_frames(dataset, store)
    order = np.random.default_rng(seed).permutation(len(frames))
    kept_out = frames[np.sort(order[: round(hold_out * len(frames))])]
    used = weighted(frames[np.sort(order[round(hold_out * len(frames)) :])])

    @contextmanager
    def taught(settings: TrainingSettings) -> Iterator[Frames | StoredRows]:
        from reactal.training.checkpoint import CheckpointPlace
        from reactal.training.committee import streamed

        if len(used) < settings.stream_from:
            yield used
            return
        with _scratch(beside) as url, streamed(used, settings, place=CheckpointPlace(url, "rows")) as rows:
            yield rows

    return LearntFrom(used, kept_out, len(used), taught)


@final
@dataclass(frozen=True)
class _Large:
    """A data set of a store, read shard by shard; which rows are kept out follows from the seed and the shard's number."""

    dataset: str
    store: str
    rows: int
    hold_out: float
    seed: int

    def parts(self) -> Iterator[tuple[Frames, Frames]]:
        """To learn from, and kept out."""
        from reactal.labeling.quality import weighted

        name, number = parse_reference(self.dataset)
        share = min(self.hold_out, KEPT_OUT_ROWS / self.rows)
        for place, part in enumerate(opened(self.store).parts(name, number)):
            out = np.random.default_rng((self.seed, place)).random(len(part)) < share
            yield weighted(part[part.labelled & ~out]), part[part.labelled & out]


def _large(source: _Large, *, beside: Path) -> LearntFrom:
    sample, kept_out, rows = list[Frames](), list[Frames](), 0
    for used, out in source.parts():
        kept_out.append(out)
        step = max(source.rows // SAMPLE_ROWS, 1)
        sample.append(used[np.arange(0, len(used), step)])
        rows += len(used)

    @contextmanager
    def taught(settings: TrainingSettings) -> Iterator[Frames | StoredRows]:
        from reactal.training.shards import StoredRows

        with _scratch(beside) as url:
            yield StoredRows.write((settings.left_of(used) for used, _ in source.parts()), url, "rows")

    return LearntFrom(Frames.concat(sample), Frames.concat(kept_out), rows, taught)


@contextmanager
def _scratch(beside: Path) -> Iterator[str]:
    beside.absolute().parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=beside.absolute().parent, prefix=f".{beside.name}-") as folder:
        yield folder
