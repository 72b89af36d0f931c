"""A committee's training: its members as jobs, run by whatever runs jobs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from reactal.chem import Frames
from reactal.potentials.committee import Committee
from reactal.potentials.weights import Member
from reactal.training.member import MemberJob, TrainedMember, run_job
from reactal.training.settings import TrainingSettings

__all__ = ["Pending", "Submit", "assemble", "jobs", "train_committee"]


class Pending(Protocol):
    """A future of `concurrent.futures` or of Dask."""

    def result(self) -> TrainedMember:
        """Wait for it; raises what the job raised."""


Submit = Callable[[Callable[[MemberJob], TrainedMember], MemberJob], Pending]


def jobs(
    frames: Frames, settings: TrainingSettings, *, seeds: Sequence[int], warm_starts: Sequence[bytes | None] = ()
) -> list[MemberJob]:
    """One job a seed, each starting from the weights of the same place where there are any."""
    starts = [*warm_starts, *[None] * (len(seeds) - len(warm_starts))]
    rest = settings.left_of(frames)  # once for all members
    return [MemberJob.of(rest, settings, seed=seed, warm_start=start) for seed, start in zip(seeds, starts, strict=True)]


def train_committee(work: Sequence[MemberJob], *, submit: Submit | None = None) -> list[TrainedMember]:
    """The members in the order of their jobs; one after another in this process where nothing else is to run them.

    The numbers are the same whichever way.
    """
    if submit is None:
        return [run_job(job) for job in work]
    pending = [submit(run_job, job) for job in work]
    return [future.result() for future in pending]


def assemble(members: Sequence[TrainedMember], **about: Any) -> Committee:
    """The potential that trained members make together."""
    return Committee.of([Member.from_bytes(member.weights, name=f"member {i}") for i, member in enumerate(members)], **about)
