"""A member that several processes train together over gloo."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reactal.chem import Frames
from reactal.errors import TrainingInterrupted
from reactal.potentials.architecture import Architecture
from reactal.training.checkpoint import CheckpointPlace
from reactal.training.committee import assemble
from reactal.training.member import MemberJob, run_job
from reactal.training.settings import TrainingSettings
from tests.labeling.watching import parent_of
from tests.potentials.surface import METHANOL, WATER, labelled

pytestmark = [pytest.mark.server, pytest.mark.slow]

SETTINGS = TrainingSettings(
    architecture=Architecture(features=8, interactions=1), steps_first=30, batch=5, validate_every=10, checkpoint_steps=8
)
SAME_FORCE = 2e-3  # eV/angstrom after 30 steps at a high rate, which carry the rounding of sums on
SAME_CURVE = 5e-3  # of the validation loss


@pytest.fixture(scope="module")
def frames() -> Frames:
    return labelled(METHANOL, WATER, count=30)


def children() -> list[int]:
    """Processes that this one started and that run a share of a training."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                if b"reactal.training.rank" in (folder / "cmdline").read_bytes() and parent_of(int(folder.name)) == os.getpid():
                    found.append(int(folder.name))
            except OSError:
                continue  # it ended meanwhile
    return found


def test_two_processes_train_what_one_does_and_one_that_is_killed_is_said(frames: Frames, tmp_path: Path) -> None:
    """Batches of five: the shares are of three structures and of two. After the kill the training goes on from its state."""
    alone = run_job(MemberJob.of(frames, replace(SETTINGS, checkpoint_steps=0), seed=1))
    place = CheckpointPlace(str(tmp_path), "states")
    job = MemberJob.of(frames, replace(SETTINGS, processes=2), seed=1, checkpoints=place)

    def kill(step: int, steps: int, loss: float) -> None:
        if step == 12:
            (other,) = children()
            os.kill(other, signal.SIGKILL)

    with pytest.raises(TrainingInterrupted, match="one of 2 that trained together, ended"):
        run_job(job, progress=kill)
    together = run_job(job)
    assert together.notes == ("training went on from step 8",)
    assert children() == []
    assert together.held_out == alone.held_out
    assert [point.step for point in together.curve] == [point.step for point in alone.curve]
    assert together.best.validation_loss == pytest.approx(alone.best.validation_loss, rel=SAME_CURVE)
    one, two = (assemble([member]).predict(frames) for member in (alone, together))
    assert np.abs(one.forces - two.forces).max() < SAME_FORCE
