"""Rows that are read from files while training."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reactal.chem import Frames
from reactal.errors import ConfigError, DamagedObject, TooFewLabels
from reactal.potentials.architecture import Architecture
from reactal.potentials.references import References
from reactal.training.batches import TrainingBatch
from reactal.training.checkpoint import CheckpointPlace
from reactal.training.committee import jobs, streamed, train_committee
from reactal.training.lesson import Lesson
from reactal.training.member import run_job
from reactal.training.settings import Continual, TrainingSettings
from reactal.training.shards import StoredRows
from reactal.training.streaming import ahead, streamed_lesson
from tests.potentials.surface import METHANOL, WATER, labelled

SETTINGS = TrainingSettings(
    architecture=Architecture(features=8, interactions=1), steps_first=30, batch=4, validate_every=10, validation_share=0.1
)
SAME = 1e-9  # eV: one least-squares problem, summed in another order


@pytest.fixture(scope="module")
def frames() -> Frames:
    """Numbered."""
    rows = labelled(METHANOL, WATER, count=110)
    return rows.with_extra(number=np.arange(110.0))


@pytest.fixture
def rows(frames: Frames, tmp_path: Path) -> StoredRows:
    return StoredRows.write([frames[:33], frames[33:40], frames[40:]], str(tmp_path), "rows", shard_rows=25)


def numbers_of(batch: TrainingBatch, lesson: Lesson, frames: Frames) -> list[int]:
    """Which rows these are, told by their energies."""
    whole = frames.energy - lesson.references.sum(frames)
    return [int(np.abs(whole - energy).argmin()) for energy in batch.energy.tolist()]


def test_what_was_written_is_read_in_files_of_one_size(rows: StoredRows, frames: Frames) -> None:
    assert rows.sizes == (25, 25, 25, 25, 10)
    again = Frames.concat([rows.read(number) for number in range(5)])
    assert again.keys() == frames.keys()
    assert np.array_equal(again.forces, frames.forces)
    assert np.array_equal(again.extra["number"], np.arange(110))


def test_rows_without_a_label_are_left_out(frames: Frames, tmp_path: Path) -> None:
    energy = frames.energy.copy()
    energy[::2] = np.nan
    assert StoredRows.write([replace(frames, energy=energy)], str(tmp_path), "rows").sizes == (55,)


def test_a_pass_sees_every_row_that_is_not_held_out_and_no_other(rows: StoredRows, frames: Frames) -> None:
    lesson = streamed_lesson(rows, replace(SETTINGS, batch=1, steps_first=200), seed=3, start=None)
    kept = set(range(110)) - set(lesson.held_out.tolist())
    assert 4 < len(lesson.held_out) < 30
    seen = [number for batch in lesson.stream for number in numbers_of(batch, lesson, frames)]
    assert len(seen) == 200
    assert set(seen[: len(kept)]) == kept and len(set(seen[: len(kept)])) == len(kept)
    assert seen[: len(kept)] != sorted(kept) and seen[len(kept) : len(kept) + 20] != seen[:20]
    fold = lesson.fold
    assert fold is not None and sorted(numbers_of(fold, lesson, frames)) == sorted(lesson.held_out)


def test_references_are_those_of_all_rows_at_once(rows: StoredRows, frames: Frames) -> None:
    lesson = streamed_lesson(rows, SETTINGS, seed=3, start=None)
    assert lesson.references.sum(frames) == pytest.approx(References.fit(frames).sum(frames), abs=SAME)


def test_going_on_gives_the_batches_that_would_have_come(rows: StoredRows) -> None:
    """In the middle of the first files, past some, and in a later pass."""
    stream = streamed_lesson(rows, replace(SETTINGS, steps_first=70), seed=3, start=None).stream
    whole = [batch.energy.tolist() for batch in stream]
    for done in (1, 13, 41, 69):
        assert [batch.energy.tolist() for batch in stream.after(done)] == whole[done:]


def test_a_streamed_committee_that_is_killed_goes_on_to_the_same_bits(rows: StoredRows, tmp_path: Path) -> None:
    settings = replace(SETTINGS, checkpoint_steps=7)
    place = CheckpointPlace(str(tmp_path), "states")
    whole = train_committee(jobs(rows, settings, seeds=[1, 2]))
    work = jobs(rows, settings, seeds=[1, 2], checkpoints=place)
    assert len(work[0].rest) == 0 and work[0].digest != work[1].digest

    class Killed(Exception):
        pass

    def progress(step: int, steps: int, loss: float) -> None:
        if step == 17:
            raise Killed

    with pytest.raises(Killed):
        run_job(work[1], progress=progress)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("batches-ahead")]
    again = train_committee(work)
    assert [member.weights for member in again] == [member.weights for member in whole]
    assert again[1].notes == ("training went on from step 14",)


def test_old_rows_cannot_be_told_from_new_ones_in_a_stream(rows: StoredRows) -> None:
    (first,) = train_committee(jobs(rows, replace(SETTINGS, steps_first=2), seeds=[1]))
    work = jobs(rows, replace(SETTINGS, continual=Continual("replay")), seeds=[1], warm_starts=[first.weights])
    with pytest.raises(ConfigError, match="replay needs all rows in memory"):
        run_job(work[0])


def test_a_damaged_file_is_named(rows: StoredRows, tmp_path: Path) -> None:
    file = tmp_path / "rows" / f"{rows.names[2]}.parquet"
    file.write_bytes(file.read_bytes()[:-5])
    with pytest.raises(DamagedObject, match=rows.names[2]):
        run_job(jobs(rows, SETTINGS, seeds=[1])[0])


def test_nothing_to_learn_from_is_said(frames: Frames, tmp_path: Path) -> None:
    empty = StoredRows.write([frames[:0]], str(tmp_path), "rows")
    with pytest.raises(TooFewLabels):
        run_job(jobs(empty, SETTINGS, seeds=[1])[0])


def test_what_is_made_ahead_keeps_its_order_and_its_mistakes() -> None:
    def items() -> Iterator[int]:
        yield from range(5)
        raise ValueError("the sixth")

    ahead_of = ahead(items, depth=3)
    assert [next(ahead_of) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="the sixth"):
        next(ahead_of)


def test_from_the_setting_on_labels_are_streamed_and_fewer_are_not(frames: Frames, tmp_path: Path) -> None:
    place = CheckpointPlace(str(tmp_path), "training/3")
    with streamed(frames, replace(SETTINGS, stream_from=111), place=place) as taught:
        assert taught is frames
    with streamed(frames, replace(SETTINGS, stream_from=110), place=place) as taught:
        assert isinstance(taught, StoredRows) and len(taught) == 110
        (member,) = train_committee(jobs(taught, SETTINGS, seeds=[1]))
        assert member.curve
    assert not [file for file in (tmp_path / "training").rglob("*") if file.is_file()]
