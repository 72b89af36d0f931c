"""A committee's training: its members as jobs, run by whatever runs jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Protocol

import torch

from reactal.chem import Frames
from reactal.potentials.committee import Committee
from reactal.potentials.device import memory_is_short, usable_gpus
from reactal.potentials.weights import Member
from reactal.training.checkpoint import CheckpointPlace
from reactal.training.member import MemberJob, TrainedMember, run_job
from reactal.training.module import Diverged
from reactal.training.settings import TrainingSettings
from reactal.training.shards import StoredRows
from reactal.training.stacked import NotStackable, train_stack

__all__ = ["Pending", "Submit", "assemble", "jobs", "stacks", "streamed", "train_committee"]


class Pending(Protocol):
    """A future of `concurrent.futures` or of Dask."""

    def result(self) -> Any:
        """Wait for it: what the call gave; raises what it raised."""


Submit = Callable[[Callable[[Any], Any], Any], Pending]  # a function of one argument, and the argument


def jobs(
    frames: Frames | StoredRows,
    settings: TrainingSettings,
    *,
    seeds: Sequence[int],
    warm_starts: Sequence[bytes | None] = (),
    checkpoints: CheckpointPlace | None = None,
) -> list[MemberJob]:
    """One job a seed, each starting from the weights of the same place where there are any.

    Below `checkpoints` each keeps its state by its number. Rows that are stored are less the settings' baseline already.
    """
    starts = [*warm_starts, *[None] * (len(seeds) - len(warm_starts))]
    if isinstance(frames, StoredRows):
        first = MemberJob(b"", settings, seeds[0], stored=frames)
    else:
        first = MemberJob.of(settings.left_of(frames), settings, seed=seeds[0])  # once for all members
    places = [None if checkpoints is None else checkpoints.below(number) for number in range(len(seeds))]
    return [
        replace(first, seed=seed, warm_start=start, checkpoints=place, number=number)
        for number, (seed, start, place) in enumerate(zip(seeds, starts, places, strict=True))
    ]


@contextmanager
def streamed(frames: Frames, settings: TrainingSettings, *, place: CheckpointPlace) -> Iterator[Frames | StoredRows]:
    """The frames; from `settings.stream_from` of them on, files at the place with what is left to learn of them, for a while."""
    if len(frames) < settings.stream_from:
        yield frames
        return
    rows = StoredRows.write([settings.left_of(frames)], place.url, place.prefix, single_writer=place.single_writer)
    try:
        yield rows
    finally:
        rows.clear()


def train_committee(work: Sequence[MemberJob], *, submit: Submit | None = None) -> list[TrainedMember]:
    """The members in the order of their jobs; one after another in this process where nothing else is to run them.

    The numbers are the same whichever way. What the jobs kept to go on from is removed when all are through.
    """
    if stacks(work, submit=submit):
        members = _as_stack(work) if submit is None else submit(_as_stack, work).result()
    elif submit is None:
        members = [run_job(job) for job in work]
    else:
        pending = [submit(run_job, job) for job in work]
        members = [future.result() for future in pending]
    for job in work:
        if job.checkpoints is not None:
            job.checkpoints.clear()
    return members


def stacks(work: Sequence[MemberJob], *, submit: Submit | None = None) -> bool:
    """Whether the members are trained as one stack: if the settings say so, and on a single GPU, which one small network leaves
    idle. Where there are several GPUs and something that runs jobs, each member has one."""
    settings = work[0].settings
    if len(work) == 1 or settings.stacked == "never":
        return False
    if settings.stacked:
        return True
    if settings.device == "cpu" or not torch.backends.cuda.is_built():
        return False
    count = usable_gpus(settings.device) if submit is None else submit(usable_gpus, settings.device).result()
    return count == 1 or (submit is None and count > 1)


def _as_stack(work: Sequence[MemberJob]) -> list[TrainedMember]:
    """One after another where that cannot be, which the first of them tells."""
    try:
        return train_stack(work)
    except (NotStackable, Diverged) as reason:
        why = str(reason)
    except RuntimeError as error:
        if not memory_is_short(error):
            raise
        why = "the device has no memory for all of them at once"
    first, *others = (run_job(job) for job in work)
    note = f"the members were trained one after another, not as a stack: {why}"
    return [replace(first, notes=(*first.notes, note)), *others]


def assemble(members: Sequence[TrainedMember], **about: Any) -> Committee:
    """The potential that trained members make together."""
    return Committee.of([Member.from_bytes(member.weights, name=f"member {i}") for i, member in enumerate(members)], **about)
