"""Where a night stands and what comes next: pure functions of its events, the campaign's file, and the time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce
from typing import final

from reactal.config import CampaignConfig
from reactal.refinement.events import Concluded, Event, Gathered, Judged, Kept, Opened, Outcome, PortionLabelled, Taught

__all__ = [
    "Conclude",
    "Gather",
    "Judge",
    "Keep",
    "LabelPortion",
    "NightState",
    "Open",
    "Over",
    "Step",
    "Teach",
    "decide",
    "fold",
    "spent_limit",
]


@final
@dataclass(frozen=True)
class NightState:
    """Everything `decide` looks at."""

    events: int = 0
    opened: Opened | None = None
    gathered: Gathered | None = None
    kept: Kept | None = None
    taught: Taught | None = None
    judged: Judged | None = None
    concluded: Concluded | None = None
    portions: tuple[PortionLabelled, ...] = ()
    seconds: float = 0.0

    @property
    def asked(self) -> int:
        return sum(portion.asked for portion in self.portions)

    @property
    def failed(self) -> int:
        return sum(portion.failed for portion in self.portions)

    @property
    def core_seconds(self) -> float:
        return sum(portion.core_seconds for portion in self.portions)

    @property
    def place(self) -> int:
        """The row of the batch that comes next."""
        return self.portions[-1].stop if self.portions else 0


def fold(events: Iterable[Event], start: NightState | None = None) -> NightState:
    """The state after these events."""
    return reduce(_after, events, start or NightState())


def _after(state: NightState, event: Event) -> NightState:
    state = replace(state, events=state.events + 1, seconds=state.seconds + event.seconds)
    match event:
        case PortionLabelled():
            return replace(state, portions=(*state.portions, event))
        case Opened():
            return replace(state, opened=event)
        case Gathered():
            return replace(state, gathered=event)
        case Kept():
            return replace(state, kept=event)
        case Taught():
            return replace(state, taught=event)
        case Judged():
            return replace(state, judged=event)
        case Concluded():
            return replace(state, concluded=event)


@final
@dataclass(frozen=True)
class Open:
    """Find the champion, and what is known."""


@final
@dataclass(frozen=True)
class Gather:
    """Look at what came in and where the champion is weak; choose what to label."""


@final
@dataclass(frozen=True)
class LabelPortion:
    start: int
    stop: int


@final
@dataclass(frozen=True)
class Keep:
    """Freeze the tests, add the rest to the data set."""


@final
@dataclass(frozen=True)
class Teach:
    """Train the challenger, from the champion's weights."""


@final
@dataclass(frozen=True)
class Judge:
    """Champion and challenger on the same frozen tests."""


@final
@dataclass(frozen=True)
class Conclude:
    outcome: Outcome
    why: str


@final
@dataclass(frozen=True)
class Over:
    outcome: Outcome


Step = Open | Gather | LabelPortion | Keep | Teach | Judge | Conclude | Over


def decide(state: NightState, config: CampaignConfig, now: datetime) -> Step:
    """The next step. The time matters to labels alone: what is paid for is learnt from, however late it is."""
    if state.concluded is not None:
        return Over(state.concluded.outcome)
    if state.opened is None:
        return Open()
    if state.gathered is None:
        return Gather()
    if (broken := _broken(state, config)) is not None:
        return broken
    if state.kept is None:
        return _labels(state, state.opened, state.gathered, config, now)
    if state.judged is not None:
        return Conclude(Outcome.PROMOTED if state.judged.promote else Outcome.KEPT, state.judged.why)
    if not state.kept.new:
        return Conclude(Outcome.KEPT, "tonight's labels are all tests, so there is nothing to learn")
    return Teach() if state.taught is None else Judge()


def _labels(state: NightState, opened: Opened, gathered: Gathered, config: CampaignConfig, now: datetime) -> Step:
    """On with the batch, or with what there is of it."""
    if not gathered.batch_size:
        return Conclude(Outcome.KEPT, _idle(opened, gathered))
    spent = spent_limit(state, opened, config, now)
    if state.place < gathered.batch_size and spent is None:
        return LabelPortion(state.place, min(state.place + opened.plan.portion, gathered.batch_size))
    if state.asked > state.failed:
        return Keep()
    return Conclude(Outcome.KEPT, f"nothing was labelled: {spent or 'every label failed'}")


def spent_limit(state: NightState, opened: Opened, config: CampaignConfig, now: datetime) -> str | None:
    """The first limit that is reached, as a sentence. Labels are limited by the size of the batch already."""
    plan, hours = opened.plan, state.core_seconds / 3600.0
    if opened.ends is not None and now >= datetime.fromisoformat(opened.ends):
        return f"the end time {plan.until} is past"
    if plan.core_hours is not None and hours >= plan.core_hours:
        return f"the budget of {plan.core_hours:g} core-hours is spent"
    if plan.money is not None and hours * config.budget.price_per_core_hour >= plan.money:
        return f"the budget of {plan.money:g} in money is spent"
    return None


def _idle(opened: Opened, gathered: Gathered) -> str:
    if not opened.plan.labels:
        return "tonight's budget is 0 labels, so the champion was measured and nothing else"
    inside = sum(arrival.frames - arrival.known - arrival.outside for arrival in gathered.arrivals)
    return f"no new structure is worth a label: {inside} that came in lie inside the trust region, and dynamics met no weak spot"


def _broken(state: NightState, config: CampaignConfig) -> Conclude | None:
    """As in a campaign: a batch of failures means that something else is wrong."""
    rule = config.breaker
    if state.failed >= rule.least and state.failed > rule.share * state.asked:
        text = next((portion.failure_text for portion in state.portions if portion.failure_text), "")
        return Conclude(Outcome.HALTED, f"{state.failed} of {state.asked} labels failed; {text}")
    return None
