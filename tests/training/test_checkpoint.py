"""Members that are killed go on from what they kept, to the same bits."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from reactal.store.opening import open_store
from reactal.training.checkpoint import CheckpointPlace, Checkpoints
from reactal.training.committee import train_committee
from reactal.training.member import MemberJob, TrainedMember, run_job
from tests.training.killed_member import EVERY, SETTINGS, job

ROOT = Path(__file__).parents[2]


class Killed(Exception):
    """Stands for the end of the process, where only what lies in the store matters."""


@pytest.fixture(scope="module")
def undisturbed() -> TrainedMember:
    return run_job(job())


@pytest.fixture
def place() -> CheckpointPlace:
    return CheckpointPlace(f"memory://{uuid4().hex}", "states")


def names(place: CheckpointPlace) -> list[str]:
    return list(open_store(place.url).list(f"{place.prefix}/"))


def at(stop: int) -> Callable[[int, int, float], None]:
    def progress(step: int, steps: int, loss: float) -> None:
        if step == stop:
            raise Killed

    return progress


def killed(work: MemberJob, *, step: int) -> None:
    with pytest.raises(Killed):
        run_job(work, progress=at(step))


def same(one: TrainedMember, other: TrainedMember) -> bool:
    return (one.weights, one.curve, one.held_out) == (other.weights, other.curve, other.held_out)


@pytest.mark.slow
def test_a_process_killed_in_the_middle_goes_on_to_the_same_bits(undisturbed: TrainedMember, tmp_path: Path) -> None:
    place = CheckpointPlace(str(tmp_path), "states")
    command = [sys.executable, "-m", "tests.training.killed_member", str(tmp_path), "23"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "there\n"
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    (left,) = names(place)
    assert f"/00-{21:09d}-" in left
    (member,) = train_committee([job(place)])
    assert member.notes == ("training went on from step 21",)
    assert same(member, undisturbed)
    assert names(place) == []


@pytest.mark.parametrize("trace_from", [200, 1], ids=["eager", "traced"])
def test_a_member_may_be_killed_again_and_again(trace_from: int, undisturbed: TrainedMember, place: CheckpointPlace) -> None:
    """Before the first state, between two, in the second half where the best weights are kept, and after the last step."""
    settings = replace(SETTINGS, trace_from=trace_from)
    whole = undisturbed if settings == SETTINGS else run_job(replace(job(), settings=settings))
    work = replace(job(place), settings=settings)
    for step in (EVERY - 1, EVERY + 1, 2 * EVERY + 1, settings.steps_first - 2, settings.steps_first):
        killed(work, step=step)
    member = run_job(work)
    assert same(member, whole)
    assert member.notes == (f"training went on from step {settings.steps_first}",)


def test_a_damaged_state_is_noticed_and_training_starts_anew(undisturbed: TrainedMember, place: CheckpointPlace) -> None:
    killed(job(place), step=EVERY + 1)
    store, (name,) = open_store(place.url), names(place)
    data = bytearray(store.get(name))
    data[-100] ^= 1
    store.put(name, bytes(data))
    member = run_job(job(place))
    assert member.notes == (f"the checkpoint {name} is damaged", "training started anew")
    assert same(member, undisturbed)


def test_a_state_of_another_training_is_not_gone_on_from(place: CheckpointPlace) -> None:
    killed(job(place), step=EVERY + 1)
    state, notes = Checkpoints(place, job(place).digest).newest()
    assert state is not None and state.step == EVERY and notes == ()
    other = replace(SETTINGS, batch=9)
    for work in (job(place, seed=2), replace(job(place), settings=other), replace(job(place), warm_start=b"others")):
        state, notes = Checkpoints(place, work.digest).newest()
        assert state is None
        assert "is of other labels, settings or seeds" in notes[0]


def test_a_member_that_diverged_goes_on_in_its_later_attempt(place: CheckpointPlace) -> None:
    wild = replace(SETTINGS, learning_rate_first=2e3, warmup=1, restarts=14)
    whole = run_job(replace(job(), settings=wild))
    work = replace(job(place), settings=wild)
    reached: list[int] = []

    def progress(step: int, steps: int, loss: float) -> None:
        if step == 1:
            reached.append(step)
        if len(reached) > whole.restarts and step == 24:
            raise Killed

    with pytest.raises(Killed):
        run_job(work, progress=progress)
    member = run_job(work)
    assert member.restarts == whole.restarts > 0
    assert member.notes == ("training went on from step 21",)
    assert same(member, whole)


def test_without_being_asked_nothing_is_kept(place: CheckpointPlace) -> None:
    work = replace(job(place), settings=replace(SETTINGS, checkpoint_steps=0))
    killed(work, step=EVERY + 1)
    assert names(place) == []
