"""A member's training in a process of its own, to be killed: `python -m tests.training.killed_member STORE STEP`.

At that step it says `there` and waits for leave to go on.
"""

from __future__ import annotations

import sys

from reactal.potentials.architecture import Architecture
from reactal.training.checkpoint import CheckpointPlace
from reactal.training.member import MemberJob, run_job
from reactal.training.settings import TrainingSettings
from tests.potentials.surface import METHANOL, labelled

EVERY = 7
SETTINGS = TrainingSettings(
    architecture=Architecture(features=8, interactions=1),
    steps_first=30,
    validate_every=5,
    checkpoint_steps=EVERY,
)


def job(place: CheckpointPlace | None = None, *, seed: int = 1) -> MemberJob:
    return MemberJob.of(labelled(METHANOL, count=24), SETTINGS, seed=seed, checkpoints=place)


def train_until(store: str, stop: int) -> None:
    def wait(step: int, steps: int, loss: float) -> None:
        if step == stop:
            print("there", flush=True)
            sys.stdin.readline()

    run_job(job(CheckpointPlace(store, "states")), progress=wait)


if __name__ == "__main__":
    train_until(sys.argv[1], int(sys.argv[2]))
