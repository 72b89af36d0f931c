"""Where a campaign stands: the fold of its events. Nothing else is remembered anywhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import final

from reactal.campaign.events import (
    Amended,
    Approved,
    ArmPoint,
    BatchChosen,
    Calibrated,
    Event,
    Explored,
    Finished,
    Labelled,
    Outcome,
    Paused,
    Resumed,
    SaddleTest,
    Seeded,
    Started,
    Trained,
    ValleyProbe,
    Verified,
    WayTest,
)

__all__ = ["CampaignState", "fold"]


@final
@dataclass(frozen=True)
class CampaignState:
    """Everything `decide` looks at. `iteration` counts trainings; a batch is pending until it is labelled."""

    events: int = 0
    config: str = ""
    seed: int = 0
    paused: str | None = None
    approved: Approved | None = None
    outcome: Outcome | None = None
    evidence: tuple[str, ...] = ()
    seeded: Seeded | None = None
    pending: BatchChosen | None = None
    trained: Trained | None = None
    explored: Explored | None = None
    calibrated: Calibrated | None = None
    verified: Verified | None = None
    labelled: tuple[Labelled, ...] = ()
    calibrations: tuple[Calibrated, ...] = ()
    explorations: tuple[Explored, ...] = ()
    trainings: tuple[Trained, ...] = ()
    labels_asked: int = 0
    labels_before: int = 0  # asked for when the campaign was last given a fresh budget
    rounds_before: int = 0  # labelled batches by then: what they showed has led to an outcome already
    explorations_before: int = 0  # likewise
    computed: int = 0
    reused: int = 0
    failed: int = 0
    core_seconds: float = 0.0
    seconds: dict[str, float] = field(default_factory=dict)
    seconds_before: float = 0.0

    @property
    def iteration(self) -> int:
        """The iteration that is under way; 0 until the first model is trained on."""
        return len(self.trainings)

    @property
    def dataset(self) -> int:
        return self.labelled[-1].dataset if self.labelled else 0

    @property
    def arm(self) -> tuple[ArmPoint, ...]:
        """The random arm so far, in order."""
        return tuple(point for labelled in self.labelled for point in labelled.arm)

    @property
    def tests(self) -> tuple[SaddleTest, ...]:
        """Every honest test of a saddle so far, in order."""
        return tuple(labelled.saddle for labelled in self.labelled if labelled.saddle is not None)

    @property
    def probes(self) -> tuple[ValleyProbe, ...]:
        """Every valley that the reference was asked about, in order."""
        return tuple(labelled.valley for labelled in self.labelled if labelled.valley is not None)

    @property
    def ways(self) -> WayTest | None:
        """The last test of the ways down from the saddle."""
        return next((labelled.ways for labelled in reversed(self.labelled) if labelled.ways is not None), None)

    @property
    def wall_seconds(self) -> float:
        return sum(self.seconds.values())


def fold(events: Iterable[Event], start: CampaignState | None = None) -> CampaignState:
    """The state after these events."""
    return reduce(_after, events, start or CampaignState())


def _after(state: CampaignState, event: Event) -> CampaignState:
    stage = dict(state.seconds)
    stage[event.kind] = stage.get(event.kind, 0.0) + event.seconds
    state = replace(state, events=state.events + 1, seconds=stage)
    match event:
        case Started():
            return replace(state, config=event.config, seed=event.seed)
        case Amended():
            return replace(state, config=event.config)
        case Paused():
            return replace(state, paused=event.reason)
        case Resumed():
            return _resumed(state)
        case Approved():
            return replace(state, approved=event)
        case Seeded():
            pending = BatchChosen(iteration=0, batch=event.batch, batch_size=event.batch_size, focus=False, dropped={})
            spent = _spend(state, event, asked=event.labels, failed=event.failed)
            return replace(spent, seeded=event, pending=pending)
        case BatchChosen():
            return replace(state, pending=event)
        case Labelled():
            spent = _spend(state, event, asked=event.asked, failed=event.failed)
            return replace(spent, pending=None, labelled=(*state.labelled, event), verified=None)
        case Calibrated():
            return replace(state, calibrated=event, calibrations=(*state.calibrations, event))
        case Trained():
            return replace(state, trained=event, trainings=(*state.trainings, event))
        case Explored():
            return replace(state, explored=event, explorations=(*state.explorations, event))
        case Verified():
            return replace(_spend(state, event, asked=event.asked, failed=0), verified=event)
        case Finished():
            return replace(state, outcome=event.outcome, evidence=event.evidence)


def _resumed(state: CampaignState) -> CampaignState:
    """A pause ends as it was; a finished campaign gets a fresh budget from here."""
    if state.outcome is None:
        return replace(state, paused=None)
    return replace(
        state,
        paused=None,
        approved=None,
        outcome=None,
        evidence=(),
        verified=None,
        labels_before=state.labels_asked,
        rounds_before=len(state.labelled),
        explorations_before=len(state.explorations),
        seconds_before=state.wall_seconds,
    )


def _spend(state: CampaignState, event: Seeded | Labelled | Verified, *, asked: int, failed: int) -> CampaignState:
    return replace(
        state,
        labels_asked=state.labels_asked + asked,
        computed=state.computed + event.computed,
        reused=state.reused + event.reused,
        failed=state.failed + failed,
        core_seconds=state.core_seconds + event.core_seconds,
    )
